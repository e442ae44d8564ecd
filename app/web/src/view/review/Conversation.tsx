/** The exchange in the order of its records, as plain text: what a page would hide or draw is seen as written. */
import { useId } from "react";
import { isEnd, messagesOf } from "../../review/conversation";
import type { Check, Opened, Texts } from "../../review/desk";
import { revealed } from "../../review/revealed";
import { texts as catalogue } from "../../texts";
import { local } from "./Facts";

const words = catalogue.review.talk;

export function Conversation({ texts: { records, appeals } }: { texts: Texts }) {
  const id = useId();
  const windows = records.filter(({ kind }) => kind === "window");
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>{words.title}</h2>
      <ol className="talk">
        {records.map((record) => (
          <li key={`${record.kind}-${record.seq}`} tabIndex={-1} data-kind={record.kind} data-action={record.action}>
            {isEnd(record) ? <End record={record} /> : <Told record={record} name={nameOf(record, windows)} />}
          </li>
        ))}
        {appeals.map(({ ts, text }) => (
          <li key={ts} tabIndex={-1} data-kind="appeal">
            <div className="talk-head">
              <h3>{words.appeal}</h3>
              <span className="hint">{words.appealed(local(ts))}</span>
            </div>
            <Body text={text} />
          </li>
        ))}
      </ol>
    </section>
  );
}

function nameOf(record: Opened, windows: Opened[]): string {
  if (record.kind === "window" && windows.length > 1) return words.part(windows.indexOf(record) + 1);
  return words.kinds[record.kind] ?? record.kind;
}

function Told({ record, name }: { record: Opened; name: string }) {
  return (
    <>
      <div className="talk-head">
        <h3>{name}</h3>
        <Verdict of={record} />
      </div>
      {record.kind === "request" && record.text !== null ? (
        messagesOf(record.text).map(({ role, content }, at, all) => (
          <div key={at} className="said" data-role={role}>
            {all.length > 1 && <p className="label">{words.roles[role] ?? role}</p>}
            <Body text={content} />
          </div>
        ))
      ) : (
        <Body text={record.text} />
      )}
      {record.checks.length > 0 && <Checks checks={record.checks} />}
      {record.kind === "answer" && <p className="hint">{endOf(record)}</p>}
    </>
  );
}

function Body({ text }: { text: string | null }) {
  if (text === null) return <p className="hint">{words.erased}</p>;
  return (
    <p className="talk-text" dir="auto">
      {revealed(text).trimEnd()}
    </p>
  );
}

function End({ record }: { record: Opened }) {
  return (
    <div className="talk-head">
      <h3>{endOf(record)}</h3>
      {record.action && <Verdict of={record} />}
    </div>
  );
}

function endOf({ kind, finish }: Opened): string {
  return words.ends[finish ?? ""] ?? `${words.kinds[kind] ?? kind}${finish ? `: ${finish}` : ""}`;
}

/** What the guard made of one record. */
function Verdict({ of: { kind, action, category, score } }: { of: Opened }) {
  if (action === null) return kind === "request" ? <span className="tag">{words.unjudged}</span> : null;
  return (
    <span className="verdict" data-action={action}>
      <strong>{words.verdicts[action] ?? action}</strong>
      {category && <span>{catalogue.review.category(category)}</span>}
      {score !== null && <span className="number">{score.toFixed(2)}</span>}
    </span>
  );
}

function Checks({ checks }: { checks: Check[] }) {
  return (
    <details className="checks">
      <summary>{words.checks(checks.length)}</summary>
      <div className="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">{words.check}</th>
              <th scope="col">{words.said}</th>
              <th scope="col">{words.category}</th>
              <th scope="col">{words.score}</th>
            </tr>
          </thead>
          <tbody>
            {checks.map(({ check, action, category, score }, at) => (
              <tr key={at}>
                <td>
                  <code>{check}</code>
                </td>
                <td>{words.verdicts[action] ?? action}</td>
                <td>{catalogue.review.category(category) ?? "–"}</td>
                <td className="number">{score === null ? "–" : score.toFixed(3)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
