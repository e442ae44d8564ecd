/** The terms of use: read, then accepted; the receipt of the acceptance is kept. */
import { useEffect, useState } from "react";
import type { Terms as Text } from "../api";
import { inWords } from "../faults";
import { texts } from "../texts";
import { Mark } from "./Mark";
import { Markdown } from "./Markdown";

interface Props {
  lead: string;
  load: () => Promise<Text>;
  accept: (digest: string) => Promise<void>;
  /** Null where nobody can be signed out. */
  decline: (() => Promise<void>) | null;
}

export default function Terms({ lead, load, accept, decline }: Props) {
  const [terms, setTerms] = useState<Text | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setIsBusy] = useState(false);

  useEffect(() => void load().then(setTerms, (error: unknown) => setProblem(inWords(error))), [load]);

  async function agree(digest: string) {
    setIsBusy(true);
    setProblem(null);
    try {
      await accept(digest);
    } catch (error) {
      setProblem(inWords(error));
    } finally {
      setIsBusy(false);
    }
  }

  return (
    <section className="terms">
      <Mark />
      <h1>{texts.terms.title}</h1>
      <p className="lead">{lead}</p>
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
        <button className="primary" disabled={!terms || isBusy} onClick={() => terms && void agree(terms.digest)}>
          {isBusy ? texts.terms.busy : texts.terms.accept}
        </button>
        {decline && (
          <button className="quiet" onClick={() => void decline()}>
            {texts.terms.decline}
          </button>
        )}
      </div>
    </section>
  );
}
