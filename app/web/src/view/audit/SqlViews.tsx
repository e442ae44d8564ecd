/** The views and their columns, to begin a question with. */
import type { View } from "../../auditing/calls";
import { beginning } from "../../auditing/sql";
import { texts } from "../../texts";

const words = texts.audit.sql;

export function SqlViews({ views, choose }: { views: View[]; choose: (sql: string) => void }) {
  return (
    <>
      <h3>{words.views}</h3>
      <p className="hint">{words.viewsHint}</p>
      <ul className="views">
        {views.map((view) => (
          <li key={view.name}>
            <button className="link" onClick={() => choose(beginning(view.name))}>
              <code>{view.name}</code>
              <span className="hidden"> {words.use(view.name)}</span>
            </button>
            {view.about && <p className="hint">{view.about}</p>}
            <details>
              <summary>{words.columns(view.columns.length)}</summary>
              <dl className="columns">
                {view.columns.map(({ name, type }) => (
                  <div key={name}>
                    <dt>
                      <code>{name}</code>
                    </dt>
                    <dd className="hint">{type}</dd>
                  </div>
                ))}
              </dl>
            </details>
          </li>
        ))}
      </ul>
    </>
  );
}
