/** One record, and the check of the pasted text against it: all of it in this browser. */
import { useEffect, useState } from "react";
import type { Receipt } from "../../proof/receipt";
import { type CheckedCopy, verifyCopy } from "../../proof/verifyCopy";
import type { Match } from "../../search";
import { inUtc } from "../../stream";
import { texts } from "../../texts";
import { useKeys } from "../../useKeys";
import { StepLine } from "../VerifyDialog";

const words = texts.search;
const { facts, place } = texts.verify;

interface Props {
  receipt: string;
  text: string;
  /** What the server says beside the receipt: names for digests. */
  match?: Match;
}

export function Proved({ receipt, text, match }: Props) {
  const checked = useChecked(receipt, text);
  if (!checked) return null;
  const { verdict, fit } = checked;
  return (
    <div className="proved">
      <p className="summary" data-outcome={verdict.outcome} role="status">
        {summaryOf(checked)}
      </p>
      {verdict.receipt && <Facts receipt={verdict.receipt} match={match ?? null} />}
      <ol className="steps">
        {verdict.steps.map((step) =>
          step.name === "text" ? (
            <StepLine key={step.name} step={step} said={words.fit[fit]} />
          ) : (
            <StepLine key={step.name} step={step} />
          ),
        )}
      </ol>
    </div>
  );
}

function useChecked(receipt: string, text: string): CheckedCopy | null {
  const { chain } = useKeys();
  const [checked, setChecked] = useState<CheckedCopy | null>(null);
  useEffect(() => {
    let isLate = false;
    void verifyCopy(receipt, chain, text).then((one) => isLate || setChecked(one));
    return () => {
      isLate = true;
    };
  }, [receipt, chain, text]);
  return checked;
}

function summaryOf({ verdict, fit }: CheckedCopy): string {
  const isWhole = verdict.outcome === "holds" && (fit === "exact" || fit === "words");
  return isWhole ? words.summary[fit] : texts.verify.summary[verdict.outcome];
}

/** From the record itself, which the receipt proves; names alone are the server's word. */
function Facts({ receipt, match }: { receipt: Receipt; match: Match | null }) {
  const { leaf, index, checkpoint } = receipt;
  return (
    <dl className="facts">
      <dt>{facts.record}</dt>
      <dd>
        <code>{leaf.request_id}</code>
      </dd>
      <dt>{facts.time}</dt>
      <dd>{inUtc(new Date(leaf.ts / 1000))}</dd>
      <Digest name={facts.model} said={match?.model.name ?? null} digest={leaf.fields?.model_digest} />
      <Digest name={facts.policy} said={match?.policy.version ?? null} digest={leaf.fields?.policy_digest} />
      <dt>{facts.log}</dt>
      <dd>
        <code>{leaf.origin}</code>
      </dd>
      <dt>{facts.place}</dt>
      <dd>{place(String(index), String(checkpoint.size))}</dd>
    </dl>
  );
}

function Digest({ name, said, digest }: { name: string; said: string | null; digest: unknown }) {
  if (typeof digest !== "string") return null;
  return (
    <>
      <dt>{name}</dt>
      <dd>
        {said && `${said} · `}
        <code title={digest}>{digest.slice(0, 16)}</code>
      </dd>
    </>
  );
}
