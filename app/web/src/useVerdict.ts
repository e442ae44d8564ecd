/** What this browser makes of a receipt and the text beside it. */
import { useEffect, useState } from "react";
import { type Verdict, verify } from "./proof/verify";
import { useKeys } from "./useKeys";

/** Checked as soon as it arrives, and again when the key changes. */
export function useVerdict(receipt: string | null, shown: string): Verdict | null {
  const { chain } = useKeys();
  const [verdict, setVerdict] = useState<Verdict | null>(null);
  useEffect(() => {
    let isLate = false;
    if (receipt) void verify(receipt, chain, shown).then((one) => isLate || setVerdict(one));
    return () => {
      isLate = true;
    };
  }, [receipt, chain, shown]);
  return verdict;
}
