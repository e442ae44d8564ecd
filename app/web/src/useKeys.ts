/** The public key of the log that the learner trusts, kept in this browser; never taken from what it checks. */
import { createContext, use, useCallback, useEffect, useState } from "react";
import { toHex } from "./proof/bytes";
import { keyId, parseKeys, type VerifierKey } from "./proof/keys";
import { attempt } from "./storage";

const PLACE = "preceptor.v1:log.vkey";

export interface Keys {
  chain: VerifierKey[] | null;
  /** The newest key's id, as people compare it. */
  id: string | null;
  /** Throws SyntaxError with words for people. */
  trust: (file: string) => Promise<void>;
  forget: () => void;
}

export const KeysContext = createContext<Keys>({
  chain: null,
  id: null,
  trust: async () => undefined,
  forget: () => undefined,
});

export function useKeys(): Keys {
  return use(KeysContext);
}

export function useKeysOfThisBrowser(): Keys {
  const [held, setHeld] = useState<Pick<Keys, "chain" | "id">>({ chain: null, id: null });
  const trust = useCallback(async (file: string) => {
    const chain = await parseKeys(file);
    const newest = chain.at(-1);
    setHeld({ chain, id: newest ? toHex(await keyId(newest.name, newest.raw)) : null });
    attempt(() => localStorage.setItem(PLACE, file), undefined);
  }, []);
  const forget = useCallback(() => {
    attempt(() => localStorage.removeItem(PLACE), undefined);
    setHeld({ chain: null, id: null });
  }, []);
  useEffect(() => {
    const kept = attempt(() => localStorage.getItem(PLACE), null);
    if (kept) trust(kept).catch(forget);
  }, [trust, forget]);
  return { ...held, trust, forget };
}
