/** Conversations, in this browser only: one entry of the storage each, so that tabs do not overwrite each other. */
import type { Lesson, Preceptor, Session } from "./api";
import type { Marked } from "./review/finding";
import { attempt } from "./storage";
import type { Message, Source } from "./stream";

/** A lesson that came before an answer, with the text that its record commits to. */
export interface LessonStep {
  lesson: Lesson;
  text: string;
  preceptor: Preceptor;
  passed: { until: number; receipt: string } | null;
}

/** One question and what came of it. `text` is what was shown, byte for byte: the receipt commits to it. */
export interface Turn {
  id: string;
  question: string;
  /** `refused`: the question was; an answer that the guard cut off is `done`, with `content_filter` as its finish. */
  state: "running" | "done" | "refused" | "stopped" | "fault";
  text: string;
  source: Source | null;
  fault: string | null;
  finish: string | null;
  preceptor: Preceptor | null;
  lesson: LessonStep | null;
  appeal: string | null;
  finding?: Marked;
  /** When it was last put down; of two states of one turn the later counts. Milliseconds, compared here only. */
  changed?: number;
}

export interface Conversation {
  id: string;
  changed: number;
  turns: Turn[];
}

export function newTurn(question: string): Turn {
  const empty = { text: "", source: null, fault: null, finish: null, preceptor: null, lesson: null, appeal: null };
  return { id: crypto.randomUUID(), question, state: "running", ...empty };
}

/** What the model is told again: questions that were answered. Refused and broken ones are left out. */
export function history(turns: Turn[]): Message[] {
  const told = turns.filter(
    (turn) => turn.state === "done" && ["ALLOW", "REDACT"].includes(turn.preceptor?.action ?? ""),
  );
  return told.flatMap((turn) => [
    { role: "user", content: turn.question },
    { role: "assistant", content: turn.text },
  ]);
}

/** Both tabs' turns, in the order of the storage: none is lost, and of one that both have the later state counts. */
export function merged(here: Conversation, there: Conversation): Conversation {
  const own = new Map(here.turns.map((turn) => [turn.id, turn]));
  const told = there.turns.map((turn) => later(own.get(turn.id), turn));
  const known = new Set(there.turns.map(({ id }) => id));
  const turns = [...told, ...here.turns.filter(({ id }) => !known.has(id))];
  return { id: here.id, changed: Math.max(here.changed, there.changed), turns };
}

function later(own: Turn | undefined, other: Turn): Turn {
  return own && (own.changed ?? 0) >= (other.changed ?? 0) ? own : other;
}

/** The conversation with this turn in its place, or as its last. */
export function withTurn(conversation: Conversation, turn: Turn): Conversation {
  const { turns } = conversation;
  const isNew = !turns.some(({ id }) => id === turn.id);
  return {
    ...conversation,
    turns: isNew ? [...turns, turn] : turns.map((one) => (one.id === turn.id ? turn : one)),
  };
}

/** Where conversations are kept. */
export type Shelved = Pick<Shelf, "load" | "find" | "save" | "remove" | "get" | "put" | "recall" | "note" | "watch">;

/** The part of the browser's storage that is this person's. Every method survives a storage that is full or closed. */
export class Shelf {
  readonly #prefix: string;

  constructor(who: Pick<Session, "tenant" | "subject">) {
    this.#prefix = `preceptor.v1:${encodeURIComponent(who.tenant)}/${encodeURIComponent(who.subject)}:`;
  }

  /** All conversations, the latest first. */
  load(): Conversation[] {
    const names = attempt(() => Object.keys(localStorage), []);
    const start = `${this.#prefix}conversation:`;
    const found = names.filter((name) => name.startsWith(start)).map((name) => parsed(localStorage.getItem(name)));
    return found.filter((one) => one !== null).sort((one, other) => other.changed - one.changed);
  }

  find(id: string): Conversation | null {
    return parsed(this.get(`conversation:${id}`));
  }

  /** False where nothing could be stored. */
  save(conversation: Conversation): boolean {
    return this.put(`conversation:${conversation.id}`, JSON.stringify(conversation));
  }

  remove(id: string): void {
    attempt(() => localStorage.removeItem(`${this.#prefix}conversation:${id}`), undefined);
  }

  get(name: string): string | null {
    return attempt(() => localStorage.getItem(this.#prefix + name), null);
  }

  put(name: string, value: string): boolean {
    return attempt(() => (localStorage.setItem(this.#prefix + name, value), true), false);
  }

  /** What this tab alone remembers; it survives a reload. */
  recall(name: string): string | null {
    return attempt(() => sessionStorage.getItem(this.#prefix + name), null);
  }

  note(name: string, value: string): void {
    attempt(() => sessionStorage.setItem(this.#prefix + name, value), undefined);
  }

  /** Call back when another tab changed a conversation of this person's; null: it was deleted. */
  watch(changed: (id: string, now: Conversation | null) => void): () => void {
    const start = `${this.#prefix}conversation:`;
    const listen = ({ key, newValue }: StorageEvent) => {
      if (key?.startsWith(start)) changed(key.slice(start.length), parsed(newValue));
    };
    addEventListener("storage", listen);
    return () => removeEventListener("storage", listen);
  }
}

function isTurn(value: unknown): value is Turn {
  const turn = value as Partial<Turn> | null;
  return [turn?.id, turn?.question, turn?.text, turn?.state].every((part) => typeof part === "string");
}

function parsed(text: string | null): Conversation | null {
  const value = attempt(() => JSON.parse(text ?? "null") as Partial<Conversation> | null, null);
  const whole =
    typeof value?.id === "string" &&
    typeof value.changed === "number" &&
    Array.isArray(value.turns) &&
    value.turns.every(isTurn);
  return whole ? (value as Conversation) : null;
}
