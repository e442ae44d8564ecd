/** Puts a text into the field for the next question, wherever that field stands. */
import { createContext, use } from "react";

export const ComposerContext = createContext<(text: string) => void>(() => undefined);

export function useComposer(): (text: string) => void {
  return use(ComposerContext);
}
