import { createContext, use } from "react";
import type { Tutor } from "../useTutor";

export const TutorContext = createContext<Tutor | null>(null);

export function useTutorOf(): Tutor {
  const tutor = use(TutorContext);
  if (!tutor) throw new Error("used outside of the pages");
  return tutor;
}
