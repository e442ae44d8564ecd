/** Small parts that the auditor's pages share. */
import { Check, CircleAlert, Copy, Info, Minus, RotateCw, TriangleAlert, X } from "lucide-react";
import { type ReactNode, useState } from "react";
import type { Outcome } from "../../proof/verify";
import { texts } from "../../texts";
import type { Asked } from "./useAsked";

const words = texts.audit;

export type Tone = "good" | "watch" | "bad" | "plain";

const ICONS = { good: Check, watch: TriangleAlert, bad: CircleAlert, plain: Minus };

export const TONES: Record<Outcome, Tone> = { holds: "good", fails: "bad", open: "watch" };

/** A word with a sign and a colour, none of them alone. */
export function Chip({ tone, children }: { tone: Tone; children: ReactNode }) {
  const Icon = ICONS[tone];
  return (
    <span className="chip" data-tone={tone}>
      <Icon aria-hidden />
      {children}
    </span>
  );
}

const DECIDED: Record<string, Tone> = { ALLOW: "good", TEACH: "watch", REDACT: "watch", REFUSE: "bad" };

export function ActionChip({ action }: { action: string }) {
  return <Chip tone={DECIDED[action] ?? "plain"}>{words.actions[action] ?? action}</Chip>;
}

export function Empty({ children }: { children: ReactNode }) {
  return (
    <p className="empty">
      <Info aria-hidden />
      {children}
    </p>
  );
}

/** While nothing came, or why nothing came; then what came. */
export function Awaited<Value>({ asked, children }: { asked: Asked<Value>; children: (value: Value) => ReactNode }) {
  return (
    <>
      {asked.problem && <Problem asked={asked} />}
      {asked.value !== null ? (
        children(asked.value)
      ) : asked.isWaiting ? (
        <p className="hint" role="status">
          {texts.loading}
        </p>
      ) : null}
    </>
  );
}

export function Problem({ asked: { problem, again } }: { asked: Pick<Asked<unknown>, "problem" | "again"> }) {
  return (
    <div className="mishap" role="alert">
      <X aria-hidden />
      <p>{problem}</p>
      <button className="quiet" onClick={again}>
        {texts.chat.retry}
      </button>
    </div>
  );
}

export function Refresh({ asked: { isWaiting, again } }: { asked: Asked<unknown> }) {
  return (
    <button className="quiet" onClick={again} disabled={isWaiting}>
      <RotateCw aria-hidden />
      {words.again}
    </button>
  );
}

/** A digest's first letters; the whole one on pointing, and by its button. */
export function Digest({ of, letters = 16 }: { of: string; letters?: number }) {
  return (
    <span className="digest">
      <code title={of}>{of.slice(0, letters)}</code>
      <CopyText text={of} label={words.copy} />
    </span>
  );
}

export function CopyText({ text, label }: { text: string; label: string }) {
  const [isDone, setIsDone] = useState(false);
  async function copy() {
    await navigator.clipboard.writeText(text);
    setIsDone(true);
    setTimeout(() => setIsDone(false), 2000);
  }
  const said = isDone ? words.copied : label;
  return (
    <button
      type="button"
      className="icon small"
      aria-label={said}
      title={said}
      onClick={() => void copy().catch(() => undefined)}
    >
      {isDone ? <Check aria-hidden /> : <Copy aria-hidden />}
    </button>
  );
}
