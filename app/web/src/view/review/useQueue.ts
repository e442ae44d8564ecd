/** The queue under some filters, asked again each minute while the page is looked at. */
import { useCallback, useEffect, useState } from "react";
import { desk, type Item, type Timed } from "../../review/desk";
import { inWords } from "../../review/faults";
import { useSigned } from "./useSigned";

const EVERY_MS = 60_000;

export interface Queue {
  /** Null until the first answer. */
  found: Timed<Item[]> | null;
  problem: string | null;
  isBusy: boolean;
  look: () => Promise<void>;
}

export function useQueue(query: string): Queue {
  const signed = useSigned();
  const [found, setFound] = useState<Timed<Item[]> | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setIsBusy] = useState(false);

  const ask = useCallback(
    async (isLate: () => boolean) => {
      setIsBusy(true);
      try {
        const { value, now } = await signed(desk.queue(query));
        if (isLate()) return;
        setFound({ value: value.items, now });
        setProblem(null);
      } catch (error) {
        if (!isLate()) setProblem(inWords(error));
      }
      if (!isLate()) setIsBusy(false);
    },
    [query, signed],
  );

  useEffect(() => {
    let isGone = false;
    const again = () => {
      if (!document.hidden) void ask(() => isGone);
    };
    setFound(null);
    again();
    const timer = setInterval(again, EVERY_MS);
    document.addEventListener("visibilitychange", again);
    return () => {
      isGone = true;
      clearInterval(timer);
      document.removeEventListener("visibilitychange", again);
    };
  }, [ask]);

  return { found, problem, isBusy, look: () => ask(() => false) };
}
