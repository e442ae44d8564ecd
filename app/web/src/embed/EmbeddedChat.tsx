/** One conversation in a small place, and the field below it. */
import { ArrowUp, Plus, Square } from "lucide-react";
import { type FormEvent, type KeyboardEvent, useEffect, useRef, useState } from "react";
import type { Turn } from "../conversations";
import { texts } from "../texts";
import { unhidden } from "../unhidden";
import { Answer } from "../view/Answer";
import { ComposerContext } from "../view/ComposerContext";
import { Mark } from "../view/Mark";
import { useTutorOf } from "../view/TutorContext";
import { Welcome } from "../view/Welcome";

export function EmbeddedChat() {
  const { current, isRunning, open } = useTutorOf();
  const [draft, setDraft] = useState("");
  const { turns } = current;
  return (
    <ComposerContext value={setDraft}>
      <section className="thread" aria-label={texts.embed.title}>
        <header className="embed-head">
          <Mark />
          {turns.length > 0 && (
            <button className="quiet" onClick={() => open(null)}>
              <Plus aria-hidden />
              <span>{texts.embed.fresh}</span>
            </button>
          )}
        </header>
        <Messages />
        <Composer draft={draft} write={setDraft} />
        <p className="hidden" role="status">
          {isRunning ? texts.chat.writing : turns.length > 0 ? texts.chat.complete : ""}
        </p>
      </section>
    </ComposerContext>
  );
}

function Messages() {
  const { current } = useTutorOf();
  const place = useFollowing(current.turns, !isRead(current.turns.at(-1)));
  return (
    <div className="viewport" ref={place} tabIndex={0} role="group" aria-label={texts.embed.title}>
      <div className="column">
        {current.turns.length === 0 && <Welcome heading="h2" />}
        {current.turns.map((turn) => (
          <div key={turn.id}>
            <div className="question">
              <h2 className="hidden">{texts.chat.you}</h2>
              <p dir="auto">{unhidden(turn.question)}</p>
            </div>
            <Answer turn={turn} />
          </div>
        ))}
      </div>
    </div>
  );
}

function Composer({ draft, write }: { draft: string; write: (text: string) => void }) {
  const tutor = useTutorOf();
  const question = draft.trim();

  function send(event?: FormEvent) {
    event?.preventDefault();
    if (!question || tutor.isRunning) return;
    write("");
    void tutor.ask(question);
  }

  function press(event: KeyboardEvent) {
    const isSend = event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing;
    if (!isSend || matchMedia("(pointer: coarse)").matches) return;
    event.preventDefault();
    send();
  }

  return (
    <form className="foot composer column" onSubmit={send}>
      <textarea
        rows={1}
        dir="auto"
        aria-label={texts.chat.field}
        placeholder={texts.chat.placeholder}
        value={draft}
        onChange={(event) => write(event.target.value)}
        onKeyDown={press}
      />
      {tutor.isRunning ? (
        <button type="button" className="round" aria-label={texts.chat.stop} onClick={tutor.stop}>
          <Square aria-hidden fill="currentColor" />
        </button>
      ) : (
        <button className="round" aria-label={texts.chat.send} disabled={!question}>
          <ArrowUp aria-hidden />
        </button>
      )}
      <p className="hint">{texts.embed.note}</p>
    </form>
  );
}

const NEAR_PX = 80;

/** A lesson and a refusal are read from their beginning. */
function isRead(last: Turn | undefined): boolean {
  return last !== undefined && (last.state === "refused" || (last.lesson !== null && !last.lesson.passed));
}

/** Stays at the end while that grows, unless the learner has gone up to read. */
function useFollowing(grown: unknown, isFollowed: boolean) {
  const place = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  useEffect(() => {
    const element = place.current;
    const look = () => {
      if (element) isAtEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_PX;
    };
    element?.addEventListener("scroll", look, { passive: true });
    return () => element?.removeEventListener("scroll", look);
  }, []);
  useEffect(() => {
    if (isFollowed && isAtEnd.current)
      place.current?.scrollTo({ top: place.current.scrollHeight, behavior: "instant" });
  }, [grown, isFollowed]);
  return place;
}
