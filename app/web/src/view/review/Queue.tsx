/** What awaits a look. The chosen item is the one that has the focus, so that Enter and a screen reader agree. */
import { RotateCw } from "lucide-react";
import { useRef } from "react";
import { useLocation } from "wouter";
import { addressOf, type Filters, queryOf } from "../../review/filters";
import { moved } from "../../review/shortcuts";
import { texts } from "../../texts";
import { FilterBar } from "./FilterBar";
import { HelpButton } from "./Help";
import { QueueRow } from "./QueueRow";
import { useQueue } from "./useQueue";
import { useShortcuts } from "./useShortcuts";

const words = texts.review.queue;
const MOST = 200; // as many as the server tells

interface Props {
  filters: Filters;
  isOn: boolean;
  help: () => void;
  want: (about: string | null) => void;
  tell: (notice: string) => void;
}

export function Queue({ filters, isOn, help, want, tell }: Props) {
  const [, navigate] = useLocation();
  const queue = useQueue(queryOf(filters));
  const list = useRef<HTMLOListElement>(null);
  const items = queue.found?.value ?? [];

  const leave = (wanted: string | null) => {
    tell("");
    want(wanted);
  };
  const move = (by: 1 | -1) => {
    const links = linksOf(list.current);
    links[moved(placeOf(links), by, links.length)]?.focus();
  };
  const choose = (claims: boolean) => {
    const item = items[Math.max(0, placeOf(linksOf(list.current)))];
    if (!item) return;
    leave(claims ? item.about : null);
    navigate(addressOf(filters, item.about));
  };
  useShortcuts(isOn, {
    down: () => move(1),
    up: () => move(-1),
    claim: () => choose(true),
    next: () => choose(false),
    help,
  });

  return (
    <>
      <header className="review-head row between">
        <div>
          <h1>{texts.review.title}</h1>
          <p className="lead">{texts.review.lead}</p>
        </div>
        <HelpButton help={help} />
      </header>
      <section className="queue-part" aria-label={words.list}>
        <FilterBar filters={filters} change={(chosen) => navigate(addressOf(chosen), { replace: true })} />
        <div className="row between queue-count">
          <p className="hint" role="status">
            {queue.found ? words.count(items.length, items.length === MOST) : words.loading}
          </p>
          <button className="quiet slim" disabled={queue.isBusy} onClick={() => void queue.look()}>
            <RotateCw aria-hidden />
            {words.refresh}
          </button>
        </div>
        <p className="problem" role="alert">
          {queue.problem}
        </p>
        {queue.found && items.length === 0 && <Empty filters={filters} />}
        <ol className="queue" ref={list}>
          {items.map((item) => (
            <QueueRow
              key={item.about}
              item={item}
              now={queue.found?.now ?? 0}
              href={addressOf(filters, item.about)}
              chosen={() => leave(null)}
            />
          ))}
        </ol>
      </section>
    </>
  );
}

function Empty({ filters: { state, reason, overdue } }: { filters: Filters }) {
  const [, navigate] = useLocation();
  const isFiltered = state !== null || reason !== null || overdue;
  return (
    <div className="queue-empty">
      <h2>{isFiltered ? words.emptyFilter : words.empty}</h2>
      {isFiltered ? (
        <button className="quiet" onClick={() => navigate("/review", { replace: true })}>
          {words.clear}
        </button>
      ) : (
        <p className="hint">{words.emptyLead}</p>
      )}
    </div>
  );
}

function linksOf(list: HTMLElement | null): HTMLElement[] {
  return [...(list?.querySelectorAll("a") ?? [])];
}

function placeOf(links: readonly HTMLElement[]): number {
  return links.findIndex((link) => link === document.activeElement);
}
