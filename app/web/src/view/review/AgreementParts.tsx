/** The parts of the agreement page below its numbers: bars and tables. */
import { lazy, type ReactNode, Suspense, useId } from "react";
import { barsOf, missesOf, percent, shortened } from "../../review/agreement";
import type { Agreement, Label } from "../../review/desk";
import { texts } from "../../texts";

const Bars = lazy(() => import("./Bars"));
const words = texts.review.agreement;
const LABEL_NAMES: Record<string, readonly [string, string]> = texts.review.form.labels;

function nameOf(label: string): string {
  return LABEL_NAMES[label as Label]?.[0] ?? label;
}

function Part({ title, lead, children }: { title: string; lead: string; children: ReactNode }) {
  const id = useId();
  return (
    <section className="card part" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      <p className="hint">{lead}</p>
      {children}
    </section>
  );
}

/** Drawn for the eye; told as a table. */
export function ByLabel({ shares }: { shares: Agreement["by_label"] }) {
  const bars = barsOf(shares, nameOf);
  return (
    <Part title={words.byLabel} lead={words.byLabelLead}>
      {bars.length === 0 ? (
        <p>{words.byLabelNone}</p>
      ) : (
        <>
          <Suspense fallback={null}>
            <Bars bars={bars} />
          </Suspense>
          <div className="hidden">
            <table>
              <thead>
                <tr>
                  <th scope="col">{words.label}</th>
                  <th scope="col">{words.share}</th>
                </tr>
              </thead>
              <tbody>
                {bars.map(({ name, share }) => (
                  <tr key={name}>
                    <th scope="row">{name}</th>
                    <td>{percent(share)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
    </Part>
  );
}

export function Pairs({ pairs }: Pick<Agreement, "pairs">) {
  return (
    <Part title={words.pairs} lead={words.pairsLead}>
      {pairs.length === 0 ? (
        <p>{words.pairsNone}</p>
      ) : (
        <Table heads={[words.pair, words.shared, words.same, words.kappa]}>
          {pairs.map(({ reviewers, items, alike, kappa }) => (
            <tr key={reviewers.join()}>
              <th scope="row">
                <Person is={reviewers[0]} /> · <Person is={reviewers[1]} />
              </th>
              <td className="number">{items}</td>
              <td className="number">{percent(alike)}</td>
              <td className="number">{kappa === null ? words.unknown : kappa.toFixed(2)}</td>
            </tr>
          ))}
        </Table>
      )}
    </Part>
  );
}

export function Gold({ gold }: Pick<Agreement, "gold">) {
  const people = Object.entries(gold);
  return (
    <Part title={words.gold} lead={words.goldLead}>
      {people.length === 0 ? (
        <p>{words.goldNone}</p>
      ) : (
        <Table heads={[words.reviewer, words.shared, words.right, words.missed]}>
          {people.map(([reviewer, { items, right, said }]) => (
            <tr key={reviewer}>
              <th scope="row">
                <Person is={reviewer} />
              </th>
              <td className="number">{items}</td>
              <td className="number">{percent(right)}</td>
              <td>
                {missesOf(said)
                  .map((miss) => words.miss(nameOf(miss.gold), nameOf(miss.said), miss.count))
                  .join(", ") || words.unknown}
              </td>
            </tr>
          ))}
        </Table>
      )}
    </Part>
  );
}

function Table({ heads, children }: { heads: readonly string[]; children: ReactNode }) {
  return (
    <div className="scroll" tabIndex={0}>
      <table>
        <thead>
          <tr>
            {heads.map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

function Person({ is }: { is: string }) {
  return <code title={is}>{shortened(is)}</code>;
}
