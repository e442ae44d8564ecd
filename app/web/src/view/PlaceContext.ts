/** Where the tutor lives: on its own page here, in another site's page elsewhere. */
import { createContext, use } from "react";

/** Origin of the tutor; null for the page's own. */
export const PlaceContext = createContext<string | null>(null);

/** Where the record of a copied text is found again. */
export function useSearchAddress(): string {
  return `${use(PlaceContext) ?? location.origin}/verify`;
}
