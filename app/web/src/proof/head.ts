/** The check of a log's signed head: by a key of the chain, and about what it is said to be about. */
import type { VerifierKey } from "./keys";
import { type Checkpoint, parseCheckpoint } from "./receipt";
import { isSigned, type Outcome, unsupported } from "./verify";

export interface Head {
  outcome: Outcome;
  checkpoint: Checkpoint | null;
}

/** Check a signed note against a chain of keys (null: none known) and the log and size that were told beside it. */
export async function verifyHead(
  note: string,
  keys: VerifierKey[] | null,
  origin: string,
  size: number,
): Promise<Head> {
  const checkpoint = read(note);
  if (checkpoint?.origin !== origin || checkpoint.size !== BigInt(size)) return { outcome: "fails", checkpoint };
  return { outcome: await isSigned({ checkpoint }, keys).catch(unsupported), checkpoint };
}

function read(note: string): Checkpoint | null {
  try {
    return parseCheckpoint(note.trim());
  } catch {
    return null;
  }
}
