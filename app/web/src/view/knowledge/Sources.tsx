/** The records that an answer rests on, or that a lesson bids to read next. On paper all are there. */
import { use, useEffect, useId, useRef } from "react";
import type { SourceRecord } from "../../api";
import { pageOf, saidOf, titleOf } from "../../knowledge/sources";
import { texts } from "../../texts";
import { unhidden } from "../../unhidden";
import type { Cited, Visit } from "./cited";
import { HeldContext } from "./HeldContext";

const words = texts.sources;
/** So many are always shown (styles/knowledge.css). */
const FEW = 5;
const DIGITS = 12;

export function Sources({ records, title, anchorOf, visit, isWhole, setIsWhole }: Cited & { title: string }) {
  const id = useId();
  if (records.length === 0) return null;
  return (
    <div className="cited" role="group" aria-labelledby={id}>
      <h3 id={id}>{title}</h3>
      <ol id={`${id}list`} data-whole={isWhole || records.length <= FEW}>
        {records.map((record) => (
          <Entry
            key={record.id}
            record={record}
            anchor={anchorOf(record.id)}
            visit={visit?.id === record.id ? visit : null}
          />
        ))}
      </ol>
      <p className="row">
        {records.length > FEW && (
          <button
            className="link"
            aria-expanded={isWhole}
            aria-controls={`${id}list`}
            onClick={() => setIsWhole(!isWhole)}
          >
            {isWhole ? words.fewer : words.all(records.length)}
          </button>
        )}
        <Notices />
      </p>
    </div>
  );
}

interface Props {
  record: SourceRecord;
  anchor: string;
  /** Set while it is the one that a citation led to. */
  visit: Visit | null;
}

function Entry({ record, anchor, visit }: Props) {
  const place = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (visit) place.current?.focus();
  }, [visit]);
  return (
    <li id={anchor} ref={place} tabIndex={-1}>
      <code>{unhidden(record.id)}</code>
      <div>
        <Title record={record} />
        <Small record={record} />
        {visit && (
          <button className="link" onClick={() => visit.from.focus()}>
            {words.back}
          </button>
        )}
      </div>
    </li>
  );
}

/** Anybody may have named a record: its title bends no line around it, and leads to a page or nowhere. */
function Title({ record }: { record: SourceRecord }) {
  const page = pageOf(record.url);
  const title = titleOf(record);
  return (
    <bdi>
      {page ? (
        <a href={page.href} target="_blank" rel="noopener noreferrer">
          {title}
        </a>
      ) : (
        title
      )}
    </bdi>
  );
}

/** Where the link leads, under which licence the record is, and its bytes. */
function Small({ record: { url, licence, digest } }: { record: SourceRecord }) {
  const page = pageOf(url);
  return (
    <span className="small">
      {page && <span className="host">{page.host}</span>}
      {licence && <span>{unhidden(saidOf(licence))}</span>}
      {digest && <code title={`${words.digest}: ${digest}`}>{digest.slice(0, DIGITS)}</code>}
    </span>
  );
}

/** In a tab of its own: whoever reads an answer wants to read on. */
function Notices() {
  const { held } = use(HeldContext);
  if (!held) return null;
  return (
    <a className="notices" href="/knowledge" target="_blank" rel="noopener">
      {words.notices}
    </a>
  );
}
