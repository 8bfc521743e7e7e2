// One configuration for the development server, the build and the tests.
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import packageFile from "./package.json" with { type: "json" };
import { precompress } from "./scripts/precompress.ts";

const folder = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const bridge = process.env.PI5_BRIDGE ?? "http://localhost:8080";

export default defineConfig({
  plugins: [react(), precompress()],
  resolve: { alias: { "@": folder("./src") } },
  define: { __PI5_VERSION__: JSON.stringify(packageFile.version) },
  build: {
    outDir: folder("../pi5_web/static"),
    emptyOutDir: true,
    // The content security policy forbids data: addresses, so nothing is inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    manifest: "build-manifest.json",
    rolldownOptions: {
      output: {
        // Libraries change seldom and stay in the browser's cache over an update.
        codeSplitting: {
          groups: [
            {
              name: "libraries",
              test: /node_modules[\\/](?:react|react-dom|scheduler|@tanstack|wouter|regexparam)[\\/]/,
              priority: 2,
            },
          ],
        },
      },
    },
  },
  server: {
    proxy: {
      "/api": { target: bridge },
      "/auth": { target: bridge },
      "/ws": { target: bridge.replace(/^http/, "ws"), ws: true },
    },
  },
  test: {
    environment: "jsdom",
    include: ["test/**/*.test.{ts,tsx}"],
    setupFiles: ["test/setup.ts"],
    restoreMocks: true,
  },
});
