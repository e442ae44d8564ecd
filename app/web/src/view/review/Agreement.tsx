/** How far reviewers agree, with each other and with items whose answer is known. */
import { useEffect, useState } from "react";
import { bandOf, percent } from "../../review/agreement";
import { type Agreement as Figures, desk } from "../../review/desk";
import { inWords } from "../../review/faults";
import "../../styles/review.css";
import { texts } from "../../texts";
import { Frame } from "../Frame";
import { ByLabel, Gold, Pairs } from "./AgreementParts";
import { useSigned } from "./useSigned";

const words = texts.review.agreement;

export default function Agreement() {
  const [figures, problem, look] = useAgreement();
  return (
    <Frame>
      <div className="page agreement">
        <header>
          <h1>{texts.pages.agreement}</h1>
          <p className="lead">{words.lead}</p>
        </header>
        {!figures && !problem && (
          <p className="hint" role="status">
            {words.loading}
          </p>
        )}
        {problem && (
          <div className="queue-empty" role="alert">
            <p>{problem}</p>
            <button className="quiet" onClick={look}>
              {texts.review.faults.retry}
            </button>
          </div>
        )}
        {figures && (
          <>
            <Numbers of={figures} />
            <ByLabel shares={figures.by_label} />
            <Pairs pairs={figures.pairs} />
            <Gold gold={figures.gold} />
          </>
        )}
      </div>
    </Frame>
  );
}

function useAgreement(): [Figures | null, string | null, () => void] {
  const signed = useSigned();
  const [figures, setFigures] = useState<Figures | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [tries, setTries] = useState(0);
  useEffect(() => {
    setProblem(null);
    signed(desk.agreement()).then(
      ({ value }) => setFigures(value),
      (error: unknown) => setProblem(inWords(error)),
    );
  }, [signed, tries]);
  return [figures, problem, () => setTries(tries + 1)];
}

function Numbers({ of: { alpha, alike, items, labelled_twice } }: { of: Figures }) {
  const band = bandOf(alpha);
  const [name, meaning] = words.bands[band];
  return (
    <dl className="numbers">
      <div className="card wide-number" data-band={band}>
        <dt>{words.alpha}</dt>
        <dd>
          <span className="big">{alpha === null ? words.unknown : alpha.toFixed(2)}</span>
          <strong className="band">{name}</strong>
        </dd>
        <dd className="hint">
          {meaning} {words.alphaLead} {words.bandSource}
        </dd>
      </div>
      <Number name={words.alike} value={alike === null ? words.unknown : percent(alike)}>
        {words.alikeLead}
      </Number>
      <Number name={words.items} value={String(items)}>
        {words.itemsLead(labelled_twice)}
      </Number>
    </dl>
  );
}

function Number({ name, value, children }: { name: string; value: string; children: string }) {
  return (
    <div className="card">
      <dt>{name}</dt>
      <dd>
        <span className="big">{value}</span>
      </dd>
      <dd className="hint">{children}</dd>
    </div>
  );
}
