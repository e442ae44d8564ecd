/** The page's own looks, for a shadow tree: `forShadow` is applied to each style by vite.embed.config.ts. */
import base from "../styles/base.css?inline";
import chat from "../styles/chat.css?inline";
import dialog from "../styles/dialog.css?inline";
import knowledge from "../styles/knowledge.css?inline";
import proof from "../styles/proof.css?inline";
import embed from "../styles/embed.css?inline";

/** Made once and shared by all elements; no policy on styles of the page around forbids it (CSSOM). */
export function sheet(): CSSStyleSheet {
  const made = new CSSStyleSheet();
  made.replaceSync([base, dialog, chat, knowledge, proof, embed].join("\n"));
  return made;
}
