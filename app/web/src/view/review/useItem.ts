/** One item at the desk: where it stands, its lease, its texts once they are opened, and what is done about it. */
import { useCallback, useEffect, useState } from "react";
import { type Decision, desk, type Item, type Said, type Texts, type Timed } from "../../review/desk";
import { inWords, isLeaseLost } from "../../review/faults";
import { useSigned } from "./useSigned";

interface Problem {
  at: "lease" | "judgement";
  said: string;
}

export interface AtDesk {
  item: Timed<Item> | null;
  /** The end of one's own lease on this browser's clock, in ms; null where one holds none. */
  until: number | null;
  texts: Texts | null;
  /** What went wrong at last, and where it belongs on the page. */
  problem: Problem | null;
  isBusy: boolean;
  /** Each resolves to whether it is done. */
  look: () => Promise<boolean>;
  claim: () => Promise<boolean>;
  open: () => Promise<boolean>;
  release: () => Promise<boolean>;
  label: (said: Said) => Promise<boolean>;
  decide: (said: Said & { decision: Decision }) => Promise<boolean>;
}

export function useItem(about: string): AtDesk {
  const signed = useSigned();
  const [item, setItem] = useState<Timed<Item> | null>(null);
  const [until, setUntil] = useState<number | null>(null);
  const [texts, setTexts] = useState<Texts | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [isBusy, setIsBusy] = useState(false);

  const done = useCallback(async (act: () => Promise<void>, at: Problem["at"] = "lease") => {
    setIsBusy(true);
    setProblem(null);
    try {
      await act();
      return true;
    } catch (error) {
      setProblem({ at, said: inWords(error) });
      if (isLeaseLost(error)) setUntil(null);
      return false;
    } finally {
      setIsBusy(false);
    }
  }, []);

  const look = useCallback(
    () =>
      done(async () => {
        const found = await signed(desk.item(about));
        const { held_until } = found.value;
        setItem(found);
        setUntil(held_until ? Date.now() + Date.parse(held_until) - found.now : null);
      }),
    [about, done, signed],
  );
  useEffect(() => void look(), [look]);

  const open = async () => setTexts((await signed(desk.texts(about))).value);

  return {
    item,
    until,
    texts,
    problem,
    isBusy,
    look,
    open: () => done(open),
    claim: () =>
      done(async () => {
        const { value } = await signed(desk.claim(about));
        setUntil(Date.now() + value.lease_s * 1000);
        if (!texts) await open();
      }),
    release: () =>
      done(async () => {
        await signed(desk.release(about));
        setUntil(null);
      }),
    label: (said) => done(async () => void (await signed(desk.label(about, said))), "judgement"),
    decide: (said) => done(async () => void (await signed(desk.decide(about, said))), "judgement"),
  };
}
