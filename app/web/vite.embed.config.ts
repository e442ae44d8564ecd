/** The plugin in one script, with its styles inside: `<preceptor-chat>` for other people's pages (src/embed). */
import { readFileSync } from "node:fs";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";
import { forShadow } from "./src/embed/forShadow.ts";

/** A style that a view asks for stays out, since it would go to the host's page; src/embed/style.ts brings them in. */
const IN_THE_SHADOW: Plugin = {
  name: "in-the-shadow",
  enforce: "pre",
  resolveId: (id) => (id.endsWith(".css") ? "\0no-style" : null),
  load: (id) => {
    if (id === "\0no-style") return "";
    return id.endsWith(".css?inline") ? forShadow(readFileSync(id.slice(0, -"?inline".length), "utf8")) : null;
  },
};

/** Colours of code are left to the page: they are a tenth of this script. */
const NO_COLOURS: Plugin = {
  name: "no-colours",
  enforce: "pre",
  resolveId: (id) => (/^(rehype-highlight|highlight\.js\/.*)$/.test(id) ? "\0no-colours" : null),
  load: (id) => (id === "\0no-colours" ? "export default () => undefined;" : null),
};

/** Of the catalogue only what is said here. */
const FEW_TEXTS: Plugin = {
  name: "few-texts",
  enforce: "pre",
  resolveId: (id) => (/\.\/texts$/.test(id) ? `${import.meta.dirname}/src/embed/texts.ts` : null),
};

/** Browsers that know `light-dark()`: the scheme is the host page's, so it cannot be settled here. */
const SCHEMES = ["chrome123", "firefox120", "safari17.5"];

export default defineConfig({
  plugins: [react(), NO_COLOURS, FEW_TEXTS, IN_THE_SHADOW],
  publicDir: false,
  build: {
    target: "es2023",
    cssTarget: SCHEMES,
    chunkSizeWarningLimit: 600,
    rolldownOptions: {
      input: "src/embed/main.tsx",
      output: { format: "iife", entryFileNames: "preceptor-chat.js" },
    },
  },
});
