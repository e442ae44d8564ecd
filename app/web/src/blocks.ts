/** A text cut into blocks, so that a growing answer is parsed where it grows, and no text can hold up the page. */

export interface Block {
  text: string;
  /** `markdown` is worth parsing; `code` and `plain` are shown as they are. */
  kind: "markdown" | "code" | "plain";
}

/**
 * Parsers of Markdown are quadratic for some texts: what is longer, or holds more signs, is not given to one. Each block
 * has a price of its own, so that there may not be many either.
 */
const LONGEST_BLOCK = 4_000;
const PIECE = 2_000;
const MOST_SIGNS = 800;
const MOST_LINES = 150;
const LONGEST_TEXT = 60_000;
const MOST_BLOCKS = 150;
const WORTH = 800;
const LONG_LIST = 1_500;

const FENCE = /^\s*(`{3,}|~{3,})/;
const ITEM = /^(?:[-+*]|\d{1,9}[.)])[ \t]/;
const SIGNS = /[*_~`[\]<>|!&\\@]/g;
/** More than eight quotations or lists that begin in one line. */
const DEEP = /^(?:[ \t]*(?:>|(?:[-+*]|\d{1,9}[.)])[ \t])){9}/m;

/** Blocks in order; together they are the text, but for empty lines between them. */
export function blocksOf(text: string): Block[] {
  const found: Block[] = [];
  let at = 0;
  for (const part of cut(text)) {
    const isLate = at > LONGEST_TEXT || found.length >= MOST_BLOCKS;
    at += part.length;
    if (part.trim() !== "") found.push(...(isLate ? plain(part) : block(part)));
  }
  return found;
}

function block(text: string): Block[] {
  const isCode = FENCE.test(text);
  if (isCode && text.length > LONGEST_BLOCK) return [{ text: inside(text), kind: "code" }];
  if (!isCode && (text.length > LONGEST_BLOCK || isTangled(text))) return plain(text);
  return [{ text, kind: "markdown" }];
}

/** In pieces: a browser lays out a line of 100,000 letters anew, for seconds, whenever one is added. */
function plain(text: string): Block[] {
  return pieces(text).map((piece) => ({ text: piece, kind: "plain" }));
}

function pieces(text: string): string[] {
  const found = [];
  for (let from = 0; from < text.length; from += found.at(-1)?.length ?? 0) {
    const piece = text.slice(from, from + PIECE);
    const gap = piece.lastIndexOf(" ") + 1;
    const isLast = from + piece.length >= text.length;
    const end = isLast ? piece.length : gap > PIECE / 2 ? gap : piece.length - Number(isHalf(piece));
    found.push(piece.slice(0, end));
  }
  return found;
}

/** Whether a letter of two UTF-16 units would be torn. */
function isHalf(piece: string): boolean {
  return /[\ud800-\udbff]$/.test(piece);
}

function isTangled(text: string): boolean {
  const signs = text.match(SIGNS)?.length ?? 0;
  const lines = text.match(/\n/g)?.length ?? 0;
  return signs > MOST_SIGNS || lines > MOST_LINES || DEEP.test(text);
}

/** A fenced block without its fences. */
function inside(text: string): string {
  const lines = text.trimEnd().split("\n");
  const isClosed = lines.length > 1 && FENCE.test(lines.at(-1) ?? "");
  return lines.slice(1, isClosed ? -1 : undefined).join("\n");
}

/** Around fences, and, where enough has come together, after an empty line or before an item of a long list. */
function* cut(text: string): Generator<string> {
  let [from, at] = [0, 0];
  let fence: string | null = null;
  let before = "";
  for (const line of text.split("\n")) {
    if (fence === null && at > from && isStart(line, before, text.slice(from, at))) {
      yield text.slice(from, at);
      from = at;
    }
    fence = fenceAfter(fence, line);
    before = line;
    at += line.length + 1;
  }
  yield text.slice(from);
}

function isStart(line: string, before: string, block: string): boolean {
  if (line === "" || /^\s/.test(line)) return false; // goes on with what is there, an item of a list perhaps
  if (FENCE.test(line) || FENCE.test(block)) return true;
  if (ITEM.test(line) && ITEM.test(block)) return block.length > LONG_LIST;
  return before.trim() === "" && block.length > WORTH;
}

/** The fence that is open after this line (CommonMark, section 4.5). */
function fenceAfter(open: string | null, line: string): string | null {
  const mark = FENCE.exec(line)?.[1] ?? null;
  if (open === null || mark === null) return open ?? mark;
  const closes = mark[0] === open[0] && mark.length >= open.length && line.trim() === mark;
  return closes ? null : open;
}
