/** Records by form, as a timeline. What is asked for stands in the address, so that it can be passed on. */
import { useCallback, useEffect, useState } from "react";
import { useSearchParams } from "wouter";
import { addressOf, type Criteria, criteriaOf, queryOf } from "../../auditing/criteria";
import { auditing, type Row } from "../../auditing/calls";
import { texts } from "../../texts";
import { useSession } from "../SessionContext";
import { Empty, Problem } from "./parts";
import { RecordForm } from "./RecordForm";
import { Timeline } from "./Timeline";
import { endsSession, inWords } from "./useAsked";

const words = texts.audit.search;

export default function Records() {
  const [address, setAddress] = useSearchParams();
  const criteria = criteriaOf(address);
  const key = addressOf(criteria).toString();
  const find = (changed: Criteria) => setAddress(addressOf(changed));
  return (
    <section className="block">
      <h2>{words.title}</h2>
      <p className="hint">{words.lead}</p>
      <RecordForm key={`form ${key}`} criteria={criteria} find={find} />
      <Results key={key} criteria={criteria} />
    </section>
  );
}

function Results({ criteria }: { criteria: Criteria }) {
  const { rows, next, problem, isWaiting, more } = usePages(criteria);
  return (
    <>
      {rows && (
        <p className="hint" role="status">
          {words.found(rows.length, next !== null)}
        </p>
      )}
      {rows?.length === 0 && <Empty>{words.nothing}</Empty>}
      {rows && rows.length > 0 && <Timeline rows={rows} />}
      {problem && <Problem asked={{ problem, again: more }} />}
      {isWaiting && (
        <p className="hint" role="status">
          {texts.loading}
        </p>
      )}
      {next !== null && !isWaiting && !problem && (
        <button className="quiet" onClick={more}>
          {words.more}
        </button>
      )}
    </>
  );
}

interface Found {
  rows: Row[] | null;
  next: string | null;
}

/** The newest page at once, older ones when they are asked for. `criteria` do not change while this is shown. */
function usePages(criteria: Criteria) {
  const { turnedAway } = useSession();
  const [asked] = useState(criteria);
  const [found, setFound] = useState<Found>({ rows: null, next: null });
  const [before, setBefore] = useState<{ cursor: string | null }>({ cursor: null });
  const [problem, setProblem] = useState<string | null>(null);
  const [isWaiting, setIsWaiting] = useState(true);
  useEffect(() => {
    const control = new AbortController();
    setIsWaiting(true);
    setProblem(null);
    auditing
      .events(queryOf(asked, before.cursor), control.signal)
      .then(({ events, next }) => {
        if (control.signal.aborted) return;
        setFound(({ rows }) => ({ rows: before.cursor === null ? events : [...(rows ?? []), ...events], next }));
        setIsWaiting(false);
      })
      .catch((error: unknown) => {
        if (control.signal.aborted) return;
        if (endsSession(error)) return turnedAway(error);
        setProblem(inWords(error));
        setIsWaiting(false);
      });
    return () => control.abort();
  }, [asked, before, turnedAway]);
  const more = useCallback(() => setBefore({ cursor: found.next }), [found.next]);
  return { ...found, problem, isWaiting, more };
}
