/** Who is there decides which page is shown: sign in, then the terms, then the tutor. */
import { lazy, Suspense, useCallback, useEffect, useState } from "react";
import { api, ApiError, type Session } from "../api";
import { texts } from "../texts";
import { KeysContext, useKeysOfThisBrowser } from "../useKeys";
import { SignIn } from "./SignIn";

const Chat = lazy(() => import("./Chat"));
const Terms = lazy(() => import("./Terms"));

export function App() {
  const [session, setSession] = useState<Session | "unknown" | "unreachable" | null>("unknown");
  const [notice, setNotice] = useState<string | null>(null);
  const keys = useKeysOfThisBrowser();

  const look = useCallback(async () => {
    try {
      setSession(await api.session());
    } catch (error) {
      setSession(error instanceof ApiError && error.status === 401 ? null : "unreachable");
    }
  }, []);
  useEffect(() => void look(), [look]);

  const turnedAway = useCallback(
    (error: ApiError) => {
      if (error.status !== 401) return void look();
      setNotice(texts.faults.session);
      setSession(null);
    },
    [look],
  );
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
        {session.terms.accepted ? (
          <Chat session={session} turnedAway={turnedAway} signOut={signOut} />
        ) : (
          <Terms session={session} accepted={look} signOut={signOut} />
        )}
      </KeysContext>
    </Suspense>
  );
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
