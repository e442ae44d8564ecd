/** What becomes of a turn: asked, ended, failed, found broken. */
import { ApiError } from "./api";
import type { Conversation, Turn } from "./conversations";
import { inWords } from "./faults";
import { timeOf } from "./provenance";
import type { Ending } from "./stream";
import { texts } from "./texts";

/** Asked for the first time or again: only the lesson stays. */
export function asked(turn: Turn): Turn {
  return { ...turn, state: "running", text: "", source: null, fault: null, finish: null, preceptor: null };
}

/** A lesson stands before the answer that it unlocks; everything else is the answer. */
export function ended(turn: Turn, { finish, preceptor }: Ending): Turn {
  const source = { request_id: preceptor.request_id, time: timeOf(preceptor) || (turn.source?.time ?? "") };
  const done = { ...turn, state: "done" as const, source, finish, preceptor };
  if (preceptor.action !== "TEACH" || !preceptor.lesson) return done;
  return { ...done, text: "", lesson: { lesson: preceptor.lesson, text: turn.text, preceptor, passed: null } };
}

/** A refusal of the guard is an answer too, with a receipt; what is left is a fault or the learner's own stop. */
export function failed(turn: Turn, error: unknown, isStopped: boolean): Turn {
  if (isStopped) return { ...turn, state: "stopped" };
  if (error instanceof ApiError && error.code === "content_filter" && error.preceptor) {
    return { ...turn, state: "refused", text: error.message, finish: "content_filter", preceptor: error.preceptor };
  }
  const isOurs = error instanceof ApiError && error.status >= 500 && turn.text !== "";
  return { ...turn, state: "fault", fault: isOurs ? texts.faults.ended : inWords(error) };
}

/** The page is left while the answer still comes. */
export function left(turn: Turn): Turn {
  return { ...turn, state: "fault", fault: texts.faults.broken };
}

/** A page that was closed, or crashed, while an answer came never saw its end; what is `alive` comes to another tab. */
export function interrupted(conversation: Conversation, alive: ReadonlySet<string>): Conversation {
  const mend = (turn: Turn) => (turn.state === "running" && !alive.has(turn.id) ? left(turn) : turn);
  return { ...conversation, turns: conversation.turns.map(mend) };
}

export function isTurnedAway(error: unknown): error is ApiError {
  return error instanceof ApiError && (error.status === 401 || error.code === "terms_not_accepted");
}
