/** A receipt, read: a C2SP tlog-proof (docs/audit-format.md, Receipt). Reading proves nothing; `verify` does. */
import { type Bytes, decimal, fromBase64, utf8 } from "./bytes";

const HEADER = "c2sp.org/tlog-proof@v1";
const DASH = "— ";

/** What the record says of itself; only what the page shows. */
export interface Leaf {
  origin: string;
  idx: number;
  ts: number;
  kind: string;
  request_id: string;
  content: { commit: string; len: number } | null;
  /** As the kind has them; each reader looks at what it takes. */
  fields?: Record<string, unknown>;
}

export interface Signature {
  name: string;
  id: Bytes;
  bytes: Bytes;
}

export interface Checkpoint {
  origin: string;
  size: bigint;
  root: Bytes;
  signed: Bytes;
  signatures: Signature[];
}

export interface Receipt {
  leaf: Leaf;
  leafBytes: Bytes;
  salt: Bytes | null;
  index: bigint;
  path: Bytes[];
  checkpoint: Checkpoint;
}

/** Read a receipt; throws SyntaxError for any other form. */
export function parseReceipt(text: string): Receipt {
  const plain = text.replaceAll("\r\n", "\n").trim();
  const gap = plain.indexOf("\n\n");
  const [header, extra, index, ...path] = plain.slice(0, gap).split("\n");
  if (gap < 0 || header !== HEADER) throw new SyntaxError("not a receipt");
  const { leaf, salt } = parseExtra(after(extra, "extra "));
  return {
    leaf: parseLeaf(leaf),
    leafBytes: utf8(leaf),
    salt,
    index: decimal(after(index, "index ")),
    path: path.map(fromHash),
    checkpoint: parseCheckpoint(plain.slice(gap + 2)),
  };
}

/** `extra` is canonical JSON: writing it again must give the same text. */
function parseExtra(coded: string): { leaf: string; salt: Bytes | null } {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(fromBase64(coded));
  const { leaf, salt } = JSON.parse(text) as { leaf: unknown; salt: unknown };
  if (typeof leaf !== "string" || !(salt === null || typeof salt === "string")) throw new SyntaxError("not a receipt");
  if (JSON.stringify({ leaf, salt }) !== text) throw new SyntaxError("a receipt that is not canonical");
  return { leaf, salt: salt === null ? null : fromBase64(salt) };
}

/** Only the keys that are used here are looked at: the tree proves the rest. */
function parseLeaf(text: string): Leaf {
  const leaf = JSON.parse(text) as Partial<Leaf> | null;
  const strings = [leaf?.origin, leaf?.kind, leaf?.request_id];
  const content = leaf?.content;
  const isText = content === null || (typeof content?.commit === "string" && Number.isSafeInteger(content.len));
  if (!isText || !strings.every((value) => typeof value === "string")) throw new SyntaxError("not a record");
  if (!Number.isSafeInteger(leaf?.idx) || !Number.isSafeInteger(leaf?.ts)) throw new SyntaxError("not a record");
  return leaf as Leaf;
}

/** Read a checkpoint, a signed note; throws SyntaxError for any other form. */
export function parseCheckpoint(note: string): Checkpoint {
  const [body, signatures, ...rest] = note.split("\n\n");
  const [origin, size, root, ...more] = (body ?? "").split("\n");
  if (!origin || !size || !root || more.length > 0 || !signatures || rest.length > 0) {
    throw new SyntaxError("a checkpoint in another form");
  }
  return {
    origin,
    size: decimal(size),
    root: fromHash(root),
    signed: utf8(`${body}\n`),
    signatures: signatures.split("\n").map(parseSignature),
  };
}

function parseSignature(line: string): Signature {
  const [name, coded, ...rest] = after(line, DASH).split(" ");
  if (!name || !coded || rest.length > 0) throw new SyntaxError("a signature in another form");
  const bytes = fromBase64(coded);
  return { name, id: bytes.slice(0, 4), bytes: bytes.slice(4) };
}

function fromHash(text: string): Bytes {
  const hash = fromBase64(text);
  if (hash.length !== 32) throw new SyntaxError("a hash of another length");
  return hash;
}

function after(line: string | undefined, start: string): string {
  if (!line?.startsWith(start)) throw new SyntaxError("not a receipt");
  return line.slice(start.length);
}
