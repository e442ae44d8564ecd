/** Where models come from, as a picture and in words. */
import { useCallback, useId, useMemo, useState } from "react";
import { auditing, type Promotion } from "../../auditing/calls";
import { texts } from "../../texts";
import { LineagePicture } from "./LineagePicture";
import { LineageWords } from "./LineageWords";
import { Awaited, Empty, Refresh } from "./parts";
import { useAsked } from "./useAsked";

const words = texts.audit.lineage;

export default function Lineage() {
  const asked = useAsked(useCallback((signal: AbortSignal) => auditing.lineage(signal), []));
  return (
    <section className="block">
      <div className="row between">
        <h2>{words.title}</h2>
        <Refresh asked={asked} />
      </div>
      <p className="hint">{words.lead}</p>
      <Awaited asked={asked}>
        {(promotions) => (promotions.length === 0 ? <Empty>{words.none}</Empty> : <Shown promotions={promotions} />)}
      </Awaited>
    </section>
  );
}

function Shown({ promotions }: { promotions: Promotion[] }) {
  const [onlyActive, setOnlyActive] = useState(true);
  const id = useId();
  const shown = useMemo(() => promotions.filter(({ active }) => active || !onlyActive), [promotions, onlyActive]);
  return (
    <>
      <div className="row tick">
        <input
          id={id}
          type="checkbox"
          checked={onlyActive}
          onChange={(event) => setOnlyActive(event.target.checked)}
        />
        <label htmlFor={id}>{words.activeOnly}</label>
      </div>
      {shown.length === 0 ? (
        <Empty>{words.noneActive}</Empty>
      ) : (
        <>
          <LineagePicture promotions={shown} />
          <LineageWords promotions={shown} />
        </>
      )}
    </>
  );
}
