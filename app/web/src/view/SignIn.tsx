/** Sign in at an issuer, or with a key. Either way what counts lies in a cookie that no script can read. */
import { FileCheck2, ScrollText, ShieldCheck } from "lucide-react";
import { type FormEvent, useEffect, useState } from "react";
import { api, ApiError } from "../api";
import { inWords } from "../faults";
import { type Issuer, issuers, outcomeOf, withoutOutcome } from "../signingIn";
import "../styles/signIn.css";
import { texts } from "../texts";
import { Mark } from "./Mark";

const ICONS = [ShieldCheck, ScrollText, FileCheck2];
const words = texts.signIn;

export function SignIn({ notice, entered }: { notice: string | null; entered: () => Promise<void> }) {
  const ways = useIssuers();
  const outcome = useOutcome();
  const said = outcome ? words.ended[outcome] : notice;
  return (
    <main className="gate">
      <Story />
      <section className="gate-form" aria-labelledby="sign-in">
        <div className="card">
          <h2 id="sign-in">{words.title}</h2>
          {said && (
            <p className="notice" role="status">
              {said}
            </p>
          )}
          {ways === null ? (
            <p className="hint" role="status">
              {texts.loading}
            </p>
          ) : (
            <>
              {ways.length > 0 && <Ways ways={ways} />}
              <KeyField entered={entered} isFirst={ways.length === 0} />
            </>
          )}
        </div>
      </section>
    </main>
  );
}

function Story() {
  return (
    <section className="gate-story">
      <Mark />
      <h1>{texts.tagline}</h1>
      <ul>
        {words.promises.map(([title, text], at) => {
          const Icon = ICONS[at] ?? ShieldCheck;
          return (
            <li key={title}>
              <Icon aria-hidden />
              <div>
                <strong>{title}</strong>
                <p>{text}</p>
              </div>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

function Ways({ ways }: { ways: Issuer[] }) {
  return (
    <>
      <ul className="gate-ways">
        {ways.map(({ name, url }) => (
          <li key={url}>
            <a className="primary wide" href={url}>
              <bdi>{words.with(name)}</bdi>
            </a>
          </li>
        ))}
      </ul>
      <p className="gate-or">{words.or}</p>
    </>
  );
}

function KeyField({ entered, isFirst }: { entered: () => Promise<void>; isFirst: boolean }) {
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setIsBusy] = useState(false);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const key = String(new FormData(event.currentTarget).get("key") ?? "").trim();
    if (!key) return setProblem(words.empty);
    setIsBusy(true);
    setProblem(null);
    try {
      await api.signIn(key);
      await entered();
    } catch (error) {
      const isWrong = error instanceof ApiError && error.status === 401;
      setProblem(isWrong ? texts.faults.key : inWords(error));
    } finally {
      setIsBusy(false);
    }
  }

  return (
    <form onSubmit={(event) => void submit(event)} noValidate>
      <label htmlFor="key">{words.key}</label>
      <input
        id="key"
        name="key"
        type="password"
        autoComplete="current-password"
        spellCheck={false}
        autoFocus={isFirst}
        aria-describedby="key-hint key-problem"
        aria-invalid={problem !== null}
      />
      <p id="key-problem" className="problem" role="alert">
        {problem}
      </p>
      <button className={`${isFirst ? "primary" : "quiet"} wide`} disabled={isBusy}>
        {isBusy ? words.busy : words.button(isFirst)}
      </button>
      <p id="key-hint" className="hint">
        {words.hint}
      </p>
    </form>
  );
}

/** Null until the server has told. */
function useIssuers(): Issuer[] | null {
  const [ways, setWays] = useState<Issuer[] | null>(null);
  useEffect(() => {
    let isHere = true;
    void issuers().then((found) => isHere && setWays(found));
    return () => {
      isHere = false;
    };
  }, []);
  return ways;
}

/** Told once: the address forgets it. */
function useOutcome() {
  const [outcome] = useState(() => outcomeOf(location.search));
  useEffect(() => {
    if (outcome) history.replaceState(history.state, "", withoutOutcome(location.pathname, location.search));
  }, [outcome]);
  return outcome;
}
