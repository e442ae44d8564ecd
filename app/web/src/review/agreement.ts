/** What the figures of agreement mean. */
import type { Agreement } from "./desk";

export type Band = "firm" | "tentative" | "weak" | "none";

/** Krippendorff 2004, section 11.4.2: from 0.8 on firm, from 0.667 on for tentative conclusions. */
export function bandOf(alpha: number | null): Band {
  if (alpha === null) return "none";
  return alpha >= 0.8 ? "firm" : alpha >= 0.667 ? "tentative" : "weak";
}

export interface Bar {
  name: string;
  share: number;
}

/** The shares that are known, by name. */
export function barsOf(shares: Agreement["by_label"], nameOf: (label: string) => string): Bar[] {
  return Object.entries(shares).flatMap(([label, share]) => (share === null ? [] : [{ name: nameOf(label), share }]));
}

export interface Miss {
  gold: string;
  said: string;
  count: number;
}

/** What was said of gold items and is not what they are, the most frequent first; keys are "harmful as educational". */
export function missesOf(said: Record<string, number>): Miss[] {
  const all = Object.entries(said).map(([key, count]) => {
    const [gold = "", other = ""] = key.split(" as ");
    return { gold, said: other, count };
  });
  return all.filter(({ gold, said }) => gold !== said).sort((one, other) => other.count - one.count);
}

/** A pseudonym is 64 characters; its beginning tells people apart. */
export function shortened(pseudonym: string): string {
  return pseudonym.length > 12 ? `${pseudonym.slice(0, 8)}…` : pseudonym;
}

export function percent(share: number): string {
  return new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 0 }).format(share);
}
