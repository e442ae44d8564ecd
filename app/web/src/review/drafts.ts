/** What a reviewer typed and did not send: in this tab only, for it is about another person. */
import type { Shelf } from "../conversations";
import { attempt } from "../storage";
import type { Decision, Expected, Label } from "./desk";

export interface Draft {
  decision: Decision | null;
  label: Label | null;
  expected: Expected | null;
  note: string;
}

export const EMPTY: Draft = { decision: null, label: null, expected: null, note: "" };

type Memory = Pick<Shelf, "recall" | "note">;

const nameOf = (about: string) => `review:${about}`;

export function draftOf(memory: Memory, about: string): Draft {
  const draft = attempt(() => JSON.parse(memory.recall(nameOf(about)) || "null") as Partial<Draft> | null, null);
  return typeof draft?.note === "string" ? { ...EMPTY, ...draft } : EMPTY;
}

/** Null: it was sent. */
export function keepDraft(memory: Memory, about: string, draft: Draft | null): void {
  memory.note(nameOf(about), draft ? JSON.stringify(draft) : "");
}
