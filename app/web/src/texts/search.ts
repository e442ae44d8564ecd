/** What people read who look for the record of a text. */
import type { Fit } from "../proof/verifyCopy";

export const search = {
  title: "Find the record of a text",
  lead: "Somebody shows you what the tutor is said to have answered. Paste it whole: the log tells whether, when, and by which model it was said.",
  field: "The whole answer",
  placeholder: "Paste the answer here. The line that was copied with it, and its receipt, may stay.",
  find: "Find its record",
  busy: "Searching…",
  fewer: (more: number) => `${more} more letters or digits: so short a text is no one answer’s.`,
  withReceipt: "A receipt came with it: this browser checks it first, by itself.",
  broken: "There is a receipt below this text, but it cannot be read: it was cut or changed on its way.",
  failed: {
    network: "The connection broke. Your text is still here: try again when you are online.",
    ours: (seconds: number | null) =>
      `The search was not finished, so nothing is said about this text.${seconds ? ` Try again in ${seconds} s.` : ""}`,
  },
  how: {
    title: "How it is found",
    points: [
      [
        "Whole answers only",
        "A part of an answer, or one with a word changed, is not found. Signs, spaces and layout do not matter.",
      ],
      [
        "By a keyed print",
        "The log keeps a print of each answer’s words under its person’s key. Nobody else can test a guess.",
      ],
      ["Never whose", "You learn that and when it was said, not to whom. Who was erased is not found."],
    ],
  },
  found: {
    one: "The log holds this answer",
    many: (count: number) => `The log holds this answer ${count} times`,
    first: "The newest is shown in full.",
    named: "The one that the line below the text names is shown in full.",
    misnamed: (id: string) => `The line below the text names record ${id}. That is none of these.`,
    other: (time: string) => `Also recorded ${time}`,
  },
  local: {
    title: "Checked with the receipt that came with it",
    lead: "Nothing was asked of any server.",
    ask: "Ask the log as well",
  },
  none: {
    title: "No record of this text",
    lead: "No answer in the log of your organisation has exactly these words. That may be because",
    reasons: [
      "it was changed: one other word is enough;",
      "it is a part of an answer, or more than one;",
      "the tutor never said it;",
      "it was said to another organisation’s people, to somebody who was erased, or before records carried prints;",
      "it was copied from the page, and it held links or raw HTML that the page does not show. The button Copy takes all.",
    ],
  },
  fit: {
    exact: ["These are its very characters", "The record commits to exactly this text, sign by sign."],
    words: [
      "These are its words",
      "Each letter and digit is as recorded. Signs, spaces or layout differ, as when a page is copied; they are not proved.",
    ],
    other: ["This is another text", "The record commits to other words than these."],
    open: ["The text was not compared", "The receipt no longer holds what is needed: its person was erased."],
  } satisfies Record<Fit, readonly [string, string]>,
  summary: {
    exact: "All four hold: the log recorded exactly this.",
    words: "All four hold: the log recorded these words.",
  },
  key: {
    fetched: (id: string) => `Key ${id}, fetched from this server`,
    compare:
      "Compare this id with the one your organisation gives you. A key from elsewhere says more than the server’s own.",
    changed: (id: string) =>
      `The server now names another key (${id}) than when this browser first asked. Ask your organisation before you trust it.`,
    accept: "Trust the new key",
    own: "Use a key of my own",
  },
  copyProof: "Copy with its receipt",
  copiedProof: "Copied with its receipt",
} as const;
