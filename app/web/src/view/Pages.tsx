/** The pages behind the sign-in. The tutor stands above them, so that an answer goes on while another page is looked at. */
import { type ComponentType, lazy, Suspense, useMemo } from "react";
import { Link, Route, Switch } from "wouter";
import { api } from "../api";
import { Shelf } from "../conversations";
import { type Page, pagesOf } from "../pages";
import { texts } from "../texts";
import { useTutor } from "../useTutor";
import { Frame } from "./Frame";
import { HeldContext, useHeld } from "./knowledge/HeldContext";
import { useSession } from "./SessionContext";
import { TutorContext } from "./TutorContext";

const VIEWS: Record<Page["name"], ComponentType> = {
  learn: lazy(() => import("./Chat")),
  review: lazy(() => import("./review/Review")),
  agreement: lazy(() => import("./review/Agreement")),
  audit: lazy(() => import("./audit/Audit")),
  verify: lazy(() => import("./search/Search")),
  knowledge: lazy(() => import("./knowledge/Knowledge")),
};

export default function Pages() {
  const { session, turnedAway } = useSession();
  const shelf = useMemo(() => new Shelf(session), [session]);
  const tutor = useTutor({ session, api, shelf, turnedAway });
  const held = useHeld(api.send);
  return (
    <HeldContext value={held}>
      <TutorContext value={tutor}>
        <Suspense
          fallback={
            <p className="wait" role="status">
              {texts.loading}
            </p>
          }
        >
          <Switch>
            {pagesOf(session.role).map(({ path, name }) => (
              <Route key={path} path={path} component={VIEWS[name]} />
            ))}
            <Route>
              <Missing />
            </Route>
          </Switch>
        </Suspense>
      </TutorContext>
    </HeldContext>
  );
}

function Missing() {
  return (
    <Frame>
      <div className="wait">
        <h1>{texts.pages.missing}</h1>
        <Link href="/">{texts.pages.home}</Link>
      </div>
    </Frame>
  );
}
