/** Which key does what: single characters, so they can be switched off (WCAG 2.1.4), and rest while one types. */
export const SHORTCUTS = {
  j: "down",
  k: "up",
  c: "claim",
  l: "label",
  d: "decide",
  r: "release",
  n: "next",
  u: "queue",
  "?": "help",
} as const;

export type Command = (typeof SHORTCUTS)[keyof typeof SHORTCUTS];

type Pressed = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "isComposing">;

/** What a press asks for; null where it is no shortcut, or belongs to a field. */
export function commandOf(pressed: Pressed, target: unknown): Command | null {
  if (pressed.ctrlKey || pressed.metaKey || pressed.altKey || pressed.isComposing || takesLetters(target)) return null;
  return Object.hasOwn(SHORTCUTS, pressed.key) ? SHORTCUTS[pressed.key as keyof typeof SHORTCUTS] : null;
}

const NO_LETTERS = new Set(["radio", "checkbox", "button", "submit", "reset"]);

/** Fields, and lists that jump to a letter; a choice that is ticked takes none. */
function takesLetters(target: unknown): boolean {
  const { tagName = "", type = "", isContentEditable = false } = (target ?? {}) as Partial<HTMLInputElement>;
  if (isContentEditable || tagName === "TEXTAREA" || tagName === "SELECT") return true;
  return tagName === "INPUT" && !NO_LETTERS.has(type);
}

/** The place that `down` and `up` lead to in a list of `count`, from `place`; from outside (-1) to the first. */
export function moved(place: number, by: 1 | -1, count: number): number {
  if (place < 0) return count > 0 ? 0 : -1;
  return Math.min(count - 1, Math.max(0, place + by));
}
