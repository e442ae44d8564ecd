/** What learners read in the plugin, beside what they read on the page. */
export const embed = {
  title: "Security tutor",
  starting: "Reaching the tutor…",
  terms: "Please read the terms of use. Accepting them is itself a record, and holds on the tutor’s own page too.",
  fresh: "New conversation",
  note: "A language model’s answers may be wrong. Nothing is kept here once you leave this page.",
  noAddress: "This page does not say where its tutor is. Please tell whoever keeps it.",
  noKey: "This page gave no key for the tutor. Load it again; if that does not help, tell whoever keeps it.",
  expired: "The key that this page gave does not count any more. Load the page again to get a new one.",
  unreachable: (tutor: string, here: string) =>
    `The tutor at ${tutor} does not answer this page. Either it cannot be reached just now, or it does not allow ` +
    `pages of ${here}. A browser does not tell the two apart: try again, and if it stays so, ` +
    "tell whoever keeps this page.",
  broken: "The tutor could not be drawn. What you asked is on record at the tutor; start again to go on.",
  again: "Try again",
  keyOfPage: (id: string) => `Key ${id}, given by the page around this chat.`,
} as const;
