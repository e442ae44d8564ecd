/** One exchange: claim it, read it in the order of its records, say what it was, go to the next. */
import { ChevronLeft, ChevronRight } from "lucide-react";
import { useEffect, useRef } from "react";
import { Link, useLocation } from "wouter";
import { desk } from "../../review/desk";
import { addressOf, after, type Filters, queryOf } from "../../review/filters";
import { moved } from "../../review/shortcuts";
import { texts } from "../../texts";
import { Conversation } from "./Conversation";
import { Facts } from "./Facts";
import { HelpButton } from "./Help";
import { focusOn, Judgement } from "./Judgement";
import { Lease } from "./Lease";
import { Similar } from "./Similar";
import { type AtDesk, useItem } from "./useItem";
import { useShortcuts } from "./useShortcuts";
import { useSigned } from "./useSigned";

const words = texts.review;

interface Props {
  about: string;
  filters: Filters;
  isOn: boolean;
  /** Claimed in the queue already, by its key. */
  isWanted: boolean;
  help: () => void;
  tell: (notice: string) => void;
}

export function Exchange({ about, filters, isOn, isWanted, help, tell }: Props) {
  const [, navigate] = useLocation();
  const one = useItem(about);
  const next = useNext(about, filters, tell);
  useClaimOf(one, isWanted);

  const skip = async () => {
    if (one.until && one.until > Date.now()) await one.release();
    await next("");
  };
  useShortcuts(isOn, {
    down: () => step(1),
    up: () => step(-1),
    claim: () => void one.claim(),
    label: () => focusOn("label"),
    decide: () => focusOn("decide"),
    release: () => void one.release().then((isDone) => isDone && tell(words.form.released)),
    next: () => void skip(),
    queue: () => navigate(addressOf(filters)),
    help,
  });

  return (
    <article className="exchange">
      <nav className="row between exchange-nav" aria-label={words.title}>
        <Link className="quiet slim" href={addressOf(filters)} onClick={() => tell("")}>
          <ChevronLeft aria-hidden />
          {words.item.back}
        </Link>
        <div className="row">
          <HelpButton help={help} />
          <button className="quiet slim" onClick={() => void skip()}>
            {words.item.next}
            <ChevronRight aria-hidden />
          </button>
        </div>
      </nav>
      {!one.item && !one.problem && <p className="hint">{words.item.loading}</p>}
      {!one.item && one.problem && <Missing problem={one.problem.said} again={() => void one.look()} />}
      {one.item && (
        <>
          <Facts item={one.item} />
          <div className="exchange-body">
            <div className="exchange-main">
              <Lease one={one} tell={tell} />
              {one.texts && <Conversation texts={one.texts} />}
            </div>
            <div className="exchange-side">
              <Judgement one={one} about={about} done={next} />
              <Similar about={about} filters={filters} />
            </div>
          </div>
        </>
      )}
    </article>
  );
}

function Missing({ problem, again }: { problem: string; again: () => void }) {
  return (
    <div className="queue-empty" role="alert">
      <h1>{problem}</h1>
      <button className="quiet" onClick={again}>
        {words.faults.retry}
      </button>
    </div>
  );
}

/** Go to what comes next under the same filters, or back to the queue; say what was done. */
function useNext(about: string, filters: Filters, tell: (notice: string) => void) {
  const [, navigate] = useLocation();
  const signed = useSigned();
  return async (notice: string) => {
    const found = await signed(desk.queue(queryOf(filters))).catch(() => null);
    const item = found && after(found.value.items, about);
    tell(found && !item ? `${notice} ${words.form.done}`.trim() : notice);
    navigate(addressOf(filters, item?.about));
  };
}

/** The claim that was asked for in the queue, once the item is there. */
function useClaimOf(one: AtDesk, isWanted: boolean): void {
  const isDone = useRef(!isWanted);
  useEffect(() => {
    if (isDone.current || !one.item) return;
    isDone.current = true;
    void one.claim();
  });
}

/** To the next record, or the one before. */
function step(by: 1 | -1): void {
  const records = [...document.querySelectorAll<HTMLElement>(".talk > li")];
  const place = records.findIndex((record) => record.contains(document.activeElement));
  records[moved(place, by, records.length)]?.focus();
}
