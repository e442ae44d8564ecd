/** The whole check of a receipt, in four steps that a learner can follow. No step trusts the server. */
import { same, sha256, toHex, utf8 } from "./bytes";
import { family, keyId, type VerifierKey, verifies } from "./keys";
import { leafHash, rootFrom } from "./merkle";
import { parseReceipt, type Receipt } from "./receipt";

export type StepName = "read" | "signature" | "inclusion" | "text";

/** `open`: could not be checked here, because the key or the text is missing. */
export type Outcome = "holds" | "fails" | "open";

export interface Step {
  name: StepName;
  outcome: Outcome;
}

export interface Verdict {
  outcome: Outcome;
  steps: Step[];
  receipt: Receipt | null;
}

/** Check a receipt against a chain of keys (null: none known) and the text that was shown (null: none is known). */
export async function verify(proof: string, keys: VerifierKey[] | null, shown: string | null): Promise<Verdict> {
  const receipt = read(proof);
  if (!receipt) return told(null, [{ name: "read", outcome: "fails" }]);
  return told(receipt, [
    { name: "read", outcome: "holds" },
    { name: "signature", outcome: await isSigned(receipt, keys).catch(unsupported) },
    { name: "inclusion", outcome: await isIncluded(receipt) },
    { name: "text", outcome: await isText(receipt, shown) },
  ]);
}

/** The verdict that follows from steps: one that fails decides, then one that is open. */
export function told(receipt: Receipt | null, steps: Step[]): Verdict {
  const outcomes = steps.map((step) => step.outcome);
  const outcome = outcomes.includes("fails") ? "fails" : outcomes.includes("open") ? "open" : "holds";
  return { outcome, steps, receipt };
}

function read(proof: string): Receipt | null {
  try {
    const receipt = parseReceipt(proof);
    const { leaf, index, checkpoint } = receipt;
    return leaf.origin === checkpoint.origin && BigInt(leaf.idx) === index ? receipt : null;
  } catch {
    return null;
  }
}

/** The checkpoint is by a key of the chain if lines carry its name and id, and all of those verify. */
export async function isSigned(
  { checkpoint }: Pick<Receipt, "checkpoint">,
  keys: VerifierKey[] | null,
): Promise<Outcome> {
  if (!keys) return "open";
  for (const key of keys) {
    if (family(key.name) !== family(checkpoint.origin)) continue;
    const id = await keyId(checkpoint.origin, key.raw);
    const lines = checkpoint.signatures.filter((line) => line.name === checkpoint.origin && same(line.id, id));
    const checked = await Promise.all(lines.map((line) => verifies(key.raw, line.bytes, checkpoint.signed)));
    if (checked.length > 0 && checked.every(Boolean)) return "holds";
  }
  return "fails";
}

/** A browser without Ed25519 checks the rest. */
export function unsupported(error: unknown): Outcome {
  if (error instanceof DOMException && error.name === "NotSupportedError") return "open";
  throw error;
}

async function isIncluded({ leafBytes, index, path, checkpoint }: Receipt): Promise<Outcome> {
  const root = await rootFrom(await leafHash(leafBytes), index, checkpoint.size, path);
  return root !== null && same(root, checkpoint.root) ? "holds" : "fails";
}

/** SHA-256(salt ‖ text) = commit. A record that has a text, but no salt any more, cannot be compared. */
async function isText({ leaf, salt }: Receipt, shown: string | null): Promise<Outcome> {
  if (leaf.content === null) return shown === null || shown === "" ? "holds" : "fails";
  if (salt === null || shown === null) return "open";
  return toHex(await sha256(salt, utf8(shown))) === leaf.content.commit ? "holds" : "fails";
}
