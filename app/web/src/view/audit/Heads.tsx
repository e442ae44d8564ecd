/** The logs: how long, how fresh, signed by whom. */
import { Download } from "lucide-react";
import type { LogHead } from "../../auditing/calls";
import { download } from "../../auditing/download";
import { moment } from "../../auditing/time";
import { texts } from "../../texts";
import { Chip, Empty, TONES } from "./parts";
import { type CheckedHead, STALE_S } from "./useHeads";

const words = texts.audit.overview;

export function Heads({ heads }: { heads: CheckedHead[] }) {
  if (heads.length === 0) return <Empty>{words.noLogs}</Empty>;
  return (
    <>
      <ul className="heads">
        {heads.map((head) => (
          <Head key={head.log.origin} {...head} />
        ))}
      </ul>
      <p className="hint">
        {words.keepHint} <code>{words.command}</code>
      </p>
    </>
  );
}

function Head({ log, outcome, isRolledBack }: CheckedHead) {
  return (
    <li className="card" data-outcome={outcome}>
      <div className="row between">
        <code>{log.origin}</code>
        <Chip tone={TONES[outcome]}>{isRolledBack ? words.rolledBack : words.head[outcome]}</Chip>
      </div>
      <p>
        <strong>{texts.audit.records(log.size)}</strong>,{" "}
        {words.signed(texts.audit.ago(log.age_s), moment(log.signed_at))}
      </p>
      {log.age_s > STALE_S && <Chip tone="watch">{words.stale}</Chip>}
      <p className="hint">
        {words.signers} <code>{log.signers.join(", ") || texts.audit.none}</code>
      </p>
      <p className="hint">{log.witnesses.length ? words.witnesses(log.witnesses.join(", ")) : words.noWitness}</p>
      <button className="link" onClick={() => keep(log)}>
        <Download aria-hidden /> {words.keep}
      </button>
    </li>
  );
}

function keep({ origin, size, checkpoint }: LogHead): void {
  const name = `${origin.replaceAll("/", "_")}-${size}.checkpoint`;
  download(new Blob([checkpoint], { type: "text/plain" }), name);
}
