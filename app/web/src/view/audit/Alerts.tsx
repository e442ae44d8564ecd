/** What the monitor found, and what still awaits a decision. */
import { useCallback, useState } from "react";
import { Link } from "wouter";
import { inOrder, isRequest, itemOf } from "../../auditing/alerts";
import { addressOf } from "../../auditing/criteria";
import { type Alert, auditing } from "../../auditing/calls";
import { moment } from "../../auditing/time";
import { pagesOf } from "../../pages";
import { texts } from "../../texts";
import { useSession } from "../SessionContext";
import { Awaited, Chip, Empty, Refresh, type Tone } from "./parts";
import { useAsked } from "./useAsked";

const words = texts.audit.alerts;
const SEVERITIES: Record<string, Tone> = { critical: "bad", warning: "watch" };

export default function Alerts() {
  const [isOpen, setIsOpen] = useState(true);
  return (
    <section className="block">
      <h2>{words.title}</h2>
      <p className="hint">{words.lead}</p>
      <div className="row" role="group" aria-label={words.state}>
        <Choice isChosen={isOpen} choose={() => setIsOpen(true)} label={words.open} />
        <Choice isChosen={!isOpen} choose={() => setIsOpen(false)} label={words.closed} />
      </div>
      <List key={String(isOpen)} isOpen={isOpen} />
    </section>
  );
}

function Choice({ isChosen, choose, label }: { isChosen: boolean; choose: () => void; label: string }) {
  return (
    <button className="quiet choice" aria-pressed={isChosen} onClick={choose}>
      {label}
    </button>
  );
}

function List({ isOpen }: { isOpen: boolean }) {
  const asked = useAsked(useCallback((signal) => auditing.alerts(isOpen, signal), [isOpen]));
  return (
    <Awaited asked={asked}>
      {(alerts) =>
        alerts.length === 0 ? (
          <Empty>{isOpen ? words.noneOpen : words.noneClosed}</Empty>
        ) : (
          <>
            <div className="row between">
              <p role="status">{counted(alerts)}</p>
              <Refresh asked={asked} />
            </div>
            <ul className="alerts">
              {inOrder(alerts).map((alert) => (
                <Item key={alert.request_id} alert={alert} />
              ))}
            </ul>
          </>
        )
      }
    </Awaited>
  );
}

function counted(alerts: Alert[]): string {
  const critical = alerts.filter((alert) => alert.severity === "critical").length;
  return words.counts(critical, alerts.length - critical);
}

function Item({ alert }: { alert: Alert }) {
  const rule = texts.audit.rules[alert.rule];
  const value = alert.value === null ? texts.audit.empty : texts.audit.number(alert.value);
  return (
    <li className="card alert" data-severity={alert.severity}>
      <div className="row between">
        <h3>{rule?.name ?? alert.rule}</h3>
        <Chip tone={SEVERITIES[alert.severity] ?? "plain"}>
          {words.severity[alert.severity] ?? alert.severity}
        </Chip>
      </div>
      <p>{rule ? rule.says(value) : words.value(value)}</p>
      <p className="hint">
        {words.since(moment(alert.ts), texts.audit.ago(Date.now() / 1000 - alert.ts / 1e6))} ·{" "}
        <code>{alert.rule}</code>
        {alert.about && (
          <>
            {" "}
            · {words.about} <code>{alert.about}</code>
          </>
        )}
      </p>
      <Ways alert={alert} />
    </li>
  );
}

/** Where to go from here; the queue only for those who may open it. */
function Ways({ alert }: { alert: Alert }) {
  const { session } = useSession();
  const mayReview = pagesOf(session.role).some((page) => page.name === "review");
  const about = isRequest(alert.about) ? alert.about : alert.request_id;
  return (
    <div className="row">
      <Link className="quiet" href={`/audit?${addressOf({ request_id: about })}`}>
        {isRequest(alert.about) ? words.records : words.own}
      </Link>
      {mayReview && (
        <Link className="quiet" href={`/review?about=${encodeURIComponent(itemOf(alert))}`}>
          {words.review}
        </Link>
      )}
    </div>
  );
}
