/** A refusal: the clause, what may be asked instead, and the way to a person. */
import { CircleCheck, CornerDownRight, Scale } from "lucide-react";
import { type FormEvent, useId, useState } from "react";
import type { Turn } from "../conversations";
import { inWords } from "../faults";
import { texts } from "../texts";
import { useTutorOf } from "./TutorContext";

const words = texts.refusal;

export function RefusalCard({ turn }: { turn: Turn }) {
  const tutor = useTutorOf();
  const refusal = turn.preceptor?.refusal;
  const neighbour = refusal && words.neighbour(refusal.offer);
  return (
    <article className="refusal">
      <p className="label">
        <Scale aria-hidden />
        {words.label}
      </p>
      {refusal ? (
        <>
          <p>
            <span className="hint">{words.clause}</span> <strong>{refusal.clause}</strong>
          </p>
          <p>{refusal.offer}</p>
          {neighbour && (
            <button className="suggestion" disabled={tutor.isRunning} onClick={() => void tutor.ask(neighbour)}>
              <CornerDownRight aria-hidden />
              {neighbour}
            </button>
          )}
        </>
      ) : (
        <p>{turn.text}</p>
      )}
      {turn.appeal ? (
        <p className="done">
          <CircleCheck aria-hidden />
          {words.appealed}
        </p>
      ) : (
        <Appeal turn={turn} />
      )}
    </article>
  );
}

function Appeal({ turn }: { turn: Turn }) {
  const tutor = useTutorOf();
  const id = useId();
  const [reason, setReason] = useState("");
  const [problem, setProblem] = useState<string | null>(null);

  async function appeal(event: FormEvent) {
    event.preventDefault();
    setProblem(null);
    await tutor.appeal(turn, reason.trim()).catch((error: unknown) => setProblem(inWords(error)));
  }

  return (
    <details className="appeal">
      <summary>{words.appeal}</summary>
      <form onSubmit={(event) => void appeal(event)}>
        <p className="hint">{words.appealLead}</p>
        <label htmlFor={id}>{words.appealField}</label>
        <textarea
          id={id}
          rows={3}
          maxLength={10_000}
          dir="auto"
          value={reason}
          onChange={(event) => setReason(event.target.value)}
        />
        <p className="problem" role="alert">
          {problem}
        </p>
        <button className="quiet" disabled={!reason.trim()}>
          {words.appealSend}
        </button>
      </form>
    </details>
  );
}
