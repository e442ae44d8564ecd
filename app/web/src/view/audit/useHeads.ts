/** Each log's head, checked in this browser against the keys that it knows and the heads that it has seen. */
import { useEffect, useState } from "react";
import type { LogHead } from "../../auditing/calls";
import { isRolledBack } from "../../auditing/seen";
import { verifyHead } from "../../proof/head";
import type { VerifierKey } from "../../proof/keys";
import type { Outcome } from "../../proof/verify";
import { useKeys } from "../../useKeys";

/** From three minutes on the monitor alerts (docs/monitoring.md, `stale_checkpoint`). */
export const STALE_S = 180;

export interface CheckedHead {
  log: LogHead;
  outcome: Outcome;
  isRolledBack: boolean;
}

/** Null until they are checked. */
export function useHeads(logs: readonly LogHead[]): CheckedHead[] | null {
  const { chain } = useKeys();
  const [heads, setHeads] = useState<CheckedHead[] | null>(null);
  useEffect(() => {
    let isLate = false;
    void Promise.all(logs.map((log) => checked(log, chain))).then((all) => isLate || setHeads(all));
    return () => {
      isLate = true;
    };
  }, [logs, chain]);
  return heads;
}

/** Only a head whose signature holds is compared and remembered: anybody could show another. */
async function checked(log: LogHead, chain: VerifierKey[] | null): Promise<CheckedHead> {
  const { outcome, checkpoint } = await verifyHead(log.checkpoint, chain, log.origin, log.size);
  const rolledBack = outcome === "holds" && checkpoint !== null && isRolledBack(checkpoint);
  return { log, outcome: rolledBack ? "fails" : outcome, isRolledBack: rolledBack };
}
