/** What the plugin says, in the place of the whole catalogue: people who review or audit have pages for it. */
import { embed } from "../texts/embed";
import { learner } from "../texts/learner";
import { search } from "../texts/search";
import { sources } from "../texts/sources";

export const texts = { ...learner, search, embed, sources } as const;
