/** Whose the item is, and for how long. */
import { LockKeyholeOpen, Timer } from "lucide-react";
import { clock } from "../../review/ages";
import { texts } from "../../texts";
import type { AtDesk } from "./useItem";
import { useNow } from "./useNow";

const words = texts.review.lease;
const SHORT_MS = 120_000;

export function Lease({ one, tell }: { one: AtDesk; tell: (notice: string) => void }) {
  const now = useNow(1000);
  const left = one.until === null ? 0 : one.until - now;
  return (
    <section className="lease" data-state={left <= 0 ? "none" : left < SHORT_MS ? "short" : "held"}>
      {left > 0 ? <Held one={one} left={left} tell={tell} /> : <Free one={one} />}
      <p className="problem" role="alert">
        {one.problem?.at === "lease" && one.problem.said}
      </p>
    </section>
  );
}

function Held({ one, left, tell }: { one: AtDesk; left: number; tell: (notice: string) => void }) {
  const release = async () => {
    if (await one.release()) tell(texts.review.form.released);
  };
  return (
    <>
      <div className="row between">
        <p className="lease-clock">
          <Timer aria-hidden />
          {words.held} <strong className="number">{clock(left)}</strong>
        </p>
        <div className="row">
          <button className="quiet slim" disabled={one.isBusy} onClick={() => void one.claim()}>
            {words.extend}
          </button>
          <button className="quiet slim" disabled={one.isBusy} onClick={() => void release()}>
            {words.release}
          </button>
        </div>
      </div>
      {!one.texts && (
        <div className="lease-open">
          <button className="primary" disabled={one.isBusy} onClick={() => void one.open()}>
            {words.open}
          </button>
          <p className="hint">{words.openLead}</p>
        </div>
      )}
      <p className="hint" role="status">
        {left < SHORT_MS ? words.short : ""}
      </p>
    </>
  );
}

/** Nobody's, for all that this page knows: not claimed yet, or run out, given back or lost. */
function Free({ one }: { one: AtDesk }) {
  const isFresh = one.until === null && !one.texts;
  return (
    <div className="lease-open">
      <p className={isFresh ? "hint" : ""} role="status">
        {isFresh ? words.lead : words.over}
      </p>
      <button className="primary" disabled={one.isBusy} onClick={() => void one.claim()}>
        <LockKeyholeOpen aria-hidden />
        {one.isBusy ? words.busy : one.texts ? words.again : words.claim}
      </button>
    </div>
  );
}
