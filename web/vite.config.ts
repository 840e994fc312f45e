import { defineConfig } from "vite";
import { compress } from "./compressed.ts";

const OUT = process.env["MIDWATCH_WEB_OUT"] ?? "../src/midwatch/server/web";

// What is built is served by src/midwatch/server/pages.py under a policy that lets nothing inline run.
export default defineConfig({
  plugins: [{ name: "compressed", apply: "build", writeBundle: () => compress(OUT) }],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  resolve: { alias: { react: "preact/compat", "react-dom": "preact/compat", "react/jsx-runtime": "preact/jsx-runtime" } },
  build: {
    outDir: OUT,
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    reportCompressedSize: false,
    license: { fileName: "licenses.md" }, // of what is built in: their notices go where the build goes
  },
  server: { proxy: { "/api": "http://127.0.0.1:8765" } },
});
