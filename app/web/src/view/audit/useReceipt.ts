/** A record's receipt, fetched and checked here. */
import { useCallback, useEffect, useState } from "react";
import { ApiError } from "../../api";
import { auditing, type Row } from "../../auditing/calls";
import { type Check, checksOf } from "../../auditing/match";
import { useKeys } from "../../useKeys";
import { useAsked } from "./useAsked";

export interface Checked {
  /** Null while under way; `none` where the server has no receipt for this record. */
  checks: Check[] | "none" | null;
  proof: string | null;
  problem: string | null;
  again: () => void;
}

export function useReceipt(row: Row): Checked {
  const { chain } = useKeys();
  const ask = useCallback(async (signal: AbortSignal) => ({ proof: await proofOf(row, signal) }), [row]);
  const { value, problem, again } = useAsked(ask);
  const [checks, setChecks] = useState<Checked["checks"]>(null);
  useEffect(() => {
    let isLate = false;
    const kept = (found: Checked["checks"]) => isLate || setChecks(found);
    if (value && value.proof === null) kept("none");
    if (value?.proof) void checksOf(value.proof, chain, row).then(kept);
    return () => {
      isLate = true;
    };
  }, [value, chain, row]);
  return { checks, proof: value?.proof ?? null, problem, again };
}

/** Null where there is none: records of the log's own, such as its beginning, belong to no request. */
async function proofOf(row: Row, signal: AbortSignal): Promise<string | null> {
  const held = await auditing.receipts(row.request_id, signal).catch((error: unknown) => {
    if (error instanceof ApiError && error.status === 404) return [];
    throw error;
  });
  return held.find(({ origin, idx }) => origin === row.origin && idx === row.idx)?.proof ?? null;
}
