/** Records, newest first, under their days. */
import { Dialog } from "radix-ui";
import type { Row } from "../../auditing/calls";
import { byDay, clock, dayInWords } from "../../auditing/time";
import { texts } from "../../texts";
import { ActionChip } from "./parts";
import { RecordDialog } from "./RecordDialog";

const words = texts.audit.search;

export function Timeline({ rows }: { rows: Row[] }) {
  return byDay(rows).map(({ day, rows: of }) => (
    <section key={day} className="day">
      <h3>
        {dayInWords(day)} <span className="hint">{texts.audit.records(of.length)}</span>
      </h3>
      <ol className="timeline">
        {of.map((row) => (
          <li key={`${row.origin} ${row.idx}`}>
            <Dialog.Root>
              <Line row={row} />
              <RecordDialog row={row} />
            </Dialog.Root>
          </li>
        ))}
      </ol>
    </section>
  ));
}

function Line({ row }: { row: Row }) {
  return (
    <Dialog.Trigger className="event">
      <time dateTime={new Date(row.ts / 1000).toISOString()}>{clock(row.ts)}</time>
      <span className="what">
        <strong>{row.kind}</strong>
        {row.action && <ActionChip action={row.action} />}
        {row.category && <span>{row.category}</span>}
        {row.score !== null && <span className="hint">{words.score(texts.audit.number(row.score))}</span>}
      </span>
      <span className="whose hint">
        {row.tenant || words.system}
        {row.subject && <code>{row.subject.slice(0, 8)}</code>}
        <code>…{row.request_id.slice(-12)}</code>
      </span>
    </Dialog.Trigger>
  );
}
