/** A table as CSV (RFC 4180), safe to open in a spreadsheet. */
import type { Table } from "./calls";

/** What spreadsheets take for the start of a formula (OWASP, CSV injection). */
const FORMULA = /^[=+\-@\t\r]/;

export function toCsv({ columns, rows }: Pick<Table, "columns" | "rows">): string {
  const lines = [columns.map((column) => column.name), ...rows];
  return lines.map((line) => `${line.map(cell).join(",")}\r\n`).join("");
}

/** Text that could be read as a formula gets an apostrophe before it; numbers stay as they are. */
function cell(value: unknown): string {
  const text = plain(value);
  const safe = typeof value !== "number" && FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) || safe !== safe.trim() ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** A cell in words: nothing for null, JSON for what has parts. */
export function plain(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
