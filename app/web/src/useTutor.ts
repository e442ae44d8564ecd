/** The learner's conversations and all that may be done with them. Only this file asks the server questions. */
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { api, ApiError, type Session } from "./api";
import { type Conversation, history, newTurn, Shelf, type Turn } from "./conversations";
import { inWords } from "./faults";
import { timeOf } from "./provenance";
import { ask, type Ending } from "./stream";
import { texts } from "./texts";

export interface Tutor {
  session: Session;
  shelf: Shelf;
  conversations: Conversation[];
  current: Conversation;
  isRunning: boolean;
  isStored: boolean;
  open: (id: string | null) => void;
  remove: (id: string) => void;
  ask: (question: string) => Promise<void>;
  retry: (turn: Turn) => Promise<void>;
  stop: () => void;
  pass: (turn: Turn, answers: string[]) => Promise<void>;
  appeal: (turn: Turn, reason: string) => Promise<void>;
}

/** `turnedAway` is called when the session does not count any more, or the terms have changed. */
export function useTutor(session: Session, turnedAway: (error: ApiError) => void): Tutor {
  const shelf = useMemo(() => new Shelf(session), [session]);
  const [conversations, setConversations] = useState(() => shelf.load().map(interrupted));
  const [openId, setOpenId] = useState<string>(() => crypto.randomUUID());
  const [running, setRunning] = useState<{ conversation: string; stop: AbortController } | null>(null);
  const [isStored, setIsStored] = useState(true);
  const known = useRef(conversations);
  const gone = useRef(new Set<string>()); // what is deleted while its answer still comes stays deleted

  useEffect(() => shelf.watch(() => setConversations((known.current = shelf.load()))), [shelf]);

  const current = conversations.find(({ id }) => id === openId) ?? { id: openId, changed: 0, turns: [] };

  /** Change one turn (or add it); `keep` writes it to the storage, which a piece of a stream is not worth. */
  const put = useCallback(
    (id: string, turn: Turn, keep = true) => {
      if (gone.current.has(id)) return;
      const before = known.current.find((one) => one.id === id) ?? { id, changed: 0, turns: [] };
      const isNew = !before.turns.some((one) => one.id === turn.id);
      const turns = isNew ? [...before.turns, turn] : before.turns.map((one) => (one.id === turn.id ? turn : one));
      const after = { id, changed: keep ? Date.now() : before.changed, turns };
      known.current = [after, ...known.current.filter((one) => one.id !== id)];
      setConversations(known.current);
      if (keep) setIsStored(shelf.save(after));
    },
    [shelf],
  );

  const run = useCallback(
    async (id: string, asked: Turn) => {
      const stop = new AbortController();
      const turns = known.current.find((one) => one.id === id)?.turns ?? [];
      const at = turns.findIndex((one) => one.id === asked.id);
      const earlier = at < 0 ? turns : turns.slice(0, at);
      const messages = [...history(earlier), { role: "user" as const, content: asked.question }];
      let turn: Turn = {
        ...asked,
        state: "running",
        text: "",
        source: null,
        fault: null,
        finish: null,
        preceptor: null,
      };
      put(id, turn);
      setRunning({ conversation: id, stop });
      try {
        const ending = await ask(session.model, messages, stop.signal, {
          onStart: (source) => (turn = { ...turn, source }),
          onText: (piece) => put(id, (turn = { ...turn, text: turn.text + piece }), false),
        });
        turn = ended(turn, ending);
      } catch (error) {
        turn = failed(turn, error, stop.signal.aborted);
        if (isTurnedAway(error)) turnedAway(error);
      }
      put(id, turn);
      setRunning(null);
    },
    [put, session.model, turnedAway],
  );

  const open = (id: string | null) => setOpenId(id ?? crypto.randomUUID());
  const signedIn = <Value>(answer: Promise<Value>) =>
    answer.catch((error: unknown) => {
      if (isTurnedAway(error)) turnedAway(error);
      throw error;
    });

  return {
    session,
    shelf,
    conversations,
    current,
    isStored,
    isRunning: running?.conversation === openId,
    open,
    remove: (id) => {
      gone.current.add(id);
      if (running?.conversation === id) running.stop.abort();
      if (id === openId) open(null);
      shelf.remove(id);
      setConversations((known.current = known.current.filter((one) => one.id !== id)));
    },
    ask: (question) => run(openId, newTurn(question)),
    retry: (turn) => run(openId, turn),
    stop: () => running?.stop.abort(),
    pass: async (turn, answers) => {
      if (!turn.lesson) return;
      const { expires_at, receipt } = await signedIn(api.pass(turn.lesson.lesson.id, answers));
      await run(openId, { ...turn, lesson: { ...turn.lesson, passed: { until: expires_at, receipt } } });
    },
    appeal: async (turn, reason) => {
      const { receipt } = await signedIn(api.appeal(turn.preceptor?.request_id ?? "", reason));
      put(openId, { ...turn, appeal: receipt });
    },
  };
}

function isTurnedAway(error: unknown): error is ApiError {
  return error instanceof ApiError && (error.status === 401 || error.code === "terms_not_accepted");
}

/** A lesson stands before the answer that it unlocks; everything else is the answer. */
function ended(turn: Turn, { finish, preceptor }: Ending): Turn {
  const source = { request_id: preceptor.request_id, time: timeOf(preceptor) || (turn.source?.time ?? "") };
  const done = { ...turn, state: "done" as const, source, finish, preceptor };
  if (preceptor.action !== "TEACH" || !preceptor.lesson) return done;
  return { ...done, text: "", lesson: { lesson: preceptor.lesson, text: turn.text, preceptor, passed: null } };
}

/** A refusal of the guard is an answer too, with a receipt; what is left is a fault or the learner's own stop. */
function failed(turn: Turn, error: unknown, isStopped: boolean): Turn {
  if (isStopped) return { ...turn, state: "stopped" };
  if (error instanceof ApiError && error.code === "content_filter" && error.preceptor) {
    return { ...turn, state: "refused", text: error.message, finish: "content_filter", preceptor: error.preceptor };
  }
  return { ...turn, state: "fault", fault: inWords(error) };
}

/** A page that was closed while an answer came never saw its end. */
function interrupted(conversation: Conversation): Conversation {
  const mend = (turn: Turn): Turn =>
    turn.state === "running" ? { ...turn, state: "fault", fault: texts.faults.broken } : turn;
  return { ...conversation, turns: conversation.turns.map(mend) };
}
