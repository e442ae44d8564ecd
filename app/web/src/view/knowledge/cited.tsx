/** From a citation in the text to its source in the list, and back. */
import { createContext, type MouseEvent, use, useCallback, useId, useMemo, useState } from "react";
import type { Preceptor, SourceRecord } from "../../api";
import type { Marks } from "../../knowledge/marks";
import { sourcesOf, titleOf, unknownIn } from "../../knowledge/sources";

/** For the text: which marks count there, what each leads to, and going there. */
export interface Marked {
  marks: Marks;
  titles: ReadonlyMap<string, string>;
  anchorOf: (id: string) => string;
  go: (id: string, from: HTMLElement) => void;
}

/** Which source was gone to, and from where. */
export interface Visit {
  id: string;
  from: HTMLElement;
}

export interface Cited {
  records: SourceRecord[];
  marked: Marked | null;
  anchorOf: (id: string) => string;
  visit: Visit | null;
  isWhole: boolean;
  setIsWhole: (isWhole: boolean) => void;
}

/** Null around text whose brackets mean nothing. */
export const CitedContext = createContext<Marked | null>(null);

const NONE: SourceRecord[] = [];

/** The sources of one answer, and the way to them. */
export function useCited(preceptor: Preceptor | null): Cited {
  const place = useId();
  const [visit, setVisit] = useState<Visit | null>(null);
  const [isWhole, setIsWhole] = useState(false);
  const records = useMemo(() => (preceptor ? sourcesOf(preceptor) : NONE), [preceptor]);
  const anchorOf = useCallback(
    (id: string) => `${place}${records.findIndex((record) => record.id === id)}`,
    [place, records],
  );
  const marked = useMemo(() => {
    const titles = new Map(records.map((record) => [record.id, titleOf(record)]));
    const marks = { ids: new Set(titles.keys()), isFlagged: preceptor !== null && unknownIn(preceptor).length > 0 };
    const go = (id: string, from: HTMLElement) => {
      setIsWhole(true);
      setVisit({ id, from });
    };
    return titles.size > 0 || marks.isFlagged ? { marks, titles, anchorOf, go } : null;
  }, [preceptor, records, anchorOf]);
  return { records, marked, anchorOf, visit, isWhole, setIsWhole };
}

/** One id in the text. A shadow tree has no addresses of its own, so the way there is walked by script. */
export function Citation({ id }: { id: string }) {
  const marked = use(CitedContext);
  if (!marked) return id;
  function go(event: MouseEvent<HTMLAnchorElement>) {
    event.preventDefault();
    marked?.go(id, event.currentTarget);
  }
  return (
    <a className="cite" href={`#${marked.anchorOf(id)}`} title={marked.titles.get(id)} onClick={go}>
      {id}
    </a>
  );
}
