/**
 * Text with its invisible characters made visible: attacks hide in them, and a reviewer judges what the model read.
 * Format controls, variation selectors, private use and fillers are named; tags (U+E0020 to U+E007E), which spell ASCII
 * that nobody sees, are spelt. An emoji keeps its own selector and joiner.
 */
const TAGS = /[\u{e0020}-\u{e007e}]+/gu;
const AFTER_NO_EMOJI = "(?<!\\p{Extended_Pictographic}";
const HIDDEN = new RegExp(
  `(?:${[
    `${AFTER_NO_EMOJI})\\ufe0f`,
    `${AFTER_NO_EMOJI}\\ufe0f?)\\u200d`,
    "(?!\\u200d)\\p{Cf}",
    "\\p{Co}",
    "[\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u3164\\uffa0\\ufe00-\\ufe0e\\u{e0100}-\\u{e01ef}]",
  ].join("|")})+`,
  "gu",
);
const FEW = 4;

export function revealed(text: string): string {
  return text.replace(TAGS, (run) => `[tags: ${spelt(run)}]`).replace(HIDDEN, named);
}

function spelt(run: string): string {
  return [...run].map((char) => String.fromCodePoint((char.codePointAt(0) ?? 0) - 0xe0000)).join("");
}

function named(run: string): string {
  const names = [...run].map((char) => `U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`);
  return names.length > FEW ? `[${names[0]} … ×${names.length}]` : names.map((name) => `[${name}]`).join("");
}
