/** What went wrong, in plain words. */
import { ApiError } from "./api";
import { texts } from "./texts";

export function inWords(error: unknown): string {
  if (!(error instanceof ApiError)) return texts.faults.broken;
  if (error.code === "broken") return texts.faults.broken;
  if (error.status === 0) return isOffline() ? texts.faults.offline : texts.faults.network;
  if (error.status === 401) return texts.faults.unsent;
  if (error.code === "terms_not_accepted") return texts.faults.terms;
  if (error.status === 429) return texts.faults.limit(error.retryAfter);
  if (error.status >= 500) return texts.faults.ours(error.retryAfter);
  if (error.code === "context_length_exceeded") return texts.faults.tooLong;
  return texts.faults.other(error.message);
}

/** The browser knows of a missing network, not of a present one. */
function isOffline(): boolean {
  return typeof navigator !== "undefined" && navigator.onLine === false;
}
