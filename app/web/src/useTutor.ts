/** The learner's conversations and all that may be done with them. Only this file asks the server questions. */
import { useCallback, useEffect, useRef, useState } from "react";
import { held } from "./alive";
import type { Api, ApiError, Session } from "./api";
import { type Conversation, history, newTurn, type Shelved, type Turn } from "./conversations";
import { paced } from "./paced";
import { type Finding, markAt } from "./review/finding";
import { ask } from "./stream";
import { asked, ended, failed, isTurnedAway, left } from "./turns";
import { useConversations } from "./useConversations";

export interface Tutor {
  session: Session;
  shelf: Shelved;
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
  mark: (turn: Turn, finding: Finding) => Promise<void>;
}

/** Who learns, how it is asked and where it is kept. `turnedAway`: the session has ended, or the terms have changed. */
export interface Desk {
  session: Session;
  api: Pick<Api, "send" | "pass" | "appeal">;
  shelf: Shelved;
  turnedAway: (error: ApiError) => void;
}

interface Running {
  turn: Turn;
  stop: AbortController;
}

/** How often a growing answer is drawn again. */
const DRAWN_MS = 60;

export function useTutor({ session, api, shelf, turnedAway }: Desk): Tutor {
  const { all, isStored, turnsOf, draw, keep, take, remove: forget } = useConversations(shelf);
  const [openId, setOpenId] = useState(() => shelf.recall("open") ?? crypto.randomUUID());
  const running = useRunning();
  const live = running.now;

  useEffect(() => shelf.note("open", openId), [shelf, openId]);

  const remove = useCallback(
    (id: string) => {
      live.current.get(id)?.stop.abort();
      setOpenId((now) => (now === id ? crypto.randomUUID() : now));
      forget(id);
    },
    [forget, live],
  );
  useEffect(() => shelf.watch((id, now) => (now ? take(now) : remove(id))), [shelf, take, remove]);

  useEffect(() => {
    const leave = () => live.current.forEach(({ turn }, id) => keep(id, left(turn)));
    addEventListener("pagehide", leave);
    return () => removeEventListener("pagehide", leave);
  }, [keep, live]);

  async function run(id: string, again: Turn) {
    if (live.current.has(id)) return;
    const one: Running = { turn: asked(again), stop: new AbortController() };
    const { signal } = one.stop;
    const pace = paced(DRAWN_MS);
    const messages = told(turnsOf(id), again);
    const release = held(one.turn.id);
    keep(id, one.turn);
    running.set(id, one);
    try {
      const ending = await ask(api.send, session.model, messages, signal, {
        onStart: (source) => (one.turn = { ...one.turn, source }),
        onText: (piece) => {
          one.turn = { ...one.turn, text: one.turn.text + piece };
          pace.soon(() => draw(id, one.turn));
        },
      });
      one.turn = ended(one.turn, ending);
    } catch (error) {
      one.turn = failed(one.turn, error, signal.aborted);
      if (isTurnedAway(error)) turnedAway(error);
    }
    pace.drop();
    keep(id, one.turn);
    running.set(id, null);
    release();
  }

  const signedIn = <Value>(answer: Promise<Value>) =>
    answer.catch((error: unknown) => {
      if (isTurnedAway(error)) turnedAway(error);
      throw error;
    });

  return {
    session,
    shelf,
    conversations: all,
    current: all.find(({ id }) => id === openId) ?? { id: openId, changed: 0, turns: [] },
    isStored,
    isRunning: running.ids.has(openId),
    open: (id) => setOpenId(id ?? crypto.randomUUID()),
    remove,
    ask: (question) => run(openId, newTurn(question)),
    retry: (turn) => run(openId, turn),
    stop: () => live.current.get(openId)?.stop.abort(),
    pass: async (turn, answers) => {
      if (!turn.lesson) return;
      const { expires_at, receipt } = await signedIn(api.pass(turn.lesson.lesson.id, answers));
      await run(openId, { ...turn, lesson: { ...turn.lesson, passed: { until: expires_at, receipt } } });
    },
    appeal: async (turn, reason) => {
      const { receipt } = await signedIn(api.appeal(turn.preceptor?.request_id ?? "", reason));
      keep(openId, { ...turn, appeal: receipt });
    },
    mark: async (turn, finding) => {
      const marked = await signedIn(markAt(api.send, turn.preceptor?.request_id ?? "", finding));
      keep(openId, { ...turn, finding: marked });
    },
  };
}

/** What the model is told: what was answered before this question, and the question. */
function told(turns: Turn[], { id, question }: Turn) {
  const at = turns.findIndex((one) => one.id === id);
  return [...history(at < 0 ? turns : turns.slice(0, at)), { role: "user" as const, content: question }];
}

/** The answers that come at present, by conversation; several may. */
function useRunning() {
  const now = useRef<ReadonlyMap<string, Running>>(new Map());
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set());
  const set = useCallback((id: string, one: Running | null) => {
    const others = [...now.current].filter(([other]) => other !== id);
    now.current = new Map(one ? [...others, [id, one]] : others);
    setIds(new Set(now.current.keys()));
  }, []);
  return { now, ids, set };
}
