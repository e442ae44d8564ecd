/** What the tutor's knowledge base holds, and what it lacks (GET /v1/knowledge). */
import type { Send } from "../api";

/** A catalogue with what its licence asks to be said. */
export interface Catalogue {
  title: string;
  licence: string;
  licence_url: string;
  attribution: string;
  citation: string;
  latest: string;
}

export interface Held {
  pack: string;
  isByMeaning: boolean;
  catalogues: Catalogue[];
  /** Titles of those that are not in it. */
  absent: string[];
}

/** Null where there is no pack, and where the server does not say. */
export async function heldBy(send: Send): Promise<Held | null> {
  try {
    return parsed(await (await send("GET", "/v1/knowledge")).json());
  } catch {
    return null;
  }
}

/** Raises TypeError for what is no object. */
export function parsed(said: unknown): Held | null {
  const { pack, vectors, sources, absent } = said as Record<string, unknown>;
  if (typeof pack !== "string") return null;
  return {
    pack,
    isByMeaning: vectors === true,
    catalogues: Object.values(sources ?? {}).map(catalogue).sort(byTitle),
    absent: Object.values(absent ?? {}).map(String).sort(),
  };
}

function catalogue(said: Partial<Record<keyof Catalogue, unknown>>): Catalogue {
  const text = (name: keyof Catalogue) => (typeof said[name] === "string" ? said[name] : "");
  return {
    title: text("title"),
    licence: text("licence"),
    licence_url: text("licence_url"),
    attribution: text("attribution"),
    citation: text("citation"),
    latest: text("latest"),
  };
}

function byTitle(one: Catalogue, other: Catalogue): number {
  return one.title.localeCompare(other.title, "en");
}
