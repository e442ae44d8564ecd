/** What was decided over time. Each picture has a sentence and a table that say the same. */
import { useCallback, useId, useState } from "react";
import { auditing, type Trends } from "../../auditing/calls";
import { driftOf, newest } from "../../auditing/drift";
import { dayInWords } from "../../auditing/time";
import { texts } from "../../texts";
import { CategoryBars, DecisionBars, DriftLine, Legend, Patterns } from "./plots";
import { Figure, type TableOf } from "./Figure";
import { Awaited } from "./parts";
import { useAsked } from "./useAsked";

const words = texts.audit.charts;
const PERIODS = [7, 30, 90];

export default function Charts() {
  const [days, setDays] = useState(30);
  const id = useId();
  const asked = useAsked(useCallback((signal) => auditing.trends(days, signal), [days]));
  return (
    <section className="block">
      <div className="row between">
        <h2>{words.title}</h2>
        <div className="row">
          <label className="hint" htmlFor={id}>
            {words.period}
          </label>
          <select id={id} value={days} onChange={(event) => setDays(Number(event.target.value))}>
            {PERIODS.map((period) => (
              <option key={period} value={period}>
                {words.days(period)}
              </option>
            ))}
          </select>
        </div>
      </div>
      <Awaited asked={asked}>{(trends) => <Plots trends={trends} />}</Awaited>
    </section>
  );
}

function Plots({ trends }: { trends: Trends }) {
  return (
    <div className="figures">
      <Patterns />
      <Decisions trends={trends} />
      <Categories trends={trends} />
      <Drift trends={trends} />
    </div>
  );
}

function Decisions({ trends: { days, faults } }: { trends: Trends }) {
  const sum = (name: "allow" | "teach" | "refuse" | "fault") => days.reduce((all, day) => all + day[name], 0);
  const [refused, taught] = [sum("refuse"), sum("teach")];
  const all = sum("allow") + taught + refused + sum("fault");
  const says = words.decisionsSay(all, refused, taught);
  if (all === 0) return <Figure title={words.decisions} says={says} table={null} wide />;
  const { allow, teach, refuse, fault } = words.series;
  const table: TableOf = {
    heads: [words.day, allow, teach, refuse, fault, words.appeals],
    rows: days.map((day) => [day.day, day.allow, day.teach, day.refuse, day.fault, day.appeals]),
  };
  return (
    <Figure title={words.decisions} says={`${says} ${words.faultsSay(faults)}`} table={table} wide>
      <Legend />
      <DecisionBars days={days} />
    </Figure>
  );
}

function Categories({ trends: { categories } }: { trends: Trends }) {
  const all = categories.toSorted((one, other) => other.refuse + other.teach - one.refuse - one.teach);
  const [first] = all;
  if (!first) return <Figure title={words.categories} says={words.noCategories} table={null} />;
  const table: TableOf = {
    heads: [words.category, words.series.refuse, words.series.teach],
    rows: all.map(({ category, refuse, teach }) => [category, refuse, teach]),
  };
  return (
    <Figure title={words.categories} says={words.categoriesSay(first.category)} table={table}>
      <CategoryBars categories={all} />
    </Figure>
  );
}

function Drift({ trends: { drift } }: { trends: Trends }) {
  const last = newest(drift);
  const says = [
    last ? words.newest(texts.audit.number(last.psi ?? 0), dayInWords(last.day)) : "",
    words.driftSay[driftOf(last?.psi)],
  ];
  const table: TableOf = {
    heads: [words.day, words.index],
    rows: drift.map(({ day, psi }) => [day, psi === null ? words.tooFew : texts.audit.number(psi)]),
  };
  return (
    <Figure title={words.drift} says={`${words.driftLead} ${says.join(" ")}`} table={table}>
      {last && <DriftLine drift={drift} />}
    </Figure>
  );
}
