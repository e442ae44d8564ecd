/** The population stability index and its customary marks (docs/monitoring.md). */
export const MARKS = { watch: 0.1, act: 0.25 } as const;

export type Drift = "unknown" | "calm" | "watch" | "act";

export function driftOf(psi: number | null | undefined): Drift {
  if (psi === null || psi === undefined) return "unknown";
  return psi >= MARKS.act ? "act" : psi >= MARKS.watch ? "watch" : "calm";
}

/** The newest day that could be measured. */
export function newest<Point extends { psi: number | null }>(drift: readonly Point[]): Point | undefined {
  return drift.findLast((point) => point.psi !== null);
}
