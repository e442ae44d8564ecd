/** One report at a time: asked for, waited for, received, handed over. */
import { useCallback, useEffect, useRef, useState } from "react";
import { ApiError } from "../../api";
import { auditing } from "../../auditing/calls";
import { download, nameIn } from "../../auditing/download";
import { texts } from "../../texts";
import { useSession } from "../SessionContext";
import { endsSession, inWords } from "./useAsked";

export type Making = { name: string } & (
  | { state: "making"; seconds: number; bytes: number }
  | { state: "done"; file: string }
  | { state: "failed"; problem: string }
);

export function useReport() {
  const { turnedAway } = useSession();
  const [making, setMaking] = useState<Making | null>(null);
  const control = useRef<AbortController | null>(null);
  const isBusy = making?.state === "making";
  useEffect(() => () => control.current?.abort(), []);
  useEffect(() => {
    if (!isBusy) return;
    const clock = setInterval(() => setMaking(aSecondLater), 1000);
    return () => clearInterval(clock);
  }, [isBusy]);

  const make = useCallback(
    (name: string, from: string, to: string, format: string) => {
      const { signal } = (control.current = new AbortController());
      const received = (bytes: number) => setMaking((now) => (now?.state === "making" ? { ...now, bytes } : now));
      setMaking({ name, state: "making", seconds: 0, bytes: 0 });
      fetched(name, new URLSearchParams({ from, to, format }), signal, received)
        .then((file) => setMaking({ name, state: "done", file }))
        .catch((error: unknown) => {
          if (signal.aborted) return;
          if (endsSession(error)) return turnedAway(error);
          setMaking({ name, state: "failed", problem: problemOf(error) });
        });
    },
    [turnedAway],
  );
  const cancel = useCallback(() => {
    control.current?.abort();
    setMaking(null);
  }, []);
  return { making, isBusy, make, cancel };
}

function aSecondLater(now: Making | null): Making | null {
  return now?.state === "making" ? { ...now, seconds: now.seconds + 1 } : now;
}

/** Hands the file to the browser; the name that it has. */
async function fetched(
  name: string,
  query: URLSearchParams,
  signal: AbortSignal,
  received: (bytes: number) => void,
): Promise<string> {
  const response = await auditing.report(name, query, signal);
  const file = nameIn(response.headers.get("content-disposition")) ?? `${name}.${query.get("format")}`;
  const parts: BlobPart[] = [];
  let bytes = 0;
  const reader = response.body?.getReader();
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    parts.push(part.value);
    received((bytes += part.value.length));
  }
  download(new Blob(parts, { type: response.headers.get("content-type") ?? "" }), file);
  return file;
}

function problemOf(error: unknown): string {
  const isOther = error instanceof ApiError && error.code === "overloaded";
  return isOther ? texts.audit.reports.busy(error.retryAfter) : inWords(error);
}
