/** What came of one question: a lesson, an answer, a refusal or a fault; under it the line that proves it. */
import { useAui } from "@assistant-ui/react";
import { CircleAlert, Pencil, RotateCcw } from "lucide-react";
import type { ClipboardEvent } from "react";
import type { Turn } from "../conversations";
import { footer } from "../provenance";
import { texts } from "../texts";
import { LessonCard } from "./LessonCard";
import { Markdown } from "./Markdown";
import { ReceiptLine } from "./ReceiptLine";
import { RefusalCard } from "./RefusalCard";
import { useTutorOf } from "./TutorContext";
import { Watermark } from "./Watermark";

export function Answer({ turn }: { turn: Turn }) {
  const { preceptor } = turn;
  return (
    <div className="reply" aria-busy={turn.state === "running"}>
      <h2 className="hidden">{texts.chat.tutor}</h2>
      {turn.lesson && <LessonCard turn={turn} step={turn.lesson} />}
      {turn.text !== "" && turn.state !== "refused" && <Words turn={turn} />}
      {turn.state === "running" && <p className="pulse">{turn.text ? texts.chat.writing : texts.chat.thinking}</p>}
      {turn.state === "refused" && <RefusalCard turn={turn} />}
      {turn.state === "done" && turn.finish === "content_filter" && <p className="notice">{texts.chat.filtered}</p>}
      {turn.state === "stopped" && <Ended turn={turn} words={texts.chat.stopped} />}
      {turn.state === "fault" && <Ended turn={turn} words={turn.fault ?? texts.faults.broken} />}
      {preceptor && preceptor.action !== "TEACH" && <ReceiptLine preceptor={preceptor} shown={turn.text} />}
    </div>
  );
}

/** The answer under its watermark. A copy takes a line with it: whose answer it is, and which record proves it. */
function Words({ turn }: { turn: Turn }) {
  const { session } = useTutorOf();

  function copy(event: ClipboardEvent) {
    const chosen = getSelection()?.toString();
    if (!chosen || !turn.source) return;
    event.clipboardData.setData("text/plain", `${chosen}\n\n${footer(session.subject, turn.source)}\n`);
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
  const aui = useAui();
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
          <button className="quiet" onClick={() => aui.composer().setText(turn.question)}>
            <Pencil aria-hidden />
            {texts.chat.edit}
          </button>
        </div>
      </div>
    </div>
  );
}
