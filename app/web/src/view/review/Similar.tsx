/** What the guard judged alike: decided cases say how, the others only where they stand. */
import { useEffect, useState } from "react";
import { Link } from "wouter";
import { desk, type Precedent } from "../../review/desk";
import { inWords } from "../../review/faults";
import { addressOf, type Filters } from "../../review/filters";
import { texts } from "../../texts";
import { local } from "./Facts";
import { outcomeOf } from "./QueueRow";
import { useSigned } from "./useSigned";

const words = texts.review.similar;

export function Similar({ about, filters }: { about: string; filters: Filters }) {
  const [items, problem] = useSimilar(about);
  if (!problem && !items?.length) return null;
  return (
    <section className="similar" aria-labelledby="similar">
      <h2 id="similar">{words.title}</h2>
      <p className="hint">{words.lead}</p>
      {problem && <p className="problem">{problem}</p>}
      <ul>
        {items?.map((item) => (
          <li key={item.about}>
            <Link href={addressOf(filters, item.about)}>
              <strong data-decision={item.decision}>{outcomeOf(item)}</strong>
              {item.score !== null && <span className="number">{texts.review.score(item.score)}</span>}
              <span className="hint">{local(item.since)}</span>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}

function useSimilar(about: string): [Precedent[] | null, string | null] {
  const signed = useSigned();
  const [items, setItems] = useState<Precedent[] | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    signed(desk.similar(about)).then(
      ({ value }) => setItems(value.items),
      (error: unknown) => setProblem(inWords(error)),
    );
  }, [about, signed]);
  return [items, problem];
}
