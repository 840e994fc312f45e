import { defineConfig } from "vite";

// What is built is served by src/midwatch/server/pages.py under a policy that lets nothing inline run.
export default defineConfig({
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  resolve: { alias: { react: "preact/compat", "react-dom": "preact/compat", "react/jsx-runtime": "preact/jsx-runtime" } },
  build: {
    outDir: process.env["MIDWATCH_WEB_OUT"] ?? "../src/midwatch/server/web",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    reportCompressedSize: false,
  },
  server: { proxy: { "/api": "http://127.0.0.1:8765" } },
});
