/** The server's routes, typed. On the page the session is a cookie that no script reads (docs/api.md). */

export interface Session {
  subject: string;
  tenant: string;
  role: string;
  expires_at: number;
  model: string;
  terms: { version: string; digest: string; accepted: boolean };
}

export interface Terms {
  version: string;
  digest: string;
  text: string;
}

export interface Lesson {
  id: string;
  title: string;
  text: string;
  questions: string[];
  pass_url: string | null;
}

/** A record that an answer rests on, or that a lesson bids to read next; all texts, "" for what is not known. */
export interface SourceRecord {
  id: string;
  title: string;
  url: string;
  licence: string;
  /** SHA-256 of the bytes that it was read from, in hex. */
  digest: string;
}

/** What the knowledge base had to do with an answer. */
export interface Knowledge {
  pack: string;
  by: "graph" | "model" | "none";
  /** Null unless by graph. */
  outcome: "known" | "empty" | "withdrawn" | "unknown" | null;
  /** Identifiers that the answer names and the pack does not hold. */
  unknown: string[];
  /** How many records the guard kept out of the prompt. */
  dropped: number;
}

/** The decision and its receipt: rides on every answer and every refusal of the guard. */
export interface Preceptor {
  request_id: string;
  action: "ALLOW" | "TEACH" | "REFUSE" | "REDACT";
  receipt: string | null;
  lesson: Lesson | null;
  sources: SourceRecord[];
  /** Null or absent where nothing was looked up. */
  knowledge?: Knowledge | null;
  model: { name: string; digest: string };
  policy: { version: string; digest: string };
  refusal?: { clause: string; offer: string };
}

/** A request that brought no answer; `status` 0 is a broken connection. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly retryAfter: number | null = null,
    readonly preceptor: Preceptor | null = null,
  ) {
    super(message);
  }
}

/** Sends one request; raises ApiError for every status that is no success, and where nothing came. */
export type Send = (method: string, path: string, body?: unknown, signal?: AbortSignal) => Promise<Response>;

/** Where the server is, and what shows whose request it is. */
export interface Way {
  origin: string;
  credentials: RequestCredentials;
  headers: () => Promise<Record<string, string>>;
}

/** The page's own: the cookie says who, and the header that no other site's page asked. */
const OWN: Way = {
  origin: "",
  credentials: "same-origin",
  headers: async () => ({ "x-preceptor-csrf": "1" }),
};

export function sender(way: Way): Send {
  return async (method, path, body, signal) => {
    const headers = await way.headers();
    if (body !== undefined) headers["content-type"] = "application/json";
    const init: RequestInit = { method, headers, credentials: way.credentials };
    if (body !== undefined) init.body = JSON.stringify(body);
    if (signal) init.signal = signal;
    const response = await fetch(way.origin + path, init).catch((error: unknown) => {
      if (signal?.aborted) throw error;
      throw new ApiError(0, "network", "no connection");
    });
    if (!response.ok) throw await refused(response);
    return response;
  };
}

async function refused(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => null);
  return errorOf(body, response.status, Number(response.headers.get("retry-after")) || null);
}

/** An ApiError out of OpenAI's error shape, from a response or from an event of a stream. */
export function errorOf(body: unknown, status: number, retryAfter: number | null = null): ApiError {
  const error = (body as { error?: Record<string, unknown> } | null)?.error ?? {};
  const about = error.preceptor as Preceptor | undefined;
  const whole = about && "request_id" in about ? about : null;
  return new ApiError(status, String(error.code ?? "unknown"), String(error.message ?? ""), retryAfter, whole);
}

async function json<Shape>(answer: Promise<Response>): Promise<Shape> {
  return (await answer).json() as Promise<Shape>;
}

export function apiOver(send: Send) {
  return {
    send,
    session: () => json<Session>(send("GET", "/session")),
    terms: () => json<Terms>(send("GET", "/v1/terms")),
    acceptTerms: (digest: string) => json<{ receipt: string }>(send("POST", "/v1/terms", { digest })),
    pass: (lesson: string, answers: string[]) =>
      json<{ expires_at: number; receipt: string }>(send("POST", `/v1/lessons/${lesson}/pass`, { answers })),
    appeal: (request_id: string, reason: string) =>
      json<{ receipt: string }>(send("POST", "/v1/appeals", { request_id, reason })),
  };
}

export type Api = ReturnType<typeof apiOver>;

export const send = sender(OWN);

export const api = {
  ...apiOver(send),
  signIn: (key: string) => send("POST", "/session", { key }),
  signOut: () => send("DELETE", "/session"),
};
