/** One question in SQL at a time. */
import { useCallback, useEffect, useRef, useState } from "react";
import { ApiError } from "../../api";
import { auditing, type Table } from "../../auditing/calls";
import { useSession } from "../SessionContext";
import { endsSession, inWords } from "./useAsked";

export type Answer =
  | { state: "running" }
  | { state: "refused"; reason: string }
  | { state: "answered"; table: Table; seconds: number };

export function useQuery() {
  const { turnedAway } = useSession();
  const [answer, setAnswer] = useState<Answer | null>(null);
  const control = useRef<AbortController | null>(null);
  const stop = useCallback(() => {
    control.current?.abort();
    setAnswer(null);
  }, []);
  useEffect(() => () => control.current?.abort(), []);

  const run = useCallback(
    (sql: string) => {
      const { signal } = (control.current = new AbortController());
      const started = performance.now();
      setAnswer({ state: "running" });
      auditing
        .query(sql, signal)
        .then((table) => signal.aborted || setAnswer({ state: "answered", table, seconds: sinceS(started) }))
        .catch((error: unknown) => {
          if (signal.aborted) return;
          if (endsSession(error)) return turnedAway(error);
          setAnswer({ state: "refused", reason: reasonOf(error) });
        });
    },
    [turnedAway],
  );
  return { answer, isRunning: answer?.state === "running", run, stop };
}

function sinceS(started: number): number {
  return (performance.now() - started) / 1000;
}

/** What DuckDB says of a query that it refuses, word for word. */
function reasonOf(error: unknown): string {
  return error instanceof ApiError && error.code === "query_refused" ? error.message : inWords(error);
}
