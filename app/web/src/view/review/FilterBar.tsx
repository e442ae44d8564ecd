/** Which part of the queue is looked at. The choice stands in the address, so that it can be kept and sent. */
import { REASONS, STATES } from "../../review/desk";
import type { Filters } from "../../review/filters";
import { texts } from "../../texts";
import { Select } from "../Select";

const words = texts.review;

export function FilterBar({ filters, change }: { filters: Filters; change: (filters: Filters) => void }) {
  return (
    <div className="filters">
      <Select
        name={words.queue.state}
        none={words.queue.awaiting}
        chosen={filters.state}
        from={STATES.map((state) => [state, words.states[state]])}
        choose={(state) => change({ ...filters, state })}
      />
      <Select
        name={words.queue.reason}
        none={words.queue.anyReason}
        chosen={filters.reason}
        from={REASONS.map((reason) => [reason, words.reasons[reason]])}
        choose={(reason) => change({ ...filters, reason })}
      />
      <label className="tick">
        <input
          type="checkbox"
          checked={filters.overdue}
          onChange={(event) => change({ ...filters, overdue: event.target.checked })}
        />
        {words.queue.overdue}
      </label>
    </div>
  );
}
