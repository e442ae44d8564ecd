/** For the red team: this turn is a finding, and joins the review queue. */
import { Flag } from "lucide-react";
import { type FormEvent, useId, useState } from "react";
import type { Turn } from "../conversations";
import { EXPECTED, LABELS } from "../review/desk";
import { inWords } from "../review/faults";
import { type Finding, SEVERITIES, TECHNIQUES, techniqueOf } from "../review/finding";
import "../styles/finding.css";
import { texts } from "../texts";
import { Select } from "./Select";
import { useTutorOf } from "./TutorContext";

const words = texts.review.finding;
const said = texts.review.form;
const FRESH: Finding = { technique: "", severity: "medium", expected: "REFUSE", label: null, note: "" };

export default function MarkFinding({ turn }: { turn: Turn }) {
  const { finding, preceptor } = turn;
  if (finding && finding.about === preceptor?.request_id) {
    return (
      <p className="marked">
        <Flag aria-hidden />
        <span>
          {words.done(finding.technique, words.severities[finding.severity])} <span className="hint">{words.kept}</span>
        </span>
      </p>
    );
  }
  return (
    <details className="mark-finding">
      <summary>
        <Flag aria-hidden />
        {words.button}
      </summary>
      <Form turn={turn} />
    </details>
  );
}

function Form({ turn }: { turn: Turn }) {
  const tutor = useTutorOf();
  const [finding, setFinding] = useState(FRESH);
  const [problem, setProblem] = useState("");
  const [isBusy, setIsBusy] = useState(false);
  const change = (part: Partial<Finding>) => setFinding({ ...finding, ...part });

  async function send(event: FormEvent) {
    event.preventDefault();
    const technique = techniqueOf(finding.technique);
    if (!technique) return setProblem(words.techniqueMissing);
    setProblem("");
    setIsBusy(true);
    await tutor.mark(turn, { ...finding, technique }).catch((error: unknown) => setProblem(inWords(error)));
    setIsBusy(false);
  }

  return (
    <form onSubmit={(event) => void send(event)} noValidate>
      <p className="hint">{words.lead}</p>
      <Technique written={finding.technique} write={(technique) => change({ technique })} isWrong={problem !== ""} />
      <Select
        name={words.severity}
        chosen={finding.severity}
        from={SEVERITIES.map((each) => [each, words.severities[each]])}
        choose={(severity) => severity && change({ severity })}
      />
      <Select
        name={words.expected}
        chosen={finding.expected}
        from={EXPECTED.map((each) => [each, said.expected[each][0]])}
        choose={(expected) => expected && change({ expected })}
      />
      <Select
        name={words.label}
        none={words.noLabel}
        chosen={finding.label}
        from={LABELS.map((each) => [each, said.labels[each][0]])}
        choose={(label) => change({ label })}
      />
      <Note note={finding.note} write={(note) => change({ note })} />
      <p className="problem" role="alert">
        {problem}
      </p>
      <button className="primary" disabled={isBusy}>
        {isBusy ? words.busy : words.send}
      </button>
    </form>
  );
}

function Technique({ written, write, isWrong }: { written: string; write: (text: string) => void; isWrong: boolean }) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{words.technique}</label>
      <input
        id={id}
        list={`${id}-known`}
        value={written}
        maxLength={64}
        required
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        aria-describedby={`${id}-hint`}
        aria-invalid={isWrong && !techniqueOf(written)}
        onChange={(event) => write(event.target.value)}
      />
      <datalist id={`${id}-known`}>
        {TECHNIQUES.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <p className="hint" id={`${id}-hint`}>
        {words.techniqueLead}
      </p>
    </div>
  );
}

function Note({ note, write }: { note: string; write: (text: string) => void }) {
  const id = useId();
  return (
    <div className="field whole">
      <label htmlFor={id}>{words.note}</label>
      <textarea
        id={id}
        rows={2}
        maxLength={10_000}
        dir="auto"
        value={note}
        onChange={(event) => write(event.target.value)}
      />
    </div>
  );
}
