/** One page in static files with hashed names; nothing inline, so that a strict Content-Security-Policy holds. */
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const API = ["/v1", "/session", "/readyz", "/healthz"];

/** rehype-highlight carries 37 languages for those who name none; the page names its own (src/view/Markdown.tsx). */
const FEW_LANGUAGES: Plugin = {
  name: "few-languages",
  load: (id) => (id.endsWith("/lowlight/lib/common.js") ? "export const grammars = {};" : null),
};

export default defineConfig({
  plugins: [react(), FEW_LANGUAGES],
  build: { target: "es2023", assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: true },
  server: { proxy: Object.fromEntries(API.map((path) => [path, process.env.PRECEPTOR ?? "http://127.0.0.1:8000"])) },
  test: { include: ["test/**/*.test.{ts,tsx}"] },
});
