/** The log's public key: the one that the learner gave, else the server's, held against the first it ever named. */
import { createContext, use, useCallback, useEffect, useState } from "react";
import { toHex } from "./proof/bytes";
import { keyId, parseKeys, type VerifierKey } from "./proof/keys";
import { attempt } from "./storage";

const OWN = "preceptor.v1:log.vkey";
const FIRST = "preceptor.v1:log.vkey.first";

/**
 * `own`: given here. `page`: given by the page that the plugin stands in. `server`: fetched from whom it checks.
 * `changed`: the server names another than it first did.
 */
export type KeySource = "own" | "page" | "server" | "changed";

export interface Held {
  chain: VerifierKey[] | null;
  /** The key's id, as people compare it. */
  id: string | null;
  source?: KeySource;
}

export interface Keys extends Held {
  /** Throws SyntaxError with words for people. */
  trust: (file: string) => Promise<void>;
  forget: () => void;
  /** Take the server's changed key as if it had been the first. */
  accept?: () => void;
}

export const NONE: Held = { chain: null, id: null };

export const KeysContext = createContext<Keys>({ ...NONE, trust: async () => undefined, forget: () => undefined });

export function useKeys(): Keys {
  return use(KeysContext);
}

/** `fetched` asks the server for its key file; null while nobody is signed in. */
export function useKeysOfThisBrowser(fetched: (() => Promise<string>) | null): Keys {
  const [held, setHeld] = useState<Held>(NONE);
  const hasOwn = held.source === "own";
  const trust = useCallback(async (file: string) => {
    const chain = await parseKeys(file);
    setHeld({ chain, id: await idOf(chain.at(-1)), source: "own" });
    attempt(() => localStorage.setItem(OWN, file), undefined);
  }, []);
  const forget = useCallback(() => {
    attempt(() => localStorage.removeItem(OWN), undefined);
    setHeld(NONE);
  }, []);
  const look = useCallback(async () => {
    const found = fetched && !kept(OWN) ? await ofServer(fetched).catch(() => NONE) : null;
    if (found) setHeld((now) => (now.source === "own" ? now : found));
  }, [fetched]);
  const accept = useCallback(() => {
    attempt(() => localStorage.removeItem(FIRST), undefined);
    void look();
  }, [look]);
  useEffect(() => {
    const own = kept(OWN);
    if (own) trust(own).catch(forget);
  }, [trust, forget]);
  useEffect(() => {
    if (!hasOwn) void look();
  }, [hasOwn, look]);
  return { ...held, trust, forget, accept };
}

/** What the server says its key is, unless it once said another: then nothing is checked with either. */
export async function ofServer(fetched: () => Promise<string>): Promise<Held> {
  const chain = await parseKeys(await fetched());
  const [founding] = chain;
  const [id, first] = [await idOf(founding), kept(FIRST)];
  const named = founding ? `${founding.name}+${toHex(founding.raw)}` : "";
  if (first && first !== named) return { chain: null, id, source: "changed" };
  attempt(() => localStorage.setItem(FIRST, named), undefined);
  return { chain, id, source: "server" };
}

export async function idOf(key: VerifierKey | undefined): Promise<string | null> {
  return key ? toHex(await keyId(key.name, key.raw)) : null;
}

function kept(place: string): string | null {
  return attempt(() => localStorage.getItem(place), null);
}
