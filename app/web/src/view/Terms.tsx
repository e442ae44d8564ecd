/** The terms of use: read, then accepted; the receipt of the acceptance stays in this browser. */
import { useEffect, useState } from "react";
import { api, type Session, type Terms as Text } from "../api";
import { Shelf } from "../conversations";
import { inWords } from "../faults";
import { texts } from "../texts";
import { Mark } from "./Mark";
import { Markdown } from "./Markdown";

export default function Terms({
  session,
  accepted,
  signOut,
}: {
  session: Session;
  accepted: () => Promise<void>;
  signOut: () => Promise<void>;
}) {
  const [terms, setTerms] = useState<Text | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setIsBusy] = useState(false);

  useEffect(() => void api.terms().then(setTerms, (error: unknown) => setProblem(inWords(error))), []);

  async function accept(digest: string) {
    setIsBusy(true);
    try {
      const { receipt } = await api.acceptTerms(digest);
      new Shelf(session).put(`terms:${digest}`, receipt);
      await accepted();
    } catch (error) {
      setProblem(inWords(error));
    } finally {
      setIsBusy(false);
    }
  }

  return (
    <main className="terms">
      <Mark />
      <h1>{texts.terms.title}</h1>
      <p className="lead">{texts.terms.lead}</p>
      {terms && (
        <>
          <h2 className="hidden">{texts.terms.text}</h2>
          <article className="card terms-text" tabIndex={0} aria-label={texts.terms.text}>
            <Markdown text={terms.text} />
          </article>
          <dl className="facts">
            <dt>{texts.terms.version}</dt>
            <dd>{terms.version}</dd>
            <dt>{texts.terms.digest}</dt>
            <dd>
              <code>{terms.digest}</code>
            </dd>
          </dl>
        </>
      )}
      <p className="problem" role="alert">
        {problem}
      </p>
      <div className="row">
        <button className="primary" disabled={!terms || isBusy} onClick={() => terms && void accept(terms.digest)}>
          {isBusy ? texts.terms.busy : texts.terms.accept}
        </button>
        <button className="quiet" onClick={() => void signOut()}>
          {texts.terms.decline}
        </button>
      </div>
    </main>
  );
}
