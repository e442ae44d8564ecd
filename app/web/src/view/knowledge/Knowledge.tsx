/** The knowledge base: what is in it, with the notices that its licences ask for, and what is not. */
import { use, useEffect } from "react";
import type { Catalogue, Held } from "../../knowledge/held";
import { pageOf, saidOf } from "../../knowledge/sources";
import "../../styles/held.css";
import { texts } from "../../texts";
import { unhidden } from "../../unhidden";
import { Frame } from "../Frame";
import { HeldContext } from "./HeldContext";

const words = texts.knowledge;

export default function Knowledge() {
  const { held, isAsked, look } = use(HeldContext);
  useEffect(look, [look]); // another pack may be read by now
  return (
    <Frame>
      <div className="page knowledge">
        <header>
          <h1>{words.title}</h1>
          <p className="lead">{held || !isAsked ? words.lead : words.none}</p>
        </header>
        {held && <Holdings held={held} />}
      </div>
    </Frame>
  );
}

function Holdings({ held }: { held: Held }) {
  return (
    <>
      <dl className="facts">
        <dt>{words.facts.pack}</dt>
        <dd>
          <code>{held.pack}</code>
        </dd>
        <dt>{words.facts.meaning}</dt>
        <dd>{held.isByMeaning ? words.facts.byMeaning : words.facts.byWords}</dd>
      </dl>
      {held.absent.length > 0 && (
        <section className="absent">
          <h2>{words.absent.title}</h2>
          <p>{words.absent.lead}</p>
          <ul>
            {held.absent.map((title) => (
              <li key={title}>{unhidden(title)}</li>
            ))}
          </ul>
        </section>
      )}
      <section>
        <h2>{words.held}</h2>
        <ul className="catalogues">
          {held.catalogues.map((catalogue) => (
            <li key={catalogue.title} className="card">
              <Shown catalogue={catalogue} />
            </li>
          ))}
        </ul>
      </section>
    </>
  );
}

function Shown({ catalogue }: { catalogue: Catalogue }) {
  const { title, latest, attribution, citation, licence, licence_url } = catalogue;
  return (
    <>
      <div className="row between">
        <h3>{unhidden(title)}</h3>
        {latest && <span className="hint">{words.latest(latest)}</span>}
      </div>
      <p>{unhidden(attribution)}</p>
      <dl className="facts">
        <dt>{words.licence}</dt>
        <dd>
          <Linked name={saidOf(licence)} url={licence_url} />
        </dd>
        {citation && (
          <>
            <dt>{words.citation}</dt>
            <dd>{unhidden(citation)}</dd>
          </>
        )}
      </dl>
    </>
  );
}

function Linked({ name, url }: { name: string; url: string }) {
  const page = pageOf(url);
  if (!page) return unhidden(name);
  return (
    <a href={page.href} target="_blank" rel="noopener noreferrer">
      {unhidden(name)}
    </a>
  );
}
