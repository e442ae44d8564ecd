/** Each promotion in words: what the picture shows, with whole digests to copy and every gate. */
import type { ReactNode } from "react";
import type { Promotion } from "../../auditing/calls";
import { gatesOf, sourcesOf } from "../../auditing/lineage";
import { moment } from "../../auditing/time";
import { texts } from "../../texts";
import { Chip, Digest } from "./parts";

const words = texts.audit.lineage;

export function LineageWords({ promotions }: { promotions: Promotion[] }) {
  const newestFirst = promotions.toSorted((one, other) => other.ts - one.ts);
  return (
    <>
      <h3>{words.list}</h3>
      <ol className="promotions">
        {newestFirst.map((one) => (
          <li key={`${one.name} ${one.ts}`} className="card">
            <div className="row between">
              <h4>{one.name}</h4>
              <Chip tone={one.active ? "good" : "plain"}>{one.active ? words.active : words.retired}</Chip>
            </div>
            <p className="hint">{words.since(moment(one.ts))}</p>
            <Facts of={one} />
          </li>
        ))}
      </ol>
    </>
  );
}

function Facts({ of }: { of: Promotion }) {
  const { facts, unknown, plain } = words;
  return (
    <dl className="facts">
      <Fact name={facts.model}>
        <Digest of={of.model_digest} />
      </Fact>
      <Fact name={facts.adapter}>{of.adapter_digest ? <Digest of={of.adapter_digest} /> : plain}</Fact>
      <Fact name={facts.base}>{of.base ?? unknown}</Fact>
      <Fact name={facts.run}>{of.run ? [of.run, of.job].filter(Boolean).join(", ") : unknown}</Fact>
      {of.config_digest && (
        <Fact name={facts.config}>
          <Digest of={of.config_digest} />
        </Fact>
      )}
      <Fact name={facts.dataset}>
        <Dataset of={of} />
      </Fact>
      <Sources of={of} />
      <Fact name={facts.gates}>
        <Gates of={of} />
      </Fact>
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function Dataset({ of }: { of: Promotion }) {
  if (!of.dataset_digest) return words.unknown;
  const rows = typeof of.dataset_rows === "number" ? `, ${words.rows(of.dataset_rows)}` : "";
  return (
    <>
      {of.dataset ?? words.unknown}
      {rows} <Digest of={of.dataset_digest} />
    </>
  );
}

function Sources({ of }: { of: Promotion }) {
  const sources = sourcesOf(of);
  if (sources.length === 0) return null;
  const named = sources.map(({ name, licence }) => `${name} (${licence})`);
  return <Fact name={words.facts.sources}>{named.join(", ")}</Fact>;
}

function Gates({ of }: { of: Promotion }) {
  const gates = gatesOf(of);
  if (gates.length === 0) return words.noGates;
  return (
    <ul className="row">
      {gates.map(({ name, passed }) => (
        <li key={name} title={name === of.gate ? words.required : undefined}>
          <Chip tone={passed ? "good" : "bad"}>
            {name} {passed ? words.passed : words.failed}
            {name === of.gate && ` · ${words.required}`}
          </Chip>
        </li>
      ))}
    </ul>
  );
}
