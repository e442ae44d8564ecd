/** The heads that this browser has verified. A log only grows: one that is shorter than before was rolled back. */
import type { Checkpoint } from "../proof/receipt";
import { toBase64 } from "../proof/bytes";
import { attempt } from "../storage";

const PLACE = "preceptor.v1:heads";

type Heads = Record<string, { size: string; root: string }>;

function heads(): Heads {
  return attempt(() => JSON.parse(localStorage.getItem(PLACE) ?? "{}") as Heads, {});
}

/** Whether this head contradicts the last one that was verified here: smaller, or as large with another root. */
export function contradicts(head: Checkpoint, before: Heads[string] | undefined): boolean {
  if (!before) return false;
  const size = attempt(() => BigInt(before.size), 0n);
  return head.size < size || (head.size === size && toBase64(head.root) !== before.root);
}

/** Look a verified head up, and keep it unless it contradicts what is known; true where it does. */
export function isRolledBack(head: Checkpoint): boolean {
  const known = heads();
  if (contradicts(head, known[head.origin])) return true;
  const kept = { ...known, [head.origin]: { size: String(head.size), root: toBase64(head.root) } };
  attempt(() => localStorage.setItem(PLACE, JSON.stringify(kept)), undefined);
  return false;
}
