/** The first question over a view, for people to go on from. */
export function beginning(view: string): string {
  return `select *\nfrom ${quoted(view)}\nlimit 100`;
}

/** A name that DuckDB takes as it stands, else in quotes. */
function quoted(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}
