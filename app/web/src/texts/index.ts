/** Every word that the page says. One catalogue, so that a translation is one folder. */
import { audit } from "./audit";
import { embed } from "./embed";
import { learner } from "./learner";
import { pages } from "./pages";
import { review } from "./review";
import { search } from "./search";

export const texts = { ...learner, pages, review, audit, search, embed } as const;
