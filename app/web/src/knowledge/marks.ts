/** Marks in an answer's text: `[T1003.001, M1027]` behind a sentence, and what stands behind an unknown identifier. */

/** Which marks count in a text: ids of its sources, and whether anything in it is unknown. */
export interface Marks {
  ids: ReadonlySet<string>;
  isFlagged: boolean;
}

export type Piece = string | { id: string } | { flag: string };

/** As the server writes it (app/grounding/citing.py). */
const FLAG = "not in the knowledge base";
const BRACKETS = /\[([^[\]]+)\]/g;
const GAP = /(,\s*)/;

/** The text cut at its marks; put together again it is the same text. */
export function pieces(text: string, marks: Marks): Piece[] {
  const found: Piece[] = [];
  let at = 0;
  for (const { 0: whole, 1: inside = "", index } of text.matchAll(BRACKETS)) {
    const marked = inside === FLAG ? flagged(whole, marks) : cited(inside, marks);
    if (!marked) continue;
    found.push(text.slice(at, index), ...marked);
    at = index + whole.length;
  }
  return [...found, text.slice(at)].filter((piece) => piece !== "");
}

/** A text that consists of ids, in brackets or not; null where it holds anything else. */
export function onlyIds(text: string, { ids }: Marks): Piece[] | null {
  const [, open = "", inside = "", close = ""] = /^(\[?)([^[\]]*)(\]?)$/.exec(text) ?? [];
  const parts = inside.split(GAP);
  if (!parts.every((part, at) => at % 2 === 1 || ids.has(part))) return null;
  return [open, ...parts.map((part) => named(part, ids)), close].filter((piece) => piece !== "");
}

function flagged(whole: string, { isFlagged }: Marks): Piece[] | null {
  return isFlagged ? [{ flag: whole }] : null;
}

function cited(inside: string, { ids }: Marks): Piece[] | null {
  const parts = inside.split(GAP);
  return parts.some((part) => ids.has(part)) ? ["[", ...parts.map((part) => named(part, ids)), "]"] : null;
}

function named(part: string, ids: ReadonlySet<string>): Piece {
  return ids.has(part) ? { id: part } : part;
}

/** As much of a tree of HTML (hast) as is needed here. */
interface Node {
  type: string;
  tagName?: string;
  value?: string;
  properties?: Record<string, unknown>;
  children?: Node[];
}

/**
 * A plugin of rehype: citations become `<a class="cite">`, flags `<mark>`. A link that the text itself lays on an id
 * goes to the record as well, so that no text can send a reader elsewhere by the name of a source.
 */
export function withMarks(marks: Marks) {
  return (tree: Node) => mark(tree, marks, false);
}

function mark(node: Node, marks: Marks, isLink: boolean): void {
  if (node.tagName === "pre" || !node.children) return;
  node.children = node.children.flatMap((child) => {
    if (child.type === "text") return inText(child.value ?? "", marks, isLink);
    const ids = child.tagName === "a" ? onlyIds(textOf(child), marks) : null;
    if (ids) return ids.map(nodeOf);
    mark(child, marks, isLink || child.tagName === "a");
    return child;
  });
}

/** Inside of a link of the text nothing else is one. */
function inText(text: string, marks: Marks, isLink: boolean): Node[] {
  return pieces(text, isLink ? { ...marks, ids: new Set() } : marks).map(nodeOf);
}

function nodeOf(piece: Piece): Node {
  if (typeof piece === "string") return { type: "text", value: piece };
  if ("flag" in piece) return element("mark", {}, piece.flag);
  return element("a", { className: "cite" }, piece.id);
}

function element(tagName: string, properties: Record<string, unknown>, value: string): Node {
  return { type: "element", tagName, properties, children: [{ type: "text", value }] };
}

function textOf(node: Node): string {
  return node.value ?? node.children?.map(textOf).join("") ?? "";
}
