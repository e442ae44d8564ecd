/** How long something waits, and how long there is, as people say it. */
const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
] as const;

/** A span in ms in its largest whole unit, always positive: "3 days", "under a minute". */
export function span(ms: number, language?: string): string {
  const seconds = Math.abs(ms) / 1000;
  const [unit, size] = UNITS.find(([, each]) => seconds >= each) ?? ["minute", 60];
  const count = Math.max(1, Math.floor(seconds / size));
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(count);
}

/** Whole seconds as minutes and seconds, "14:05"; nothing is left below zero. */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
