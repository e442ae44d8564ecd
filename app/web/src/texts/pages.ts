/** Names of the pages. */
export const pages = {
  learn: "Learn",
  review: "Review",
  agreement: "Agreement",
  audit: "Audit",
  verify: "Find a record",
  knowledge: "Knowledge",
  missing: "There is no such page.",
  home: "Back to the tutor",
} as const;
