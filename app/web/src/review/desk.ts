/** The routes of the review desk, typed (docs/review.md). */
import { send } from "../api";

export const STATES = ["open", "labelled", "disputed", "agreed", "decided"] as const;
export type State = (typeof STATES)[number];
export const REASONS = ["alert", "appeal", "finding", "disagreement", "doubt", "flagged", "random"] as const;
export type Reason = (typeof REASONS)[number];
export const LABELS = ["educational", "dual_use", "harmful", "other_harm", "override"] as const;
export type Label = (typeof LABELS)[number];
export const EXPECTED = ["ALLOW", "TEACH", "REFUSE"] as const;
export type Expected = (typeof EXPECTED)[number];
export type Decision = "uphold" | "overturn";

/** Times are ISO 8601. `held_until` is null unless the lease is one's own. */
export interface Item {
  about: string;
  since: string;
  due: string;
  overdue: boolean;
  reasons: Reason[];
  priority: number;
  action: string | null;
  category: string | null;
  score: number | null;
  state: State;
  labels: number;
  held_until: string | null;
}

export interface Precedent extends Item {
  decision: Decision | null;
}

export interface Check {
  check: string;
  action: string;
  category: string | null;
  score: number | null;
}

/** One record of the exchange; `text` is null once its person is erased, and for an answer, whose windows hold it. */
export interface Opened {
  kind: string;
  seq: number;
  text: string | null;
  ts: string | null;
  action: string | null;
  category: string | null;
  score: number | null;
  checks: Check[];
  finish: string | null;
}

export interface Texts {
  records: Opened[];
  appeals: { ts: string; text: string | null }[];
}

export interface Said {
  label: Label;
  expected: Expected;
  note?: string;
}

export interface Agreement {
  items: number;
  labelled_twice: number;
  alpha: number | null;
  alike: number | null;
  by_label: Record<string, number | null>;
  pairs: { reviewers: [string, string]; items: number; alike: number; kappa: number | null }[];
  gold: Record<string, { items: number; right: number; said: Record<string, number> }>;
}

/** An answer, and when the server gave it in ms since 1970: the clock here may be wrong. */
export interface Timed<Value> {
  value: Value;
  now: number;
}

async function timed<Value>(answer: Promise<Response>): Promise<Timed<Value>> {
  const response = await answer;
  const now = Date.parse(response.headers.get("date") ?? "") || Date.now();
  return { value: (await response.json()) as Value, now };
}

const at = (about: string, what = "") => `/v1/review/${encodeURIComponent(about)}${what}`;

export const desk = {
  queue: (query: string) => timed<{ items: Item[] }>(send("GET", `/v1/review?${query}`)),
  item: (about: string) => timed<Item>(send("GET", at(about))),
  similar: (about: string) => timed<{ items: Precedent[] }>(send("GET", at(about, "/similar"))),
  claim: (about: string) => timed<{ lease_s: number }>(send("POST", at(about, "/claim"), {})),
  release: (about: string) => send("POST", at(about, "/release"), {}),
  texts: (about: string) => timed<Texts>(send("POST", at(about, "/text"), { reason: "review" })),
  label: (about: string, said: Said) => send("POST", at(about, "/label"), said),
  decide: (about: string, said: Said & { decision: Decision }) => send("POST", at(about, "/decide"), said),
  agreement: () => timed<Agreement>(send("GET", "/v1/review/agreement")),
};
