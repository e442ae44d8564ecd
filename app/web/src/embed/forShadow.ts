/** Styles of a page as styles of a shadow tree. */

const ROOT_PX = 16;

/** Where the page turns into a phone's, and where the element does: it has no side beside it. */
const [WINDOW, ELEMENT] = ["52rem", "36rem"];

/**
 * The root is the host element, whose colour scheme is the page's around it; a `rem` is a fixed size, for that page may
 * set its own; and what depends on the window depends on the element.
 */
export function forShadow(css: string): string {
  return css
    .replace(/color-scheme: light dark;/g, "")
    .replace(/^html, body, #root \{.*$/gm, "")
    .replace(/(^|[\s,}]):root\b/g, "$1:host")
    .replace(/^body \{/gm, ":host {")
    .replaceAll(`@media (max-width: ${WINDOW})`, `@container (max-width: ${ELEMENT})`)
    .replace(/(\d*\.?\d+)rem\b/g, (_, number: string) => `${Math.round(Number(number) * ROOT_PX * 100) / 100}px`);
}
