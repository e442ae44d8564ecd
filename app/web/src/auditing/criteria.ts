/** What to look for among the records: as the form holds it, in the page's address, and as the server is asked. */

export const FIELDS = ["kind", "action", "category", "subject", "request_id", "since", "until"] as const;

export type Criteria = Record<(typeof FIELDS)[number], string>;

export const NOTHING = Object.fromEntries(FIELDS.map((field) => [field, ""])) as Criteria;
export const PAGE = 100;

/** Out of the page's address; what it does not name is empty. */
export function criteriaOf(address: URLSearchParams): Criteria {
  return { ...NOTHING, ...Object.fromEntries(FIELDS.map((field) => [field, address.get(field) ?? ""])) };
}

/** The address of the records that meet these. */
export function addressOf(criteria: Partial<Criteria>): URLSearchParams {
  const named = FIELDS.flatMap((field) => (criteria[field] ? [[field, criteria[field]]] : []));
  return new URLSearchParams([["tab", "records"], ...named]);
}

/** What the server is asked; `before` is the cursor of an older page. Times of the form are UTC without a zone. */
export function queryOf(criteria: Criteria, before: string | null): URLSearchParams {
  const query = new URLSearchParams({ limit: String(PAGE) });
  for (const field of FIELDS) {
    const value = criteria[field].trim();
    if (value) query.set(field, field === "since" || field === "until" ? inIso(value) : value);
  }
  if (before) query.set("before", before);
  return query;
}

/** `2026-11-28T12:00` or with seconds, as a form gives it. */
function inIso(local: string): string {
  return local.endsWith("Z") ? local : `${local}Z`;
}
