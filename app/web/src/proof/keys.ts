/** Verifier keys and their chain (docs/audit-format.md, Keys). */
import { type Bytes, fromBase64, same, sha256, toHex, utf8 } from "./bytes";

const ED25519 = 1;
const NAME = /^[A-Za-z0-9._~-]+(\/[A-Za-z0-9._~-]+)*$/;

/** One Ed25519 key; `raw` are its 32 bytes. */
export interface VerifierKey {
  name: string;
  raw: Bytes;
}

/** The part of a log's name that all logs of one root share. */
export function family(origin: string): string {
  return origin.slice(0, origin.lastIndexOf("/"));
}

/** The first 4 bytes of SHA-256(name ‖ LF ‖ 0x01 ‖ key). */
export async function keyId(name: string, raw: Bytes): Promise<Bytes> {
  return (await sha256(utf8(`${name}\n`), Uint8Array.of(ED25519), raw)).slice(0, 4);
}

/** Throws NotSupportedError where the browser has no Ed25519. */
export async function verifies(raw: Bytes, signature: Bytes, message: Bytes): Promise<boolean> {
  const key = await crypto.subtle.importKey("raw", raw, "Ed25519", false, ["verify"]);
  return crypto.subtle.verify("Ed25519", key, signature, message);
}

/** Read a key file: the founding key, then each next one, endorsed. Throws SyntaxError with words for people. */
export async function parseKeys(file: string): Promise<VerifierKey[]> {
  const lines = file
    .trim()
    .split("\n")
    .map((line) => line.trim());
  const chain: VerifierKey[] = [];
  for (const [at, line] of lines.entries()) {
    const [text = "", endorsement, ...rest] = line.split(" ");
    if (rest.length > 0 || (at === 0) !== (endorsement === undefined)) throw new SyntaxError("not a key file");
    const key = await parseKey(text);
    if (endorsement !== undefined) await requireEndorsed(chain, lines[at - 1], text, key, endorsement);
    chain.push(key);
  }
  return chain;
}

async function requireEndorsed(
  chain: VerifierKey[],
  lineBefore: string | undefined,
  text: string,
  key: VerifierKey,
  endorsement: string,
): Promise<void> {
  const before = chain.at(-1);
  const said = utf8(`preceptor/v1/key-endorsement\n${lineBefore?.split(" ")[0]}\n${text}\n`);
  if (!before || before.name !== key.name) throw new SyntaxError("a key under another name");
  if (chain.some((known) => same(known.raw, key.raw))) throw new SyntaxError("a key that occurs twice");
  if (!(await verifies(before.raw, fromBase64(endorsement), said))) {
    throw new SyntaxError("a key that the key before does not endorse");
  }
}

async function parseKey(text: string): Promise<VerifierKey> {
  const match = /^([^+\s]{1,255})\+([0-9a-f]{8})\+(\S+)$/.exec(text);
  const [name, id, coded] = match ? match.slice(1) : [];
  if (!name || !id || !coded || !NAME.test(name)) throw new SyntaxError("not a verifier key");
  const typed = decoded(coded);
  const raw = typed.slice(1);
  if (typed[0] !== ED25519 || raw.length !== 32) throw new SyntaxError("not an Ed25519 verifier key");
  if (toHex(await keyId(name, raw)) !== id) throw new SyntaxError("a verifier key whose id does not fit");
  return { name, raw };
}

function decoded(text: string): Bytes {
  try {
    return fromBase64(text);
  } catch {
    throw new SyntaxError("not a verifier key");
  }
}
