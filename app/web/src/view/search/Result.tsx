/** What came of a search: records with their proof, or why there is none. */
import { CircleAlert, SearchX } from "lucide-react";
import type { Copied } from "../../proof/copied";
import { countOf, FEWEST, words as wordsOf } from "../../proof/words";
import type { Match } from "../../search";
import { inUtc } from "../../stream";
import { texts } from "../../texts";
import type { Found } from "../../useSearch";
import { KeyForm } from "../KeyForm";
import { Proved } from "./Proved";

const words = texts.search;

interface Props {
  found: Found;
  ask: (copied: Copied) => void;
}

export function Result({ found, ask }: Props) {
  if (found.state === "searching") return <p className="pulse">{words.busy}</p>;
  if (found.state === "failed") return <Failed why={found.why} />;
  if (found.state === "receipt") return <Brought {...found} ask={ask} />;
  if (found.state !== "answered") return null;
  if (found.matches.length === 0) return <None />;
  return <Matches copied={found.copied} matches={found.matches} />;
}

function Failed({ why }: { why: string }) {
  return (
    <p className="notice failed" role="alert">
      <CircleAlert aria-hidden />
      {why}
    </p>
  );
}

/** The receipt came with the text: no server is needed. */
function Brought({ copied, receipt, ask }: { copied: Copied; receipt: string; ask: (copied: Copied) => void }) {
  const isLong = countOf(wordsOf(copied.text)) >= FEWEST;
  return (
    <section className="card found">
      <h2>{words.local.title}</h2>
      <p className="hint">{words.local.lead}</p>
      <Proved receipt={receipt} text={copied.text} />
      <KeyForm />
      {isLong && (
        <button className="quiet" onClick={() => ask(copied)}>
          {words.local.ask}
        </button>
      )}
    </section>
  );
}

/** First the record that the text itself names; where it names none of these, that is said. */
function Matches({ copied, matches }: { copied: Copied; matches: Match[] }) {
  const named = matches.find(({ request_id }) => request_id === copied.named);
  const first = named ?? matches[0];
  if (!first) return null;
  const others = matches.filter((match) => match !== first);
  return (
    <section className="card found">
      <h2>{others.length > 0 ? words.found.many(matches.length) : words.found.one}</h2>
      {others.length > 0 && <p className="hint">{named ? words.found.named : words.found.first}</p>}
      {copied.named && !named && <p className="notice">{words.found.misnamed(copied.named)}</p>}
      <Proved key={first.request_id} receipt={first.receipt} text={copied.text} match={first} />
      <KeyForm />
      {others.map((match) => (
        <details key={match.request_id} className="more">
          <summary>{words.found.other(inUtc(new Date(match.ts / 1000)))}</summary>
          <Proved receipt={match.receipt} text={copied.text} match={match} />
        </details>
      ))}
    </section>
  );
}

function None() {
  const { title, lead, reasons } = words.none;
  return (
    <section className="card none">
      <SearchX aria-hidden />
      <div>
        <h2>{title}</h2>
        <p>{lead}</p>
        <ul>
          {reasons.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      </div>
    </section>
  );
}
