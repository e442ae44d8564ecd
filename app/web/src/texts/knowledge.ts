/** What people read about the knowledge base itself. */
import { plural } from "./plural";

const AND = new Intl.ListFormat("en");

export const knowledge = {
  hint: (count: number) => `Records of ${plural(count, "catalogue", "catalogues")} can be looked up here.`,
  lacks: (titles: string[]) => `Not among them: ${AND.format(titles)}.`,
  more: "About the knowledge",
  title: "What answers are looked up in",
  lead:
    "Where a question asks for what these catalogues record, the answer is looked up and quoted, each sentence with " +
    "its source. Everything else is written by a language model, which may be given records to read.",
  facts: {
    pack: "Pack (SHA-256)",
    meaning: "Search",
    byMeaning: "by words and by meaning",
    byWords: "by words",
  },
  absent: {
    title: "Not in it",
    lead: "The tutor cannot look anything up in these:",
  },
  held: "In it",
  latest: (day: string) => `newest record of ${day}`,
  licence: "Licence",
  citation: "Cite as",
  none: "This tutor has no knowledge base at hand: its answers are written by a language model.",
} as const;
