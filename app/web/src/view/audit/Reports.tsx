/** The compliance reports: choose a period and a form, get the file. */
import { Download } from "lucide-react";
import { useCallback, useId, useState } from "react";
import { auditing } from "../../auditing/calls";
import { dayOf, daysAfter } from "../../auditing/time";
import { texts } from "../../texts";
import { useSession } from "../SessionContext";
import { Awaited, Empty } from "./parts";
import { type Making, useReport } from "./useReport";
import { useAsked } from "./useAsked";

const words = texts.audit.reports;
const OPERATOR = "preceptor";

type Format = keyof typeof words.formats;

interface Wanted {
  from: string;
  to: string;
  format: Format;
}

/** The last 30 days, today included. */
function lately(): Wanted {
  const to = dayOf(Date.now() * 1000);
  return { from: daysAfter(to, -29), to, format: "html" };
}

export default function Reports() {
  const { session } = useSession();
  return (
    <section className="block">
      <h2>{words.title}</h2>
      <p className="hint">{words.lead}</p>
      {session.tenant === OPERATOR ? <Desk /> : <Empty>{texts.audit.operatorOnly}</Empty>}
    </section>
  );
}

function Desk() {
  const [wanted, setWanted] = useState(lately);
  const asked = useAsked(useCallback((signal: AbortSignal) => auditing.reports(signal), []));
  const report = useReport();
  const isOrdered = wanted.from !== "" && wanted.to !== "" && wanted.from <= wanted.to;
  const make = (name: string) => report.make(name, wanted.from, daysAfter(wanted.to, 1), wanted.format);
  return (
    <>
      <Choices wanted={wanted} change={setWanted} />
      <p className="problem" role="alert">
        {isOrdered ? null : words.order}
      </p>
      <Awaited asked={asked}>
        {(reports) =>
          reports.length === 0 ? (
            <Empty>{words.none}</Empty>
          ) : (
            <ul className="reports">
              {reports.map(({ name, title }) => (
                <li key={name} className="card">
                  <h3>{title}</h3>
                  <p className="hint">{words.holds[name]}</p>
                  {report.making?.name === name && <Progress making={report.making} cancel={report.cancel} />}
                  {!(report.making?.name === name && report.isBusy) && (
                    <button className="quiet" disabled={report.isBusy || !isOrdered} onClick={() => make(name)}>
                      <Download aria-hidden />
                      {words.make}
                      <span className="hidden">: {title}</span>
                    </button>
                  )}
                </li>
              ))}
            </ul>
          )
        }
      </Awaited>
    </>
  );
}

function Choices({ wanted, change }: { wanted: Wanted; change: (wanted: Wanted) => void }) {
  const id = useId();
  return (
    <div className="criteria card">
      <div className="field">
        <label htmlFor={`${id}-from`}>{words.from}</label>
        <input
          id={`${id}-from`}
          type="date"
          value={wanted.from}
          onChange={(event) => change({ ...wanted, from: event.target.value })}
        />
      </div>
      <div className="field">
        <label htmlFor={`${id}-to`}>{words.to}</label>
        <input
          id={`${id}-to`}
          type="date"
          value={wanted.to}
          onChange={(event) => change({ ...wanted, to: event.target.value })}
        />
      </div>
      <div className="field">
        <label htmlFor={`${id}-format`}>{words.format}</label>
        <select
          id={`${id}-format`}
          value={wanted.format}
          onChange={(event) => change({ ...wanted, format: event.target.value as Format })}
        >
          {Object.entries(words.formats).map(([format, says]) => (
            <option key={format} value={format}>
              {says}
            </option>
          ))}
        </select>
      </div>
    </div>
  );
}

function Progress({ making, cancel }: { making: Making; cancel: () => void }) {
  if (making.state === "failed")
    return (
      <p className="problem" role="alert">
        {making.problem}
      </p>
    );
  if (making.state === "done")
    return (
      <p className="hint" role="status">
        {words.done(making.file)}
      </p>
    );
  return (
    <>
      <progress aria-label={words.makingHint} />
      <p className="hint" role="status">
        {words.makingHint}
      </p>
      <div className="row between">
        <span className="hint">
          {making.bytes ? words.receiving(words.kilobytes(making.bytes)) : words.making(making.seconds)}
        </span>
        <button className="quiet" onClick={cancel}>
          {words.cancel}
        </button>
      </div>
    </>
  );
}
