/** A text that was copied from the page: the line below it, and perhaps its receipt; put together and taken apart. */
import { type Bytes, fromBase64, toBase64, utf8 } from "./bytes";

const BEGIN = "-----BEGIN PRECEPTOR RECEIPT-----";
const END = "-----END PRECEPTOR RECEIPT-----";
const LINE = 64;
const BLOCK = new RegExp(`${BEGIN}([A-Za-z0-9+/=\\s]*)${END}`, "g");
const ID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
/** As the server knows it (app/provenance.py): at the end, with the record's id; perhaps broken before its address. */
const LINE_BELOW = `— Preceptor,[^\\n]{1,1000}${ID.source}[^\\n]{0,300}\\s*(?:https?://\\S{1,300}\\s*)?$`;
const FOOTERS = [new RegExp(`\r?\n\r?\n${LINE_BELOW}`), new RegExp(`\n[ \t]{0,20}${LINE_BELOW}`)];

export interface Copied {
  text: string;
  /** A tlog-proof, not checked; "" for a block that cannot be read. */
  receipt: string | null;
  /** The record that the line below it names; anybody may have written that line. */
  named: string | null;
}

/** The text with the line that tells people, and with a receipt the block that tells machines (as in RFC 7468). */
export function copy(text: string, footer: string, receipt: string | null = null): string {
  const below = receipt === null ? "" : `\n${blockOf(receipt)}\n`;
  return `${text}\n\n${footer}\n${below}`;
}

export function blockOf(receipt: string): string {
  const coded = toBase64(utf8(receipt)).match(new RegExp(`.{1,${LINE}}`, "g")) ?? [];
  return [BEGIN, ...coded, END].join("\n");
}

/** What was pasted, taken apart. Of several receipts the last counts. */
export function takeApart(pasted: string): Copied {
  const block = [...pasted.matchAll(BLOCK)].at(-1);
  const before = block ? pasted.slice(0, block.index).trimEnd() : pasted;
  const [text, named] = withoutFooter(before);
  return { text, receipt: block ? read(block[1] ?? "") : null, named };
}

/** As the page wrote it, the text keeps its own end; what a mailer laid out anew does not. */
function withoutFooter(whole: string): [text: string, named: string | null] {
  const [at, elsewhere] = FOOTERS.map((footer) => whole.search(footer));
  if (at !== undefined && at >= 0) return [whole.slice(0, at), idIn(whole.slice(at))];
  if (elsewhere === undefined || elsewhere < 0) return [whole, null];
  return [whole.slice(0, elsewhere).trimEnd(), idIn(whole.slice(elsewhere))];
}

function idIn(footer: string): string | null {
  return footer.match(ID)?.at(-1) ?? null;
}

function read(coded: string): string {
  try {
    const bytes: Bytes = fromBase64(coded.replace(/\s+/g, ""));
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return "";
  }
}
