/** The line under each answer: what the guard decided, which record holds it, whether this browser verified it. */
import { BadgeCheck, ShieldAlert, ShieldCheck } from "lucide-react";
import { useState } from "react";
import type { Preceptor } from "../api";
import { timeOf } from "../provenance";
import "../styles/proof.css";
import { texts } from "../texts";
import { useVerdict } from "../useVerdict";
import { CopyButtons } from "./CopyButtons";
import { VerifyDialog } from "./VerifyDialog";

const SAID = {
  ALLOW: texts.line.allowed,
  REDACT: texts.line.redacted,
  TEACH: texts.line.taught,
  REFUSE: texts.line.refused,
};
const ICONS = { holds: BadgeCheck, fails: ShieldAlert, open: ShieldCheck };

export function ReceiptLine({ preceptor, shown }: { preceptor: Preceptor; shown: string }) {
  const verdict = useVerdict(preceptor.receipt, shown);
  const [isOpen, setIsOpen] = useState(false);
  const outcome = verdict?.outcome ?? "open";
  const Icon = ICONS[outcome];
  return (
    <>
      <div className="receipt" data-outcome={outcome}>
        <Icon aria-hidden />
        <span className="said">
          <strong>{outcome === "fails" ? texts.line.fails : SAID[preceptor.action]}</strong>
          {outcome === "holds" && <span className="verified">{texts.line.holds}</span>}
          <span className="place">
            {timeOf(preceptor)} · <code title={preceptor.request_id}>{shortened(preceptor.request_id)}</code>
          </span>
        </span>
        <CopyButtons preceptor={preceptor} shown={shown} />
        {preceptor.receipt && (
          <button className="quiet" aria-haspopup="dialog" onClick={() => setIsOpen(true)}>
            {outcome === "holds" ? texts.line.details : texts.line.button}
          </button>
        )}
      </div>
      {isOpen && preceptor.receipt && (
        <VerifyDialog preceptor={preceptor} receipt={preceptor.receipt} shown={shown} closed={() => setIsOpen(false)} />
      )}
    </>
  );
}

/** The end of a UUIDv7 tells records apart; its beginning is the time. */
function shortened(id: string): string {
  return `…${id.slice(-12)}`;
}
