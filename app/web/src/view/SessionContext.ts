/** Who is signed in, and what ends that; for every page behind the sign-in. */
import { createContext, use } from "react";
import type { ApiError, Session } from "../api";

export interface Signed {
  session: Session;
  /** To be called with an error of status 401, or where the terms have changed. */
  turnedAway: (error: ApiError) => void;
  signOut: () => Promise<void>;
}

export const SessionContext = createContext<Signed | null>(null);

export function useSession(): Signed {
  const signed = use(SessionContext);
  if (!signed) throw new Error("used before anybody signed in");
  return signed;
}
