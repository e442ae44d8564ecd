/** The routes that lead from a text to its record, typed. */
import { send, type Send } from "./api";

/** One answer with the words that were looked for. Names are null for what is not in force any more. */
export interface Match {
  request_id: string;
  ts: number;
  kind: "answer";
  model: { name: string | null; digest: string | null };
  policy: { version: string | null; digest: string | null };
  receipt: string;
}

/** The newest first, at most ten; of the own tenant. */
export async function recordsOf(text: string, signal?: AbortSignal): Promise<Match[]> {
  const reply = await send("POST", "/v1/verify", { text }, signal);
  return ((await reply.json()) as { matches: Match[] }).matches;
}

/** Asks the server what the log's public keys are: the text of a key file. */
export function keysOver(way: Send): () => Promise<string> {
  return async () => ((await (await way("GET", "/v1/audit/keys")).json()) as { keys: string }).keys;
}

export const keysOfServer = keysOver(send);
