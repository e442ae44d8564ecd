/** What the queue is asked for, and how that stands in the address: `/review?state=open&reason=appeal&overdue=1`. */
import { type Reason, REASONS, type State, STATES } from "./desk";

export interface Filters {
  /** Null: all that await a look. */
  state: State | null;
  reason: Reason | null;
  overdue: boolean;
}

const MOST = "200";
const AWAITING = STATES.filter((state) => state !== "decided").join(",");

export function filtersOf(search: string): Filters {
  const said = new URLSearchParams(search);
  return {
    state: STATES.find((state) => state === said.get("state")) ?? null,
    reason: REASONS.find((reason) => reason === said.get("reason")) ?? null,
    overdue: said.get("overdue") === "1",
  };
}

/** The address of the queue, or of one item, under these filters. */
export function addressOf({ state, reason, overdue }: Filters, about?: string): string {
  const said = new URLSearchParams();
  if (about) said.set("about", about);
  if (state) said.set("state", state);
  if (reason) said.set("reason", reason);
  if (overdue) said.set("overdue", "1");
  return said.size > 0 ? `/review?${said}` : "/review";
}

/** The same for the server. */
export function queryOf({ state, reason, overdue }: Filters): string {
  const asked = new URLSearchParams({ state: state ?? AWAITING, limit: MOST });
  if (reason) asked.set("reason", reason);
  if (overdue) asked.set("overdue", "true");
  return String(asked);
}

/** What comes after an item in a queue: the one below it; from the last, or from elsewhere, the first. */
export function after<Each extends { about: string }>(items: readonly Each[], about: string): Each | null {
  const place = items.findIndex((item) => item.about === about);
  return items[place + 1] ?? items.find((item) => item.about !== about) ?? null;
}
