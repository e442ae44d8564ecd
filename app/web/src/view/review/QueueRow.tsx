/** One item of the queue: what the guard did, why it is here, how long it waits. */
import { Link } from "wouter";
import { span } from "../../review/ages";
import type { Item, Precedent } from "../../review/desk";
import { texts } from "../../texts";

const words = texts.review;

interface Props {
  item: Item;
  now: number;
  href: string;
  chosen: () => void;
}

export function QueueRow({ item, now, href, chosen }: Props) {
  const isLate = item.overdue && item.state !== "decided";
  return (
    <li>
      <Link href={href} className="queue-row" onClick={chosen}>
        <span className="queue-what">
          <strong data-action={item.action}>{words.action(item.action)}</strong>
          {item.category && <span>{words.category(item.category)}</span>}
          {item.score !== null && <span className="number">{words.score(item.score)}</span>}
        </span>
        <Reasons reasons={item.reasons} />
        <span className="queue-state">{item.held_until ? words.queue.yours : words.states[item.state]}</span>
        <span className="queue-age">
          <span className="number">{words.queue.waits(span(now - Date.parse(item.since)))}</span>
          <span className="number" data-late={isLate}>
            {dueIn(item, now)}
          </span>
        </span>
      </Link>
    </li>
  );
}

/** What is decided has no date to keep. */
function dueIn({ state, due }: Item, now: number): string {
  if (state === "decided") return "";
  const left = Date.parse(due) - now;
  return left < 0 ? words.queue.late(span(left)) : words.queue.due(span(left));
}

export function Reasons({ reasons }: Pick<Item, "reasons">) {
  return (
    <span className="reasons">
      {reasons.map((reason) => (
        <span key={reason} className="tag" data-reason={reason}>
          {words.reasons[reason]}
        </span>
      ))}
    </span>
  );
}

export function outcomeOf({ decision, state }: Precedent): string {
  if (decision) return decision === "uphold" ? words.similar.upheld : words.similar.overturned;
  return words.states[state];
}
