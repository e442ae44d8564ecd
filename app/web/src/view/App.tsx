/** Who is there decides which page is shown: sign in, then the terms, then the tutor. */
import { lazy, Suspense, useCallback, useEffect, useState } from "react";
import { api, ApiError, type Session } from "../api";
import { Shelf } from "../conversations";
import { keysOfServer } from "../search";
import { texts } from "../texts";
import { KeysContext, useKeysOfThisBrowser } from "../useKeys";
import { SessionContext } from "./SessionContext";
import { SignIn } from "./SignIn";

const Pages = lazy(() => import("./Pages"));
const Terms = lazy(() => import("./Terms"));

type State = Session | "unknown" | "unreachable" | null;

export function App() {
  const [session, setSession] = useState<State>("unknown");
  const [notice, setNotice] = useState<string | null>(null);
  const keys = useKeysOfThisBrowser(isSomebody(session) ? keysOfServer : null);

  const look = useCallback(async () => {
    try {
      setSession(await api.session());
    } catch (error) {
      setSession(error instanceof ApiError && error.status === 401 ? null : "unreachable");
    }
  }, []);
  useEffect(() => void look(), [look]);
  usePersonAtReturn(session, setSession);

  const turnedAway = useCallback(
    (error: ApiError) => {
      if (error.status !== 401) return void look();
      setNotice(texts.faults.session);
      setSession(null);
    },
    [look],
  );
  const accept = async (digest: string) => {
    const { receipt } = await api.acceptTerms(digest);
    if (isSomebody(session)) new Shelf(session).put(`terms:${digest}`, receipt);
    await look();
  };
  const signOut = useCallback(async () => {
    await api.signOut().catch(() => undefined);
    setNotice(null);
    setSession(null);
  }, []);

  if (!isSecureContext)
    return (
      <p className="wait" role="alert">
        {texts.faults.insecure}
      </p>
    );
  if (session === "unreachable") return <Unreachable again={() => void look()} />;
  if (session === "unknown")
    return (
      <p className="wait" role="status">
        {texts.loading}
      </p>
    );
  if (session === null) return <SignIn notice={notice} entered={look} />;
  return (
    <Suspense
      fallback={
        <p className="wait" role="status">
          {texts.loading}
        </p>
      }
    >
      <KeysContext value={keys}>
        <SessionContext value={{ session, turnedAway, signOut }}>
          {session.terms.accepted ? (
            <Pages key={`${session.tenant}/${session.subject}`} />
          ) : (
            <main>
              <Terms lead={texts.terms.lead} load={api.terms} accept={accept} decline={signOut} />
            </main>
          )}
        </SessionContext>
      </KeysContext>
    </Suspense>
  );
}

function isSomebody(session: State): session is Session {
  return session !== null && typeof session !== "string";
}

/** The cookie is all tabs': who comes back to this one may be somebody else by now. */
function usePersonAtReturn(session: State, changed: (now: Session) => void) {
  useEffect(() => {
    if (!isSomebody(session)) return;
    const { tenant, subject } = session;
    const look = async () => {
      const now = document.hidden ? null : await api.session().catch(() => null); // a fault shows at the next question
      if (now && (now.tenant !== tenant || now.subject !== subject)) changed(now);
    };
    const listen = () => void look();
    document.addEventListener("visibilitychange", listen);
    return () => document.removeEventListener("visibilitychange", listen);
  }, [session, changed]);
}

function Unreachable({ again }: { again: () => void }) {
  return (
    <main className="wait" role="alert">
      <p>{texts.faults.start}</p>
      <button className="quiet" onClick={again}>
        {texts.chat.retry}
      </button>
    </main>
  );
}
