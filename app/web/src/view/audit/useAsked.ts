/** What the server was asked for, and where that stands. Ends with the page; a newer question replaces an older one. */
import { useCallback, useEffect, useState } from "react";
import { ApiError } from "../../api";
import { texts } from "../../texts";
import { useSession } from "../SessionContext";

const words = texts.audit.faults;

export interface Asked<Value> {
  value: Value | null;
  problem: string | null;
  isWaiting: boolean;
  again: () => void;
}

/** `ask` must be the same function as long as the question is the same. The last answer stays while a new one comes. */
export function useAsked<Value>(ask: (signal: AbortSignal) => Promise<Value>): Asked<Value> {
  const { turnedAway } = useSession();
  const [round, setRound] = useState(0);
  const [value, setValue] = useState<Value | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [isWaiting, setIsWaiting] = useState(true);
  useEffect(() => {
    const control = new AbortController();
    const unless = (act: () => void) => !control.signal.aborted && act();
    setIsWaiting(true);
    setProblem(null);
    ask(control.signal)
      .then((answer) => unless(() => setValue(answer)))
      .catch((error: unknown) => unless(() => (endsSession(error) ? turnedAway(error) : setProblem(inWords(error)))))
      .finally(() => unless(() => setIsWaiting(false)));
    return () => control.abort();
  }, [ask, round, turnedAway]);
  const again = useCallback(() => setRound((count) => count + 1), []);
  return { value, problem, isWaiting, again };
}

export function endsSession(error: unknown): error is ApiError {
  return error instanceof ApiError && (error.status === 401 || error.code === "terms_not_accepted");
}

/** What went wrong, for auditors. */
export function inWords(error: unknown): string {
  if (!(error instanceof ApiError)) return words.broken;
  if (error.status === 0) return words.network;
  if (error.code === "tenant_not_allowed") return texts.audit.operatorOnly;
  if (error.status === 403) return words.role;
  if (error.status === 429 || error.status === 503) return words.busy(error.retryAfter);
  return words.other(error.message);
}
