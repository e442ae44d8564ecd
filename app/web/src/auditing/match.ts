/** Whether a record that the server showed is the one that its receipt proves. */
import { type StepName, type Outcome, verify } from "../proof/verify";
import type { VerifierKey } from "../proof/keys";
import type { Receipt } from "../proof/receipt";
import type { Row } from "./calls";

export type CheckName = Exclude<StepName, "text"> | "same";

export interface Check {
  name: CheckName;
  outcome: Outcome;
}

const COMPARED = ["origin", "idx", "ts", "kind", "request_id", "seq", "tenant", "subject", "actor", "fields"] as const;

/** The receipt's own steps, without its text, and whether every value on the page stands in the proven record. */
export async function checksOf(proof: string, keys: VerifierKey[] | null, row: Row): Promise<Check[]> {
  const { steps, receipt } = await verify(proof, keys, null);
  const shown = steps.flatMap(({ name, outcome }) => (name === "text" ? [] : [{ name, outcome }]));
  return receipt ? [...shown, { name: "same", outcome: isSame(receipt, row) ? "holds" : "fails" }] : shown;
}

export function worst(checks: readonly Check[]): Outcome {
  const outcomes = checks.map((check) => check.outcome);
  return outcomes.includes("fails") ? "fails" : outcomes.includes("open") ? "open" : "holds";
}

/** Compares what the leaf has of the row; the tree proves every byte of the leaf. */
export function isSame({ leafBytes }: Pick<Receipt, "leafBytes">, row: Row): boolean {
  const leaf = JSON.parse(new TextDecoder().decode(leafBytes)) as Record<string, unknown>;
  return COMPARED.every((name) => !(name in leaf) || canonical(leaf[name]) === canonical(row[name]));
}

/** JSON with sorted keys, so that the order in which an object was written does not matter. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    part !== null && typeof part === "object" && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([one], [other]) => (one < other ? -1 : 1)))
      : part,
  );
}
