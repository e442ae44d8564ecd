/** The log's public key in the plugin: the learner's own, else the host page's, else the tutor's; in memory only. */
import { useCallback, useEffect, useState } from "react";
import type { Send } from "../api";
import { parseKeys } from "../proof/keys";
import { keysOver } from "../search";
import { type Held, idOf, type Keys, type KeySource, NONE } from "../useKeys";

export function useKeysOfHost(send: Send, logKey: string | null): Keys {
  const [held, setHeld] = useState<Held>(NONE);
  const trust = useCallback(async (file: string) => setHeld(await read(file, "own")), []);
  const forget = useCallback(async () => {
    const [file, source] = logKey ? [logKey, "page" as const] : [await keysOver(send)(), "server" as const];
    setHeld(await read(file, source));
  }, [send, logKey]);
  const start = useCallback(() => void forget().catch(() => setHeld(NONE)), [forget]);
  useEffect(start, [start]);
  return { ...held, trust, forget: start };
}

async function read(file: string, source: KeySource): Promise<Held> {
  const chain = await parseKeys(file);
  return { chain, id: await idOf(chain[0]), source };
}
