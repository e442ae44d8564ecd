/** The check, step by step. The text may be changed here, to see that a changed one fails. */
import { Check, Download, Minus, X } from "lucide-react";
import { useId, useState } from "react";
import type { Preceptor } from "../api";
import { knowledgeOf } from "../knowledge/sources";
import type { Outcome, Step, Verdict } from "../proof/verify";
import { fileName, saveReceipt, timeOf } from "../provenance";
import "../styles/proof.css";
import { texts } from "../texts";
import { useVerdict } from "../useVerdict";
import { KeyForm } from "./KeyForm";
import { Modal } from "./Modal";

const ICONS = { holds: Check, fails: X, open: Minus };
const words = texts.verify;

interface Props {
  preceptor: Preceptor;
  receipt: string;
  shown: string;
}

export function VerifyDialog({ closed, ...proof }: Props & { closed: () => void }) {
  return (
    <Modal title={words.title} closed={closed}>
      <p>{words.lead}</p>
      <Proof {...proof} />
    </Modal>
  );
}

function Proof({ preceptor, receipt, shown }: Props) {
  const [text, setText] = useState(shown);
  const verdict = useVerdict(receipt, text);
  return (
    <>
      <ol className="steps">
        {verdict?.steps.map((step) => (
          <StepLine key={step.name} step={step} />
        ))}
      </ol>
      {verdict && <Summary outcome={verdict.outcome} />}
      <KeyForm />
      <Text text={text} shown={shown} change={setText} />
      {verdict && <Facts preceptor={preceptor} verdict={verdict} />}
      <div className="save">
        <button className="primary" onClick={() => saveReceipt(preceptor, shown)}>
          <Download aria-hidden />
          {words.save}
        </button>
        <p className="hint">
          {words.saveHint} <code>{words.command(fileName(preceptor))}</code>
        </p>
      </div>
    </>
  );
}

/** One step with its outcome; `said` where it means something else than in the dialog. */
export function StepLine({ step, said }: { step: Step; said?: readonly [string, string] }) {
  const [title, text] = said ?? words.steps[step.name];
  const Icon = ICONS[step.outcome];
  return (
    <li data-outcome={step.outcome}>
      <span className="dot">
        <Icon aria-hidden />
      </span>
      <div>
        <strong>{title}</strong>
        <p>{text}</p>
      </div>
      <span className="outcome">{words.outcome[step.outcome]}</span>
    </li>
  );
}

function Summary({ outcome }: { outcome: Outcome }) {
  return (
    <p className="summary" data-outcome={outcome} role="status">
      {words.summary[outcome]}
    </p>
  );
}

function Text({ text, shown, change }: { text: string; shown: string; change: (text: string) => void }) {
  const id = useId();
  return (
    <div className="try">
      <div className="row between">
        <label htmlFor={id}>{words.text}</label>
        <button className="link" disabled={text === shown} onClick={() => change(shown)}>
          {words.restore}
        </button>
      </div>
      <textarea
        id={id}
        rows={4}
        value={text}
        spellCheck={false}
        dir="auto"
        onChange={(event) => change(event.target.value)}
      />
      <p className="hint">{words.try}</p>
    </div>
  );
}

function Facts({ preceptor, verdict: { receipt } }: { preceptor: Preceptor; verdict: Verdict }) {
  const { facts } = words;
  const pack = knowledgeOf(preceptor)?.pack;
  return (
    <dl className="facts">
      <dt>{facts.record}</dt>
      <dd>
        <code>{preceptor.request_id}</code>
      </dd>
      {receipt && (
        <>
          <dt>{facts.time}</dt>
          <dd>{timeOf(preceptor)}</dd>
          <dt>{facts.log}</dt>
          <dd>
            <code>{receipt.leaf.origin}</code>
          </dd>
          <dt>{facts.place}</dt>
          <dd>{words.place(String(receipt.index), String(receipt.checkpoint.size))}</dd>
        </>
      )}
      <dt>{facts.policy}</dt>
      <dd>
        {preceptor.policy.version} · <code>{preceptor.policy.digest.slice(0, 16)}</code>
      </dd>
      <dt>{facts.model}</dt>
      <dd>
        {preceptor.model.name} · <code>{preceptor.model.digest.slice(0, 16)}</code>
      </dd>
      {pack && (
        <>
          <dt>{facts.pack}</dt>
          <dd>
            <code>{pack.slice(0, 16)}</code>
          </dd>
        </>
      )}
    </dl>
  );
}
