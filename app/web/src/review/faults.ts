/** What went wrong at the desk, in plain words. */
import { ApiError } from "../api";
import { texts } from "../texts";

const words = texts.review.faults;

export function inWords(error: unknown): string {
  if (!(error instanceof ApiError)) return words.network;
  const known = words.codes[error.code];
  if (known) return known;
  if (error.status === 0) return words.network;
  if (error.status === 401) return words.session;
  if (error.status === 429) return words.limit(error.retryAfter);
  if (error.status >= 500) return words.ours;
  return words.other(error.message);
}

/** Whether a lease ended, or went to somebody else, under what was done. */
export function isLeaseLost(error: unknown): boolean {
  return error instanceof ApiError && error.status === 409;
}
