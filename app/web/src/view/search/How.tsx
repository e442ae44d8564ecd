/** What a search can tell, before anything was looked for. */
import { texts } from "../../texts";

const words = texts.search.how;

export function How() {
  return (
    <section className="how">
      <h2>{words.title}</h2>
      <dl>
        {words.points.map(([title, text]) => (
          <div key={title}>
            <dt>{title}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
