/** One record: what it says, and whether its receipt proves that. */
import { Download, X } from "lucide-react";
import { Dialog } from "radix-ui";
import { Link } from "wouter";
import type { Row } from "../../auditing/calls";
import { addressOf, type Criteria } from "../../auditing/criteria";
import { plain } from "../../auditing/csv";
import { download } from "../../auditing/download";
import type { Check } from "../../auditing/match";
import { moment } from "../../auditing/time";
import "../../styles/proof.css";
import { texts } from "../../texts";
import { KeyForm } from "../KeyForm";
import { StepLine } from "./StepLine";
import { ActionChip, CopyText, Empty, Problem } from "./parts";
import { useReceipt } from "./useReceipt";

const words = texts.audit.record;

export function RecordDialog({ row }: { row: Row }) {
  return (
    <Dialog.Portal>
      <div className="shade" />
      <Dialog.Content className="dialog audit">
        <div className="dialog-head">
          <Dialog.Title>{words.title(row.kind)}</Dialog.Title>
          <Dialog.Close className="icon" aria-label={texts.close}>
            <X aria-hidden />
          </Dialog.Close>
        </div>
        <Dialog.Description>{words.lead}</Dialog.Description>
        <Facts row={row} />
        <div className="row">
          <Related criteria={{ request_id: row.request_id }} says={words.related} />
          {row.subject && <Related criteria={{ subject: row.subject }} says={words.relatedPerson} />}
        </div>
        <h3>{words.fields}</h3>
        <Fields row={row} />
        <h3>{words.receipt}</h3>
        <Receipt row={row} />
      </Dialog.Content>
    </Dialog.Portal>
  );
}

function Related({ criteria, says }: { criteria: Partial<Criteria>; says: string }) {
  return (
    <Dialog.Close asChild>
      <Link className="quiet" href={`/audit?${addressOf(criteria)}`}>
        {says}
      </Link>
    </Dialog.Close>
  );
}

function Facts({ row }: { row: Row }) {
  const { facts } = words;
  return (
    <dl className="facts">
      <dt>{facts.time}</dt>
      <dd>{moment(row.ts)}</dd>
      <dt>{facts.log}</dt>
      <dd>
        <code>{row.origin}</code>
      </dd>
      <dt>{facts.place}</dt>
      <dd>{words.place(texts.audit.number(row.idx), row.seq)}</dd>
      <dt>{facts.request}</dt>
      <dd>
        <code>{row.request_id}</code> <CopyText text={row.request_id} label={words.copyRequest} />
      </dd>
      <dt>{facts.tenant}</dt>
      <dd>{row.tenant || texts.audit.search.system}</dd>
      <dt>{facts.subject}</dt>
      <dd>{row.subject ? <code>{row.subject}</code> : texts.audit.none}</dd>
      <dt>{facts.actor}</dt>
      <dd>{row.actor}</dd>
      {row.action && (
        <>
          <dt>{facts.action}</dt>
          <dd>
            <ActionChip action={row.action} /> {row.category}{" "}
            {row.score !== null && texts.audit.search.score(texts.audit.number(row.score))}
          </dd>
        </>
      )}
    </dl>
  );
}

function Fields({ row: { fields } }: { row: Row }) {
  const named = Object.entries(fields);
  if (named.length === 0) return <p className="hint">{words.noFields}</p>;
  return (
    <dl className="facts">
      {named.map(([name, value]) => (
        <Field key={name} name={name} value={value} />
      ))}
    </dl>
  );
}

function Field({ name, value }: { name: string; value: unknown }) {
  return (
    <>
      <dt>
        <code>{name}</code>
      </dt>
      <dd>
        <code>{plain(value) || texts.audit.none}</code>
      </dd>
    </>
  );
}

function Receipt({ row }: { row: Row }) {
  const { checks, proof, problem, again } = useReceipt(row);
  if (problem) return <Problem asked={{ problem, again }} />;
  if (checks === "none") return <Empty>{words.noReceipt}</Empty>;
  if (!checks || !proof)
    return (
      <p className="hint" role="status">
        {words.checking}
      </p>
    );
  return (
    <>
      <Steps checks={checks} />
      <KeyForm />
      <div className="save">
        <button className="quiet" onClick={() => save(row, proof)}>
          <Download aria-hidden />
          {words.save}
        </button>
      </div>
    </>
  );
}

function Steps({ checks }: { checks: Check[] }) {
  return (
    <ol className="steps">
      {checks.map(({ name, outcome }) => (
        <StepLine key={name} words={words.steps[name]} outcome={outcome} said={words.outcome[outcome]} />
      ))}
    </ol>
  );
}

function save({ request_id, seq }: Row, proof: string): void {
  download(new Blob([proof], { type: "text/plain" }), `record-${request_id}-${seq}.tlog-proof`);
}
