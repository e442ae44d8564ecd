/** One conversation and the field below it. */
import { AuiIf, ComposerPrimitive, ThreadPrimitive, useAui, useAuiState } from "@assistant-ui/react";
import { ArrowDown, ArrowUp, Square } from "lucide-react";
import { lazy, Suspense, useCallback, useEffect, useRef } from "react";
import type { Turn } from "../conversations";
import { isQuoted } from "../knowledge/sources";
import { mayMark } from "../review/finding";
import { texts } from "../texts";
import { unhidden } from "../unhidden";
import { Answer } from "./Answer";
import { ComposerContext } from "./ComposerContext";
import { HeldHint } from "./knowledge/HeldHint";
import { useTutorOf } from "./TutorContext";
import { Welcome } from "./Welcome";

const MarkFinding = lazy(() => import("./MarkFinding"));

export function Thread() {
  const { isRunning, current } = useTutorOf();
  const aui = useAui();
  const write = useCallback((text: string) => aui.composer().setText(text), [aui]);
  return (
    <ThreadPrimitive.Root className="thread">
      <ThreadPrimitive.Viewport className="viewport" tabIndex={0} role="region" aria-label={texts.chat.thread}>
        <div className="column">
          {current.turns[0] ? <h1 className="hidden">{current.turns[0].question}</h1> : (
            <Welcome heading="h1">
              <HeldHint />
            </Welcome>
          )}
          <ComposerContext value={write}>
            <ThreadPrimitive.Messages components={{ UserMessage: Question, AssistantMessage: AnswerMessage }} />
          </ComposerContext>
        </div>
        <ThreadPrimitive.ScrollToBottom className="icon latest" aria-label={texts.chat.latest}>
          <ArrowDown aria-hidden />
        </ThreadPrimitive.ScrollToBottom>
      </ThreadPrimitive.Viewport>
      <div className="foot">
        <div className="column">
          <Composer />
        </div>
      </div>
      <p className="hidden" role="status">
        {isRunning ? texts.chat.writing : current.turns.length > 0 ? texts.chat.complete : ""}
      </p>
    </ThreadPrimitive.Root>
  );
}

function useTurn(): Turn {
  return useAuiState(({ message }) => message.metadata.custom.turn as Turn);
}

function Question() {
  const turn = useTurn();
  return (
    <div className="question">
      <h2 className="hidden">{texts.chat.you}</h2>
      <p dir="auto">{unhidden(turn.question)}</p>
    </div>
  );
}

function AnswerMessage() {
  const turn = useTurn();
  const { session } = useTutorOf();
  return (
    <>
      <Answer turn={turn} />
      {turn.state !== "running" && mayMark(session.role, turn.preceptor) && (
        <Suspense fallback={null}>
          <MarkFinding turn={turn} />
        </Suspense>
      )}
    </>
  );
}

function Composer() {
  useDraft();
  const { turns } = useTutorOf().current;
  const isLookedUp = turns.some(({ preceptor }) => isQuoted(preceptor));
  return (
    <ComposerPrimitive.Root className="composer">
      <ComposerPrimitive.Input
        id="question"
        aria-label={texts.chat.field}
        placeholder={texts.chat.placeholder}
        rows={1}
        maxRows={10}
        autoFocus
        dir="auto"
        addAttachmentOnPaste={false}
        unstable_insertNewlineOnTouchEnter
      />
      <AuiIf condition={({ thread }) => !thread.isRunning}>
        <ComposerPrimitive.Send className="round" aria-label={texts.chat.send}>
          <ArrowUp aria-hidden />
        </ComposerPrimitive.Send>
      </AuiIf>
      <AuiIf condition={({ thread }) => thread.isRunning}>
        <ComposerPrimitive.Cancel className="round" aria-label={texts.chat.stop}>
          <Square aria-hidden fill="currentColor" />
        </ComposerPrimitive.Cancel>
      </AuiIf>
      <p className="hint">{isLookedUp ? texts.chat.noteLookedUp : texts.chat.note}</p>
    </ComposerPrimitive.Root>
  );
}

/** What is typed survives a reload, an expired key and a closed tab; of two tabs each has its own. */
function useDraft() {
  const { shelf } = useTutorOf();
  const aui = useAui();
  const text = useAuiState(({ composer }) => composer.text);
  const isRestored = useRef(false);
  useEffect(() => {
    if (!isRestored.current) return;
    shelf.note("draft", text);
    shelf.put("draft", text);
  }, [shelf, text]);
  useEffect(() => {
    aui.composer().setText(shelf.recall("draft") ?? shelf.get("draft") ?? "");
    isRestored.current = true;
  }, [aui, shelf]);
}
