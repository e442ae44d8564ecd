/** What a copy keeps of a text however it is laid out (docs/audit-format.md, Words). */

const FENCE = /(?<![^\n])[ \t]*(?:`{3,}|~{3,})[ \t]{0,20}[A-Za-z0-9+#._-]{0,30}[ \t]{0,20}\r?(?![^\n])/g;
const NUMBER = /(?<![^\n])[ \t>]*[0-9]{1,9}[.)](?=[ \t])/g;

/** Below so many characters a text is no one's in particular, and has no print. */
export const FEWEST = 40;

/** Letters, marks and digits in upper case, without what Markdown takes for its own. */
export function words(text: string): string {
  const plain = text.replace(FENCE, "").replace(NUMBER, "").normalize("NFKC").toUpperCase();
  return plain.replace(/[^\p{L}\p{M}\p{N}]+/gu, "");
}

/** Characters, not halves of them. */
export function countOf(said: string): number {
  return Array.from(said).length;
}
