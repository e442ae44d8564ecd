/** What an answer rests on, as its `preceptor` tells it; what came, or lies in the storage, is looked at first. */
import type { Knowledge, Preceptor, SourceRecord } from "../api";
import { unhidden } from "../unhidden";

const LONGEST_TITLE = 200;
const FIELDS = ["id", "title", "url", "licence", "digest"] as const;

/** The records, each id once; what is no record is left out. */
export function sourcesOf(preceptor: Pick<Preceptor, "sources">): SourceRecord[] {
  const listed: unknown[] = Array.isArray(preceptor.sources) ? preceptor.sources : [];
  return [...new Map(listed.filter(isSource).map((one) => [one.id, one])).values()];
}

/** Null where nothing was looked up, as in answers of older versions. */
export function knowledgeOf({ knowledge }: Pick<Preceptor, "knowledge">): Knowledge | null {
  return typeof knowledge?.pack === "string" && typeof knowledge.by === "string" ? knowledge : null;
}

/** Whether the answer was looked up and quoted, and no model wrote it. */
export function isQuoted(preceptor: Pick<Preceptor, "knowledge"> | null): boolean {
  return preceptor !== null && knowledgeOf(preceptor)?.by === "graph";
}

/** What a model's answer names and the pack does not hold. */
export function unknownIn(preceptor: Pick<Preceptor, "knowledge">): string[] {
  const known = knowledgeOf(preceptor);
  if (!known || known.by === "graph" || !Array.isArray(known.unknown)) return [];
  return known.unknown.filter((id: unknown) => typeof id === "string");
}

/** What a record is called, as harmless text of a length that a list can hold. */
export function titleOf({ id, title }: Pick<SourceRecord, "id" | "title">): string {
  const whole = unhidden(title || id);
  return whole.length > LONGEST_TITLE ? `${whole.slice(0, LONGEST_TITLE)}…` : whole;
}

/** Where a link may lead: a page of the web, and nothing that runs. */
export function pageOf(url: string): URL | null {
  const to = URL.canParse(url) ? new URL(url) : null;
  return to && /^https?:$/.test(to.protocol) ? to : null;
}

/** A licence as people say it: what SPDX has no name for has a prefix there. */
export function saidOf(licence: string): string {
  return licence.replace(/^LicenseRef-/, "");
}

function isSource(value: unknown): value is SourceRecord {
  const one = value as Partial<SourceRecord> | null;
  return FIELDS.every((name) => typeof one?.[name] === "string") && one?.id !== "";
}
