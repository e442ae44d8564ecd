/** The lesson that comes before a hands-on answer. Ungraded: passing is one press, and says what it records. */
import { BookOpen, CircleCheck } from "lucide-react";
import { type ReactNode, useId, useState } from "react";
import type { LessonStep, Turn } from "../conversations";
import { inWords } from "../faults";
import { texts } from "../texts";
import { useCited } from "./knowledge/cited";
import { Sources } from "./knowledge/Sources";
import { Markdown } from "./Markdown";
import { ReceiptLine } from "./ReceiptLine";
import { useTutorOf } from "./TutorContext";

const words = texts.lesson;

export function LessonCard({ turn, step }: { turn: Turn; step: LessonStep }) {
  const next = <Sources {...useCited(step.preceptor)} title={texts.sources.next} />;
  if (!step.passed) return <Open turn={turn} step={step} next={next} />;
  const until = new Date(step.passed.until * 1000).toLocaleDateString(undefined, { dateStyle: "long" });
  return (
    <details className="passed">
      <summary>
        <CircleCheck aria-hidden />
        <span>
          {words.passed(until)} <u>{words.again}</u>
        </span>
      </summary>
      <Markdown text={step.lesson.text} />
      {next}
      <ReceiptLine preceptor={step.preceptor} shown={step.text} />
    </details>
  );
}

interface Props {
  turn: Turn;
  step: LessonStep;
  /** What to read next. */
  next: ReactNode;
}

function Open({ turn, step: { lesson, preceptor, text }, next }: Props) {
  return (
    <article className="lesson">
      <p className="label">
        <BookOpen aria-hidden />
        {words.label}
      </p>
      <h3>{lesson.title}</h3>
      <Markdown text={lesson.text} />
      {next}
      {lesson.pass_url && <SelfCheck turn={turn} questions={lesson.questions} />}
      <ReceiptLine preceptor={preceptor} shown={text} />
    </article>
  );
}

function SelfCheck({ turn, questions }: { turn: Turn; questions: string[] }) {
  const tutor = useTutorOf();
  const id = useId();
  const [answers, setAnswers] = useState(() => questions.map(() => ""));
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setIsBusy] = useState(false);

  async function pass() {
    setIsBusy(true);
    setProblem(null);
    await tutor.pass(turn, answers).catch((error: unknown) => setProblem(inWords(error)));
    setIsBusy(false);
  }

  return (
    <section aria-labelledby={id}>
      <h4 id={id}>{words.questions}</h4>
      <p className="hint">{words.ungraded}</p>
      <ol className="self-check">
        {questions.map((question, at) => (
          <li key={question}>
            <p>{question}</p>
            <textarea
              rows={1}
              dir="auto"
              aria-label={words.answer(at + 1)}
              value={answers[at]}
              onChange={(event) => setAnswers(answers.with(at, event.target.value))}
            />
          </li>
        ))}
      </ol>
      <p className="problem" role="alert">
        {problem}
      </p>
      <button className="primary" disabled={isBusy || tutor.isRunning} onClick={() => void pass()}>
        {isBusy ? words.busy : words.button}
      </button>
      <p className="hint">{words.records}</p>
    </section>
  );
}
