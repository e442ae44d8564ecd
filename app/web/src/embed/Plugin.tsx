/** The plugin: who asks, whether they have accepted the terms, then the chat. */
import { useCallback, useEffect, useMemo, useState } from "react";
import { type Api, ApiError, apiOver, type Session } from "../api";
import { inWords } from "../faults";
import { texts } from "../texts";
import { KeysContext } from "../useKeys";
import { useTutor } from "../useTutor";
import { PlaceContext } from "../view/PlaceContext";
import Terms from "../view/Terms";
import { TutorContext } from "../view/TutorContext";
import { bearer, type KeyOf } from "./bearer";
import { EmbeddedChat } from "./EmbeddedChat";
import { MEMORY } from "./memory";
import { useKeysOfHost } from "./useKeysOfHost";

interface Props {
  /** Origin of the tutor; empty where the host page names none. */
  origin: string;
  keyOf: KeyOf;
  /** The host page's attribute: another one may be somebody else's, or count again. */
  token: string | null;
  /** What the host page says the log's public key is. */
  logKey: string | null;
}

export function Plugin({ origin, keyOf, token, logKey }: Props) {
  const api = useMemo(() => apiOver(bearer(origin, keyOf)), [origin, keyOf]);
  const [session, setSession] = useState<Session | null>(null);
  const [problem, setProblem] = useState<string | null>(null);

  const look = useCallback(async () => {
    setProblem(null);
    await api.session().then(setSession, (error: unknown) => setProblem(saidOf(error, origin)));
  }, [api, origin]);
  useEffect(() => void (origin && isSecureContext && look()), [look, origin, token]);

  if (!isSecureContext) return <Notice words={texts.faults.insecure} />;
  if (!origin) return <Notice words={texts.embed.noAddress} />;
  if (session)
    return (
      <PlaceContext value={origin}>
        <Signed key={`${session.tenant}/${session.subject}`} session={session} api={api} look={look} logKey={logKey} />
      </PlaceContext>
    );
  if (problem) return <Notice words={problem} again={() => void look()} />;
  return (
    <p className="wait" role="status">
      {texts.embed.starting}
    </p>
  );
}

interface SignedProps {
  session: Session;
  api: Api;
  look: () => Promise<void>;
  logKey: string | null;
}

function Signed({ session, api, look, logKey }: SignedProps) {
  const turnedAway = useCallback(
    (error: ApiError) => void (error.status !== 401 && look()), // a spent key is told where it was used
    [look],
  );
  const tutor = useTutor({ session, api, shelf: MEMORY, turnedAway });
  const keys = useKeysOfHost(api.send, logKey);
  const accept = async (digest: string) => {
    await api.acceptTerms(digest);
    await look();
  };
  return (
    <KeysContext value={keys}>
      <TutorContext value={tutor}>
        {session.terms.accepted ? (
          <EmbeddedChat />
        ) : (
          <div className="viewport">
            <Terms lead={texts.embed.terms} load={api.terms} accept={accept} decline={null} />
          </div>
        )}
      </TutorContext>
    </KeysContext>
  );
}

function Notice({ words, again }: { words: string; again?: () => void }) {
  return (
    <div className="wait" role="alert">
      <p>{words}</p>
      {again && (
        <button className="quiet" onClick={again}>
          {texts.embed.again}
        </button>
      )}
    </div>
  );
}

/** A browser says of an origin that is not allowed no more than of a dead network. */
function saidOf(error: unknown, origin: string): string {
  if (!(error instanceof ApiError)) return inWords(error);
  if (error.code === "no_key") return texts.embed.noKey;
  if (error.status === 401) return texts.embed.expired;
  return error.status === 0 ? texts.embed.unreachable(origin, location.origin) : inWords(error);
}
