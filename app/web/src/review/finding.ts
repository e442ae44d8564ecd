/** A red-team person marks a turn of their own (POST /v1/findings). */
import type { Preceptor, Send } from "../api";
import type { Expected, Label } from "./desk";

export const SEVERITIES = ["low", "medium", "high", "critical"] as const;
export type Severity = (typeof SEVERITIES)[number];

/** Names that the red team's tools use; any other that fits TECHNIQUE may be written. */
// prettier-ignore
export const TECHNIQUES = [
  "direct", "base64", "bidi", "character-space", "code", "crescendo", "hex", "homoglyphs", "leet", "many-shot", "morse",
  "negation-trap", "policy-puppetry", "reversed", "role-play", "rot13", "task-framing", "translation",
  "unicode-escapes", "url", "zero-width",
];

const TECHNIQUE = /^[a-z0-9][a-z0-9 _.:+-]{0,63}$/;
const FINDERS = ["redteam", "admin"];

export interface Finding {
  technique: string;
  severity: Severity;
  expected: Expected;
  label: Label | null;
  note: string;
}

/** A finding that is on record, kept with its turn. */
export interface Marked {
  /** The request that was marked: a turn that is asked again is another one. */
  about: string;
  technique: string;
  severity: Severity;
  receipt: string;
}

/** As the server takes it: what people write, in small letters. */
export function techniqueOf(written: string): string | null {
  const name = written.trim().toLowerCase();
  return TECHNIQUE.test(name) ? name : null;
}

export function bodyOf(about: string, { technique, severity, expected, label, note }: Finding): Record<string, string> {
  const body: Record<string, string> = { request_id: about, technique, severity, expected };
  if (label) body.label = label;
  if (note.trim()) body.note = note.trim();
  return body;
}

export async function markAt(send: Send, about: string, finding: Finding): Promise<Marked> {
  const response = await send("POST", "/v1/findings", bodyOf(about, finding));
  const { receipt } = (await response.json()) as { receipt: string };
  return { about, technique: finding.technique, severity: finding.severity, receipt };
}

/** Whether this role marks, and there is a decision to mark. */
export function mayMark(role: string, preceptor: Preceptor | null): preceptor is Preceptor {
  return preceptor !== null && FINDERS.includes(role);
}
