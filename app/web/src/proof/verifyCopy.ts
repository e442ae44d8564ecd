/** The check of a copy: character for character, or at least word for word, against what the record commits to. */
import { type Bytes, toHex, utf8 } from "./bytes";
import type { VerifierKey } from "./keys";
import type { Receipt } from "./receipt";
import { told, type Verdict, verify } from "./verify";
import { countOf, FEWEST, words } from "./words";

/** `words`: the same letters and digits, other signs or layout. `open`: it could not be compared. */
export type Fit = "exact" | "words" | "other" | "open";

export interface CheckedCopy {
  verdict: Verdict;
  fit: Fit;
}

/** Check a receipt and a pasted text; spaces and lines around the text do not count. */
export async function verifyCopy(proof: string, keys: VerifierKey[] | null, text: string): Promise<CheckedCopy> {
  const verdict = await verify(proof, keys, text);
  if (textOf(verdict) !== "fails") return { verdict, fit: textOf(verdict) === "holds" ? "exact" : "open" };
  const trimmed = await verify(proof, keys, text.trim());
  if (textOf(trimmed) === "holds") return { verdict: trimmed, fit: "exact" };
  if (!verdict.receipt || !(await hasWords(verdict.receipt, text))) return { verdict, fit: "other" };
  const steps = verdict.steps.map((step) => (step.name === "text" ? { ...step, outcome: "holds" as const } : step));
  return { verdict: told(verdict.receipt, steps), fit: "words" };
}

function textOf(verdict: Verdict) {
  return verdict.steps.find((step) => step.name === "text")?.outcome ?? "open";
}

/** HMAC-SHA256(salt, words) = words_commit. */
async function hasWords({ leaf, salt }: Receipt, text: string): Promise<boolean> {
  const said = words(text);
  const commit = leaf.fields?.words_commit;
  if (salt === null || typeof commit !== "string" || countOf(said) < FEWEST) return false;
  return toHex(await hmac(salt, utf8(said))) === commit;
}

async function hmac(key: Bytes, message: Bytes): Promise<Bytes> {
  const secret = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", secret, message));
}
