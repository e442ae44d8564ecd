/** Whether the log can be relied upon, at one look; then what was decided. */
import { lazy, type ReactNode, Suspense, useCallback } from "react";
import { auditing, type LogHead, type Status } from "../../auditing/calls";
import { moment } from "../../auditing/time";
import type { Outcome } from "../../proof/verify";
import { texts } from "../../texts";
import { KeyForm } from "../KeyForm";
import { Heads } from "./Heads";
import { Awaited, Chip, Digest, Refresh, TONES, type Tone } from "./parts";
import { useAsked } from "./useAsked";
import { STALE_S, useHeads } from "./useHeads";

const Charts = lazy(() => import("./Charts"));
const words = texts.audit.overview;
const MOST_ALERTS = 500; // the server tells no more

interface Seen {
  status: Status;
  openAlerts: number;
  /** When this was asked for, in microseconds. */
  at: number;
}

async function look(signal: AbortSignal): Promise<Seen> {
  const [status, alerts] = await Promise.all([auditing.status(signal), auditing.alerts(true, signal)]);
  return { status, openAlerts: alerts.length, at: Date.now() * 1000 };
}

export default function Overview() {
  const asked = useAsked(useCallback(look, []));
  return (
    <>
      <section className="block">
        <div className="row between">
          <h2>{words.integrity}</h2>
          <Refresh asked={asked} />
        </div>
        <Awaited asked={asked}>{(seen) => <Integrity {...seen} />}</Awaited>
      </section>
      <Suspense
        fallback={
          <p className="hint" role="status">
            {texts.loading}
          </p>
        }
      >
        <Charts />
      </Suspense>
    </>
  );
}

function Integrity({ status, openAlerts, at }: Seen) {
  const heads = useHeads(status.logs);
  if (!heads) return null;
  const outcome = outcomeOf(
    status,
    heads.map((head) => head.outcome),
  );
  const [title, text] = words.verdict[outcome];
  return (
    <>
      <div className="verdict" data-tone={TONES[outcome]} role="status">
        <Chip tone={TONES[outcome]}>{title}</Chip>
        <p>{text}</p>
        <p>{words.asOf(moment(at))}</p>
      </div>
      <Tiles status={status} openAlerts={openAlerts} />
      <h3>{words.logs}</h3>
      <p className="hint">{words.logsLead}</p>
      <Heads heads={heads} />
      <KeyForm />
    </>
  );
}

function outcomeOf({ logs, unlogged, policy }: Status, heads: Outcome[]): Outcome {
  if (heads.includes("fails") || (unlogged ?? 0) > 0) return "fails";
  const isOpen = heads.length === 0 || heads.includes("open") || unlogged === null || !policy.signed;
  return isOpen || oldest(logs) > STALE_S ? "open" : "holds";
}

function oldest(logs: readonly LogHead[]): number {
  return Math.max(0, ...logs.map((log) => log.age_s));
}

function Tiles({ status: { logs, unlogged, policy }, openAlerts }: Omit<Seen, "at">) {
  const { tiles } = words;
  const { number, ago, empty } = texts.audit;
  const age = oldest(logs);
  const records = logs.reduce((sum, log) => sum + log.size, 0);
  const [unloggedName, unloggedSays] = tiles.unlogged;
  const isUnlogged = (unlogged ?? 0) > 0;
  return (
    <dl className="tiles">
      <Tile name={tiles.records[0]} value={number(records)} says={tiles.records[1]} />
      <Tile
        name={tiles.head[0]}
        value={logs.length ? words.before(ago(age)) : empty}
        says={tiles.head[1]}
        tone={age > STALE_S ? "watch" : "plain"}
      />
      <Tile
        name={unloggedName}
        value={unlogged === null ? empty : number(unlogged)}
        says={unlogged === null ? tiles.unknownUnlogged : unloggedSays}
        tone={isUnlogged ? "bad" : unlogged === null ? "watch" : "plain"}
      />
      <Tile
        name={tiles.alerts[0]}
        value={openAlerts < MOST_ALERTS ? number(openAlerts) : words.atLeast(number(openAlerts))}
        says={tiles.alerts[1]}
        tone={openAlerts > 0 ? "watch" : "plain"}
      />
      <Tile
        name={tiles.policy[0]}
        value={policy.version}
        says={policy.signed ? tiles.policy[1] : tiles.unsignedPolicy}
        tone={policy.signed ? "plain" : "watch"}
      >
        <Digest of={policy.digest} letters={10} />
      </Tile>
    </dl>
  );
}

interface TileProps {
  name: string;
  value: string;
  says: string;
  tone?: Tone;
  children?: ReactNode;
}

function Tile({ name, value, says, tone = "plain", children }: TileProps) {
  return (
    <div className="tile" data-tone={tone}>
      <dt>{name}</dt>
      <dd>
        <strong>{value}</strong>
        <span>{says}</span>
        {children}
      </dd>
    </div>
  );
}
