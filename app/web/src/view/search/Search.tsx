/** A text leads back to its record: pasted, looked for, and checked in this browser. */
import { Search as SearchIcon } from "lucide-react";
import { type FormEvent, useEffect, useId, useRef, useState } from "react";
import { type Copied, takeApart } from "../../proof/copied";
import { countOf, FEWEST, words as wordsOf } from "../../proof/words";
import "../../styles/search.css";
import { texts } from "../../texts";
import { useSearch } from "../../useSearch";
import { Frame } from "../Frame";
import { useSession } from "../SessionContext";
import { How } from "./How";
import { Result } from "./Result";

const words = texts.search;

export default function Search() {
  const search = useSearch(useSession().turnedAway);
  const [pasted, setPasted] = useState("");
  const isIdle = search.found.state === "nothing asked";
  const result = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!isIdle) result.current?.scrollIntoView({ block: "nearest" });
  }, [search.found, isIdle]);
  return (
    <Frame>
      <div className="page search" data-found={!isIdle}>
        <header>
          <h1>{words.title}</h1>
          <p className="lead">{words.lead}</p>
        </header>
        <Paste
          pasted={pasted}
          change={setPasted}
          isBusy={search.found.state === "searching"}
          look={() => search.look(pasted)}
        />
        <div aria-live="polite" className="result" ref={result}>
          <Result found={search.found} ask={search.ask} />
        </div>
        {isIdle && <How />}
      </div>
    </Frame>
  );
}

interface PasteProps {
  pasted: string;
  change: (text: string) => void;
  isBusy: boolean;
  look: () => void;
}

function Paste({ pasted, change, isBusy, look }: PasteProps) {
  const [id, hintId] = [useId(), useId()];
  const copied = takeApart(pasted);
  const missing = pasted.trim() === "" ? null : FEWEST - countOf(wordsOf(copied.text));
  const isReady = missing !== null && (missing <= 0 || !!copied.receipt);

  function submit(event: FormEvent) {
    event.preventDefault();
    if (isReady && !isBusy) look();
  }

  return (
    <form className="paste" onSubmit={submit}>
      <label htmlFor={id}>{words.field}</label>
      <textarea
        id={id}
        rows={8}
        value={pasted}
        spellCheck={false}
        dir="auto"
        placeholder={words.placeholder}
        aria-describedby={hintId}
        onChange={(event) => change(event.target.value)}
      />
      <div className="row between">
        <p className="hint" id={hintId}>
          {hintOf(copied, missing)}
        </p>
        <button className="primary" disabled={!isReady || isBusy}>
          <SearchIcon aria-hidden />
          {isBusy ? words.busy : words.find}
        </button>
      </div>
    </form>
  );
}

function hintOf({ receipt }: Copied, missing: number | null): string {
  if (receipt === "") return words.broken;
  if (receipt !== null) return words.withReceipt;
  return missing !== null && missing > 0 ? words.fewer(missing) : "";
}
