/** One SELECT over the views, for the operator's auditors. */
import { Play, Square } from "lucide-react";
import { type KeyboardEvent, useCallback, useId, useState } from "react";
import { Link } from "wouter";
import { auditing } from "../../auditing/calls";
import { texts } from "../../texts";
import { useSession } from "../SessionContext";
import { Awaited, Empty } from "./parts";
import { ResultTable } from "./ResultTable";
import { SqlViews } from "./SqlViews";
import { useAsked } from "./useAsked";
import { type Answer, useQuery } from "./useQuery";

const words = texts.audit.sql;
const OPERATOR = "preceptor";

export default function Sql() {
  const { session } = useSession();
  return (
    <section className="block">
      <h2>{words.title}</h2>
      <p className="hint">{words.lead}</p>
      {session.tenant === OPERATOR ? <Desk /> : <Refused />}
    </section>
  );
}

function Refused() {
  return (
    <div className="card refused">
      <h3>{words.refusedTitle}</h3>
      <p>{words.refused}</p>
      <Link href="/audit?tab=records">{words.toRecords}</Link>
    </div>
  );
}

function Desk() {
  const [sql, setSql] = useState<string>(words.ready[0][1]);
  const views = useAsked(useCallback((signal: AbortSignal) => auditing.views(signal), []));
  const query = useQuery();
  return (
    <div className="sql">
      <div className="ask">
        <Question sql={sql} change={setSql} query={query} />
        <Examples choose={setSql} />
        <Outcome answer={query.answer} />
      </div>
      <aside aria-label={words.views}>
        <Awaited asked={views}>{(all) => <SqlViews views={all} choose={setSql} />}</Awaited>
      </aside>
    </div>
  );
}

interface QuestionProps {
  sql: string;
  change: (sql: string) => void;
  query: ReturnType<typeof useQuery>;
}

function Question({ sql, change, query: { isRunning, run, stop } }: QuestionProps) {
  const id = useId();
  const isEmpty = !sql.trim();
  function onKeyDown(event: KeyboardEvent) {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || isEmpty || isRunning) return;
    event.preventDefault();
    run(sql);
  }
  return (
    <div className="question-sql">
      <label htmlFor={id}>{words.field}</label>
      <textarea
        id={id}
        rows={7}
        maxLength={20_000}
        spellCheck={false}
        autoCapitalize="off"
        value={sql}
        onChange={(event) => change(event.target.value)}
        onKeyDown={onKeyDown}
        aria-describedby={`${id}-hint`}
      />
      <div className="row between">
        <p className="hint" id={`${id}-hint`}>
          {words.keys}
        </p>
        {isRunning ? (
          <button className="quiet" onClick={stop}>
            <Square aria-hidden />
            {words.stop}
          </button>
        ) : (
          <button className="primary" onClick={() => run(sql)} disabled={isEmpty}>
            <Play aria-hidden />
            {words.run}
          </button>
        )}
      </div>
    </div>
  );
}

function Examples({ choose }: { choose: (sql: string) => void }) {
  return (
    <div className="row examples">
      <span className="hint">{words.examples}</span>
      {words.ready.map(([name, sql]) => (
        <button key={name} className="quiet" onClick={() => choose(sql)}>
          {name}
        </button>
      ))}
    </div>
  );
}

function Outcome({ answer }: { answer: Answer | null }) {
  if (!answer) return null;
  if (answer.state === "running")
    return (
      <p className="hint" role="status">
        {words.running}
      </p>
    );
  if (answer.state === "refused")
    return (
      <pre className="refusal-sql" role="alert">
        {answer.reason}
      </pre>
    );
  if (answer.table.rows.length === 0) return <Empty>{words.nothing}</Empty>;
  return <ResultTable table={answer.table} seconds={answer.seconds} />;
}
