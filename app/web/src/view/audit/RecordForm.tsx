/** What to look for. An empty field stands for everything. */
import { type FormEvent, type ReactNode, useId, useState } from "react";
import { type Criteria, NOTHING } from "../../auditing/criteria";
import { texts } from "../../texts";

const words = texts.audit.search;

/** Kinds of record that people look for, exchanges first (docs/audit-format.md). */
const KINDS = [
  ["request", "window", "answer", "refusal", "lesson", "fault", "interrupted"],
  ["terms", "pass", "appeal", "review", "finding", "alert", "access"],
  ["policy", "signoff", "promotion", "gate", "run", "dataset", "shadow"],
  ["grant", "revocation", "key", "head", "erase", "epoch_ack", "pack", "prune", "tick", "logs", "genesis"],
];
const ACTIONS = ["ALLOW", "TEACH", "REFUSE", "REDACT"];

const TAG = { pattern: "\\s*[0-9a-f]{64}\\s*", title: words.subjectForm };

interface Props {
  criteria: Criteria;
  find: (criteria: Criteria) => void;
}

export function RecordForm({ criteria, find }: Props) {
  const [wanted, setWanted] = useState(criteria);
  const field = (name: keyof Criteria) => ({
    name,
    value: wanted[name],
    onChange: (event: { target: { value: string } }) => setWanted({ ...wanted, [name]: event.target.value }),
  });
  function send(event: FormEvent) {
    event.preventDefault();
    find(wanted);
  }
  return (
    <form className="criteria card" onSubmit={send}>
      <Field label={words.kind}>{(id) => <Kinds id={id} {...field("kind")} />}</Field>
      <Field label={words.action}>{(id) => <Actions id={id} {...field("action")} />}</Field>
      <Field label={words.category}>{(id) => <input id={id} {...field("category")} spellCheck={false} />}</Field>
      <Field label={words.subject}>{(id) => <input id={id} {...field("subject")} {...TAG} spellCheck={false} />}</Field>
      <Field label={words.request}>{(id) => <input id={id} {...field("request_id")} spellCheck={false} />}</Field>
      <Field label={words.since}>{(id) => <input id={id} type="datetime-local" {...field("since")} />}</Field>
      <Field label={words.until}>{(id) => <input id={id} type="datetime-local" {...field("until")} />}</Field>
      <div className="row end">
        <button type="button" className="quiet" onClick={() => find(NOTHING)}>
          {words.clear}
        </button>
        <button className="primary">{words.find}</button>
      </div>
    </form>
  );
}

function Field({ label, children }: { label: string; children: (id: string) => ReactNode }) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children(id)}
    </div>
  );
}

interface Choice {
  id: string;
  name: string;
  value: string;
  onChange: (event: { target: { value: string } }) => void;
}

function Kinds(choice: Choice) {
  return (
    <select {...choice}>
      <option value="">{words.any}</option>
      {KINDS.map((group) => (
        <optgroup key={group[0]} label={words.groups[KINDS.indexOf(group)]}>
          {group.map((kind) => (
            <option key={kind}>{kind}</option>
          ))}
        </optgroup>
      ))}
    </select>
  );
}

function Actions(choice: Choice) {
  return (
    <select {...choice}>
      <option value="">{words.any}</option>
      {ACTIONS.map((action) => (
        <option key={action} value={action}>
          {texts.audit.actions[action]}
        </option>
      ))}
    </select>
  );
}
