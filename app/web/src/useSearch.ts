/** One search at a time: a receipt that came with the text is looked at first, the server is asked for the rest. */
import { useCallback, useEffect, useRef, useState } from "react";
import { ApiError } from "./api";
import { inWords } from "./faults";
import { type Copied, takeApart } from "./proof/copied";
import { type Match, recordsOf } from "./search";
import { texts } from "./texts";

export type Found =
  | { state: "nothing asked" }
  | { state: "searching" }
  | { state: "failed"; why: string }
  | { state: "receipt"; copied: Copied; receipt: string }
  | { state: "answered"; copied: Copied; matches: Match[] };

export interface Search {
  found: Found;
  /** Look at what was pasted. */
  look: (pasted: string) => void;
  /** Ask the server, receipt or not. */
  ask: (copied: Copied) => void;
}

export function useSearch(turnedAway: (error: ApiError) => void): Search {
  const [found, setFound] = useState<Found>({ state: "nothing asked" });
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);

  const ask = useCallback(
    async (copied: Copied) => {
      running.current?.abort();
      const stop = (running.current = new AbortController());
      setFound({ state: "searching" });
      try {
        setFound({ state: "answered", copied, matches: await recordsOf(copied.text, stop.signal) });
      } catch (error) {
        if (stop.signal.aborted) return;
        if (error instanceof ApiError && error.status === 401) return turnedAway(error);
        setFound({ state: "failed", why: saidOf(error) });
      }
    },
    [turnedAway],
  );
  const look = useCallback(
    (pasted: string) => {
      const copied = takeApart(pasted);
      if (!copied.receipt) return void ask(copied);
      running.current?.abort();
      setFound({ state: "receipt", copied, receipt: copied.receipt });
    },
    [ask],
  );
  return { found, look, ask: useCallback((copied) => void ask(copied), [ask]) };
}

function saidOf(error: unknown): string {
  if (!(error instanceof ApiError)) return inWords(error);
  if (error.status === 0) return texts.search.failed.network;
  return error.status >= 500 ? texts.search.failed.ours(error.retryAfter) : inWords(error);
}
