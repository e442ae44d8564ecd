/** The auditor's routes, typed (docs/api.md). None of them ever brings a person's text. Times are microseconds. */
import { send } from "../api";

export interface LogHead {
  origin: string;
  size: number;
  signed_at: number;
  age_s: number;
  /** The signed note; this page checks it by itself. */
  checkpoint: string;
  signers: string[];
  witnesses: string[];
}

export interface Status {
  logs: LogHead[];
  /** Answers whose question or windows the log does not hold; null where that could not be asked. */
  unlogged: number | null;
  policy: { version: string; digest: string; signed: boolean };
}

export interface Row {
  origin: string;
  idx: number;
  ts: number;
  kind: string;
  request_id: string;
  seq: number;
  tenant: string;
  subject: string | null;
  actor: string;
  action: string | null;
  category: string | null;
  score: number | null;
  fields: Record<string, unknown>;
}

export interface Table {
  columns: { name: string; type: string }[];
  rows: unknown[][];
  truncated: boolean;
}

export interface View {
  name: string;
  about: string;
  columns: { name: string; type: string }[];
}

export interface Alert {
  request_id: string;
  ts: number;
  rule: string;
  severity: string;
  about: string | null;
  value: number | null;
  open: boolean;
}

export interface Day {
  day: string;
  allow: number;
  teach: number;
  refuse: number;
  fault: number;
  appeals: number;
}

export interface Trends {
  days: Day[];
  categories: { category: string; refuse: number; teach: number }[];
  drift: { day: string; psi: number | null }[];
  faults: number;
}

/** A row of the view `lineage`; JSON columns come as JSON or as its text. */
export interface Promotion {
  ts: number;
  name: string;
  model_digest: string;
  active: boolean;
  base: string | null;
  adapter_digest: string | null;
  gate: string | null;
  gate_passed: boolean | null;
  gates: unknown;
  run: string | null;
  job: string | null;
  config_digest: string | null;
  dataset_digest: string | null;
  dataset: string | null;
  dataset_rows?: number | null;
  sources?: unknown;
}

/** One receipt of `GET /v1/receipts/{id}`. */
export interface Held {
  origin: string;
  idx: number;
  proof: string;
}

async function get<Shape>(path: string, signal?: AbortSignal): Promise<Shape> {
  return (await send("GET", path, undefined, signal)).json() as Promise<Shape>;
}

export const auditing = {
  status: (signal: AbortSignal) => get<Status>("/v1/audit/status", signal),
  events: (query: URLSearchParams, signal: AbortSignal) =>
    get<{ events: Row[]; next: string | null }>(`/v1/audit/events?${query}`, signal),
  views: async (signal: AbortSignal) => (await get<{ views: View[] }>("/v1/audit/views", signal)).views,
  query: async (sql: string, signal: AbortSignal) =>
    (await send("POST", "/v1/audit/query", { sql }, signal)).json() as Promise<Table>,
  alerts: async (open: boolean, signal: AbortSignal) =>
    (await get<{ alerts: Alert[] }>(`/v1/audit/alerts?open=${open}`, signal)).alerts,
  trends: (days: number, signal: AbortSignal) => get<Trends>(`/v1/audit/trends?days=${days}`, signal),
  lineage: async (signal: AbortSignal) =>
    (await get<{ promotions: Promotion[] }>("/v1/audit/lineage", signal)).promotions,
  receipts: async (requestId: string, signal: AbortSignal) =>
    (await get<{ receipts: Held[] }>(`/v1/receipts/${encodeURIComponent(requestId)}`, signal)).receipts,
  reports: async (signal: AbortSignal) =>
    (await get<{ reports: { name: string; title: string }[] }>("/v1/audit/reports", signal)).reports,
  report: (name: string, query: URLSearchParams, signal: AbortSignal) =>
    send("GET", `/v1/audit/reports/${encodeURIComponent(name)}?${query}`, undefined, signal),
};
