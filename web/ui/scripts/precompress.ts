// Writes a .gz and a .br file beside every text asset of a build, so that the server only picks
// one: compressing on the fly costs processor time that a small board needs for trading.
import { readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import type { Plugin } from "vite";

const COMPRESSIBLE = /\.(?:js|css|html|svg|webmanifest|json|txt)$/;
const SIZE_BYTES_MIN = 256;

const gzipBytes = promisify(gzip) as (bytes: Buffer, options: object) => Promise<Buffer>;
const brotliBytes = promisify(brotliCompress) as (
  bytes: Buffer,
  options: object,
) => Promise<Buffer>;

/** Compresses one file twice; small ones are left alone because headers would outweigh the gain. */
async function compressFile(path: string): Promise<void> {
  const content = await readFile(path);
  if (content.length < SIZE_BYTES_MIN) return;
  const [zipped, brotlied] = await Promise.all([
    gzipBytes(content, { level: 9 }),
    brotliBytes(content, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: content.length } }),
  ]);
  await Promise.all([writeFile(`${path}.gz`, zipped), writeFile(`${path}.br`, brotlied)]);
}

/** Vite plug-in that runs after the bundle and the public files are in `outDir`. */
export function precompress(): Plugin {
  let directory = "";
  return {
    name: "precompress",
    apply: "build",
    configResolved(config) {
      directory = config.build.outDir;
    },
    async closeBundle() {
      const entries = await readdir(directory, { recursive: true, withFileTypes: true });
      const files = entries.filter((entry) => entry.isFile() && COMPRESSIBLE.test(entry.name));
      await Promise.all(files.map((entry) => compressFile(join(entry.parentPath, entry.name))));
      // A running server reads the folder again when the index changes, and must find all of it.
      const now = new Date();
      await utimes(join(directory, "index.html"), now, now);
    },
  };
}
