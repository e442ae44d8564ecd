/** What is said of the records that an answer rests on. */
import type { Knowledge } from "../api";
import { plural } from "./plural";

const AND = new Intl.ListFormat("en");

export const sources = {
  title: "Sources",
  next: "Read next",
  all: (count: number) => `Show all ${count}`,
  fewer: "Show fewer",
  back: "Back to the text",
  digest: "SHA-256 of the record",
  notices: "Licences and notices",
  quoted: {
    known: "Looked up in the knowledge base and quoted from it. No language model wrote this.",
    withdrawn: "Looked up in the knowledge base and quoted from it. No language model wrote this.",
    empty: "Looked up in the knowledge base. No language model wrote this.",
    unknown: "Looked up in the knowledge base, and not found there. No language model wrote this.",
  } satisfies Record<NonNullable<Knowledge["outcome"]>, string>,
  label: {
    unknown: "Not in the knowledge base",
    withdrawn: "Withdrawn by its publisher",
  } as Record<string, string | undefined>,
  flag: (ids: string[]) => `Not in the knowledge base: ${AND.format(ids)}.`,
  unknown: (count: number) =>
    count === 1
      ? "A language model wrote this and may have made it up, or it is of a catalogue that is not held here. " +
        "Look it up at its publisher before you rely on it."
      : "A language model wrote these and may have made them up, or they are of catalogues that are not held here. " +
        "Look them up at their publishers before you rely on them.",
  dropped: (count: number) => `The guard kept ${plural(count, "record", "records")} away from the model.`,
} as const;
