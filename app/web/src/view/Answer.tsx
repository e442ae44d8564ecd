/** What came of one question: a lesson, an answer, a refusal or a fault; under it the line that proves it. */
import { CircleAlert, Pencil, RotateCcw } from "lucide-react";
import type { ClipboardEvent } from "react";
import type { Turn } from "../conversations";
import { isQuoted } from "../knowledge/sources";
import { copy as copyOf } from "../proof/copied";
import { footer } from "../provenance";
import { chosenIn } from "../selection";
import "../styles/knowledge.css";
import { texts } from "../texts";
import { useComposer } from "./ComposerContext";
import { CitedContext, useCited } from "./knowledge/cited";
import { Origin } from "./knowledge/Origin";
import { Sources } from "./knowledge/Sources";
import { LessonCard } from "./LessonCard";
import { Markdown } from "./Markdown";
import { useSearchAddress } from "./PlaceContext";
import { ReceiptLine } from "./ReceiptLine";
import { RefusalCard } from "./RefusalCard";
import { useTutorOf } from "./TutorContext";
import { Watermark } from "./Watermark";

export function Answer({ turn }: { turn: Turn }) {
  const preceptor = turn.preceptor?.action === "TEACH" ? null : turn.preceptor; // a lesson's stands in its card
  const cited = useCited(preceptor);
  return (
    <div className="reply" aria-busy={turn.state === "running"}>
      <h2 className="hidden">{texts.chat.tutor}</h2>
      {turn.lesson && <LessonCard turn={turn} step={turn.lesson} />}
      <CitedContext value={cited.marked}>
        {turn.text !== "" && turn.state !== "refused" && <Words turn={turn} />}
      </CitedContext>
      {turn.state === "running" && <p className="pulse">{turn.text ? texts.chat.writing : texts.chat.thinking}</p>}
      {turn.state === "refused" && <RefusalCard turn={turn} />}
      {turn.state === "done" && turn.finish === "content_filter" && <p className="notice">{texts.chat.filtered}</p>}
      {turn.state === "stopped" && <Ended turn={turn} words={texts.chat.stopped} />}
      {turn.state === "fault" && <Ended turn={turn} words={turn.fault ?? texts.faults.broken} />}
      {preceptor && <Origin preceptor={preceptor} />}
      <Sources {...cited} title={texts.sources.title} />
      {preceptor && <ReceiptLine preceptor={preceptor} shown={turn.text} />}
    </div>
  );
}

/** The answer under its watermark. A copy takes a line with it: whose answer it is, and which record proves it. */
function Words({ turn }: { turn: Turn }) {
  const { session } = useTutorOf();
  const address = useSearchAddress();

  function copy(event: ClipboardEvent<HTMLElement>) {
    const chosen = chosenIn(event.currentTarget);
    if (!chosen || !turn.source) return;
    const line = footer(session.subject, turn.source, address, isQuoted(turn.preceptor));
    event.clipboardData.setData("text/plain", copyOf(chosen, line));
    event.preventDefault();
  }

  return (
    <div className="words" onCopy={copy}>
      <Markdown text={turn.text} />
      {turn.source && <Watermark subject={session.subject} source={turn.source} />}
    </div>
  );
}

function Ended({ turn, words }: { turn: Turn; words: string }) {
  const tutor = useTutorOf();
  const write = useComposer();
  return (
    <div className="fault" role="alert">
      <CircleAlert aria-hidden />
      <div>
        <p>{words}</p>
        <div className="row">
          <button className="quiet" disabled={tutor.isRunning} onClick={() => void tutor.retry(turn)}>
            <RotateCcw aria-hidden />
            {texts.chat.retry}
          </button>
          <button className="quiet" onClick={() => write(turn.question)}>
            <Pencil aria-hidden />
            {texts.chat.edit}
          </button>
        </div>
      </div>
    </div>
  );
}
