/** At which issuers one may sign in, and what became of a try there (docs/identity.md). */
import { send } from "./api";

export interface Issuer {
  name: string;
  url: string;
}

const OUTCOMES = ["denied", "failed", "unavailable"] as const;

/** A try that came to nothing. */
export type Outcome = (typeof OUTCOMES)[number];

/** None where the server does not tell: the key is always a way. */
export async function issuers(): Promise<Issuer[]> {
  try {
    const answer = await send("GET", "/session/ways");
    return ((await answer.json()) as { oidc: Issuer[] }).oidc;
  } catch {
    return [];
  }
}

/** What the address says of the try that led here. */
export function outcomeOf(search: string): Outcome | null {
  const told = new URLSearchParams(search).get("sign_in");
  return OUTCOMES.find((outcome) => outcome === told) ?? null;
}

/** The address without it, so that it is not told again at a reload. */
export function withoutOutcome(path: string, search: string): string {
  const rest = new URLSearchParams(search);
  rest.delete("sign_in");
  return rest.size ? `${path}?${rest}` : path;
}
