/** Conversations of the plugin: in memory only, for the page around it belongs to somebody else. */
import type { Shelved } from "../conversations";

/** What it is given is kept by the tutor itself while it is shown; nothing is ever read back. */
export const MEMORY: Shelved = {
  load: () => [],
  find: () => null,
  save: () => true,
  remove: () => undefined,
  get: () => null,
  put: () => true,
  recall: () => null,
  note: () => undefined,
  watch: () => () => undefined,
};
