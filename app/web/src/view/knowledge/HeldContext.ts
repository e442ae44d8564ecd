/** What the knowledge base holds, for all pages; null until the server has said it, and where it does not. */
import { createContext, useCallback, useEffect, useMemo, useState } from "react";
import type { Send } from "../../api";
import { type Held, heldBy } from "../../knowledge/held";

export interface Holding {
  held: Held | null;
  /** Whether the server was asked and has answered, if only that it does not say. */
  isAsked: boolean;
  look: () => void;
}

export const HeldContext = createContext<Holding>({ held: null, isAsked: false, look: () => undefined });

export function useHeld(send: Send): Holding {
  const [held, setHeld] = useState<Held | null>(null);
  const [isAsked, setIsAsked] = useState(false);
  const look = useCallback(
    () =>
      void heldBy(send).then((now) => {
        setHeld(now);
        setIsAsked(true);
      }),
    [send],
  );
  useEffect(look, [look]);
  return useMemo(() => ({ held, isAsked, look }), [held, isAsked, look]);
}
