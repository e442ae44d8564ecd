/** Alerts in the order in which people should see them. */
import type { Alert } from "./calls";

const RANKS: Record<string, number> = { critical: 0, warning: 1, info: 2 };
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The most severe first; among equals the newest. */
export function inOrder(alerts: readonly Alert[]): Alert[] {
  const rank = ({ severity }: Alert) => RANKS[severity] ?? RANKS.info ?? 2;
  return alerts.toSorted((one, other) => rank(one) - rank(other) || other.ts - one.ts);
}

/** Whether what an alert is about is a request; it may be a guard, a log or a policy too. */
export function isRequest(about: string | null): about is string {
  return about !== null && ID.test(about);
}

/** The review item: the request that it is about, or the alert itself (docs/audit-views.md, `review_queue`). */
export function itemOf({ about, request_id }: Alert): string {
  return isRequest(about) ? about : request_id;
}
