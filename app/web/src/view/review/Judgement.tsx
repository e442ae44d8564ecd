/** What a reviewer says: a label, or after two labels a decision. What is typed outlives a lost lease and a reload. */
import { type FormEvent, type KeyboardEvent, useId, useState } from "react";
import { type Decision, EXPECTED, LABELS } from "../../review/desk";
import { type Draft, draftOf, EMPTY, keepDraft } from "../../review/drafts";
import { texts } from "../../texts";
import { useTutorOf } from "../TutorContext";
import { Choices } from "./Choices";
import type { AtDesk } from "./useItem";
import { useNow } from "./useNow";

const words = texts.review.form;
const DECISIONS: readonly Decision[] = ["uphold", "overturn"];

interface Props {
  one: AtDesk;
  about: string;
  /** Called with what to tell once it is on record. */
  done: (notice: string) => Promise<void>;
}

export function Judgement({ one, about, done }: Props) {
  const id = useId();
  const [draft, change] = useDraft(about);
  const [problem, setProblem] = useState("");
  const mayDecide = ["agreed", "disputed"].includes(one.item?.value.state ?? "");
  const [isDeciding, setIsDeciding] = useState(mayDecide);
  const now = useNow(1000);
  const isHeld = one.until !== null && one.until > now;

  if (!isHeld && !one.texts && draft === EMPTY) return null;

  async function submit(event: FormEvent) {
    event.preventDefault();
    const { decision, label, expected, note } = draft;
    if (!isHeld) return setProblem(words.claimFirst);
    if (!label || !expected || (isDeciding && !decision)) return setProblem(words.missing);
    setProblem("");
    const said = { label, expected, ...(note.trim() ? { note: note.trim() } : {}) };
    const isDone = await (isDeciding && decision ? one.decide({ ...said, decision }) : one.label(said));
    if (!isDone) return;
    change(null);
    await done(isDeciding ? words.decided : words.labelled);
  }

  return (
    <form className="judge" aria-labelledby={id} onSubmit={(event) => void submit(event)}>
      <h2 id={id}>{words.title}</h2>
      {mayDecide ? (
        <div className="segments" role="group" aria-labelledby={id}>
          <Segment name={words.label} isOn={!isDeciding} choose={() => setIsDeciding(false)} command="label" />
          <Segment name={words.decide} isOn={isDeciding} choose={() => setIsDeciding(true)} command="decide" />
        </div>
      ) : (
        <p className="hint">{words.decideLater}</p>
      )}
      {isDeciding && (
        <Choices
          name={words.decision}
          from={DECISIONS}
          said={words.decisions}
          chosen={draft.decision}
          choose={(decision) => change({ ...draft, decision })}
        />
      )}
      <Choices
        name={words.was}
        from={LABELS}
        said={words.labels}
        chosen={draft.label}
        choose={(label) => change({ ...draft, label })}
      />
      <Choices
        name={words.should}
        from={EXPECTED}
        said={words.expected}
        chosen={draft.expected}
        choose={(expected) => change({ ...draft, expected })}
      />
      <Note note={draft.note} change={(note) => change({ ...draft, note })} />
      <p className="problem" role="alert">
        {problem || (one.problem?.at === "judgement" && one.problem.said)}
      </p>
      <button className="primary wide" disabled={one.isBusy}>
        {one.isBusy ? words.busy : isDeciding ? words.sendDecision : words.sendLabel}
      </button>
      {!isHeld && <p className="hint">{words.claimFirst}</p>}
    </form>
  );
}

interface SegmentProps {
  name: string;
  isOn: boolean;
  choose: () => void;
  command: string;
}

function Segment({ name, isOn, choose, command }: SegmentProps) {
  return (
    <button type="button" aria-pressed={isOn} data-command={command} onClick={choose}>
      {name}
    </button>
  );
}

function Note({ note, change }: { note: string; change: (note: string) => void }) {
  const id = useId();
  const send = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.form?.requestSubmit();
  };
  return (
    <div className="note">
      <label htmlFor={id}>{words.note}</label>
      <textarea
        id={id}
        rows={2}
        maxLength={10_000}
        dir="auto"
        aria-describedby={`${id}-hint`}
        value={note}
        onChange={(event) => change(event.target.value)}
        onKeyDown={send}
      />
      <p className="hint" id={`${id}-hint`}>
        {words.noteLead}
      </p>
    </div>
  );
}

function useDraft(about: string): [Draft, (draft: Draft | null) => void] {
  const { shelf } = useTutorOf();
  const [draft, setDraft] = useState(() => draftOf(shelf, about));
  const change = (value: Draft | null) => {
    keepDraft(shelf, about, value);
    setDraft(value ?? EMPTY);
  };
  return [draft, change];
}

/** To the label or the decision: its part is shown, and its first choice, or the one that is made, has the focus. */
export function focusOn(command: "label" | "decide"): void {
  const form = document.querySelector<HTMLFormElement>(".judge");
  const segment = form?.querySelector<HTMLButtonElement>(`[data-command="${command}"]`);
  if (!segment && command === "decide") return;
  segment?.click();
  requestAnimationFrame(() => {
    const choices = form?.querySelector("fieldset");
    (choices?.querySelector<HTMLElement>(":checked") ?? choices?.querySelector("input"))?.focus();
  });
}
