/** Under an answer: that it was looked up and no model wrote it; or what its model names and nobody here knows. */
import { BookMarked, CircleAlert } from "lucide-react";
import type { Preceptor } from "../../api";
import { knowledgeOf, unknownIn } from "../../knowledge/sources";
import { texts } from "../../texts";
import { unhidden } from "../../unhidden";

const words = texts.sources;

export function Origin({ preceptor }: { preceptor: Preceptor }) {
  const known = knowledgeOf(preceptor);
  if (!known) return null;
  const unknown = unknownIn(preceptor).map(unhidden);
  const { outcome } = known;
  const label = outcome && words.label[outcome];
  return (
    <>
      {known.by === "graph" && (
        <p className="origin">
          <BookMarked aria-hidden />
          <span>
            {label && <strong>{label}</strong>} {words.quoted[outcome ?? "empty"] ?? words.quoted.empty}
          </span>
        </p>
      )}
      {unknown.length > 0 && (
        <div className="origin strange" role="note">
          <CircleAlert aria-hidden />
          <p>
            <strong>{words.flag(unknown)}</strong> {words.unknown(unknown.length)}
          </p>
        </div>
      )}
      {known.by === "model" && known.dropped > 0 && <p className="hint">{words.dropped(known.dropped)}</p>}
    </>
  );
}
