/** Every word that the page says. One catalogue, so that a translation is one folder. */
import { audit } from "./audit";
import { embed } from "./embed";
import { knowledge } from "./knowledge";
import { learner } from "./learner";
import { pages } from "./pages";
import { review } from "./review";
import { search } from "./search";
import { sources } from "./sources";

export const texts = { ...learner, pages, review, audit, search, embed, sources, knowledge } as const;
