// Fails when the built dashboard has grown beyond its budget, counted in gzip as it travels.
// Usage: npm run build && npm run budget
import { readdir, readFile, stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const STATIC = fileURLToPath(new URL("../../pi5_web/static/", import.meta.url));
const KB = 1000;
const BUDGET_KB = {
  "initial JavaScript": 100,
  "initial + Overview": 110,
  "chart chunk": 65,
  "all JavaScript": 200,
  CSS: 15,
};

async function zippedBytes(file) {
  const zipped = await stat(`${STATIC}${file}.gz`).catch(() => null);
  return zipped ? zipped.size : (await stat(`${STATIC}${file}`)).size;
}

/** The chunks that are wanted and everything they import before they can run. */
function filesFor(manifest, wanted) {
  const files = new Set();
  const visit = (name) => {
    const chunk = manifest[name];
    if (files.has(chunk.file)) return;
    files.add(chunk.file);
    for (const imported of chunk.imports ?? []) visit(imported);
  };
  for (const [name, chunk] of Object.entries(manifest)) if (wanted(name, chunk)) visit(name);
  return [...files];
}

const isEntry = (_, chunk) => chunk.isEntry === true;

async function totalBytes(files) {
  const sizes = await Promise.all(files.map(zippedBytes));
  return sizes.reduce((sum, size) => sum + size, 0);
}

const manifest = JSON.parse(await readFile(`${STATIC}build-manifest.json`, "utf8"));
const assets = (await readdir(`${STATIC}assets`)).map((name) => `assets/${name}`);
const chart = Object.entries(manifest).find(([name]) => name.includes("EquityChart"))?.[1];
if (!chart) throw new Error("The build has no chart chunk: is it still loaded lazily?");

const measured = {
  "initial JavaScript": await totalBytes(filesFor(manifest, isEntry)),
  "initial + Overview": await totalBytes(
    filesFor(manifest, (name, chunk) => isEntry(name, chunk) || name.includes("Overview")),
  ),
  "chart chunk": await zippedBytes(chart.file),
  "all JavaScript": await totalBytes(assets.filter((name) => name.endsWith(".js"))),
  CSS: await totalBytes(assets.filter((name) => name.endsWith(".css"))),
};

let exceeded = false;
for (const [part, bytes] of Object.entries(measured)) {
  const over = bytes > BUDGET_KB[part] * KB;
  exceeded ||= over;
  const figures = `${(bytes / KB).toFixed(1)} of ${BUDGET_KB[part]} kB`;
  console.log(`${over ? "OVER" : "ok  "}  ${part.padEnd(20)} ${figures}`);
}
process.exit(exceeded ? 1 : 0);
