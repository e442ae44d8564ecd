/** Times as auditors compare them: UTC, from microseconds since 1970. */
import { inUtc } from "../stream";

const inDays = (options: Intl.DateTimeFormatOptions) =>
  new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", day: "numeric", ...options });
const DAY = inDays({ weekday: "long", month: "long", year: "numeric" });
const SHORT = inDays({ month: "short" });
const DAY_MS = 86_400_000;

export function moment(us: number): string {
  return inUtc(new Date(us / 1000));
}

/** To the millisecond, within a day. */
export function clock(us: number): string {
  return new Date(us / 1000).toISOString().slice(11, 23);
}

/** `2026-11-28` of a time. */
export function dayOf(us: number): string {
  return new Date(us / 1000).toISOString().slice(0, 10);
}

/** The day in words, of `2026-11-28`. */
export function dayInWords(day: string): string {
  return DAY.format(new Date(`${day}T00:00:00Z`));
}

export function shortDay(day: string): string {
  return SHORT.format(new Date(`${day}T00:00:00Z`));
}

/** The day that is so many days after this one. */
export function daysAfter(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);
}

/** Rows grouped by their day, in the order in which they come. */
export function byDay<Item extends { ts: number }>(rows: readonly Item[]): { day: string; rows: Item[] }[] {
  const days = new Map<string, Item[]>();
  for (const row of rows) {
    const day = dayOf(row.ts);
    days.set(day, [...(days.get(day) ?? []), row]);
  }
  return [...days].map(([day, of]) => ({ day, rows: of }));
}
