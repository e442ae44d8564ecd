/** What is known of an item before its text is opened. */
import { useEffect, useRef } from "react";
import { span } from "../../review/ages";
import type { Item, Timed } from "../../review/desk";
import { texts } from "../../texts";
import { Reasons } from "./QueueRow";

const words = texts.review;

export function Facts({ item: { value: item, now } }: { item: Timed<Item> }) {
  const heading = useFocus();
  const left = Date.parse(item.due) - now;
  return (
    <header className="exchange-head">
      <div className="row">
        <h1 tabIndex={-1} ref={heading}>
          <span data-action={item.action}>{words.action(item.action)}</span>
          {item.category && <span className="of">{words.category(item.category)}</span>}
        </h1>
        <Reasons reasons={item.reasons} />
      </div>
      {item.score !== null && <Score score={item.score} />}
      <dl className="facts">
        <dt>{words.item.reasons}</dt>
        <dd>{item.reasons.map((reason) => words.why[reason]).join(" ")}</dd>
        <dt>{words.item.state}</dt>
        <dd>
          <strong>{words.states[item.state]}.</strong> {words.stateLead[item.state]}
        </dd>
        <dt>{words.item.since}</dt>
        <dd>
          {local(item.since)}
          {item.state !== "decided" && (
            <span data-late={item.overdue}>
              {" · "}
              {left < 0 ? words.queue.late(span(left)) : words.queue.due(span(left))}
            </span>
          )}
        </dd>
        <dt>{words.item.record}</dt>
        <dd>
          <code>{item.about}</code>
        </dd>
      </dl>
    </header>
  );
}

/** A score from 0 to 1 as a bar with its number. */
export function Score({ score }: { score: number }) {
  return (
    <p className="score">
      <span className="score-bar" aria-hidden="true">
        <span style={{ inlineSize: `${Math.round(score * 100)}%` }} />
      </span>
      <span className="number">{words.score(score)}</span>
    </p>
  );
}

/** Another item is another page: who does not see it is told by the focus. */
function useFocus() {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  return heading;
}

export function local(time: string): string {
  return new Date(time).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}
