/** Sign in with a key. It goes to the server once and comes back as a cookie that no script can read. */
import { FileCheck2, ScrollText, ShieldCheck } from "lucide-react";
import { type FormEvent, useState } from "react";
import { api, ApiError } from "../api";
import { inWords } from "../faults";
import { texts } from "../texts";
import { Mark } from "./Mark";

const ICONS = [ShieldCheck, ScrollText, FileCheck2];

export function SignIn({ notice, entered }: { notice: string | null; entered: () => Promise<void> }) {
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setIsBusy] = useState(false);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const key = String(new FormData(event.currentTarget).get("key") ?? "").trim();
    if (!key) return setProblem(texts.signIn.empty);
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
    <main className="gate">
      <section className="gate-story">
        <Mark />
        <h1>{texts.tagline}</h1>
        <ul>
          {texts.signIn.promises.map(([title, text], at) => {
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
      <section className="gate-form" aria-labelledby="sign-in">
        <form className="card" onSubmit={(event) => void submit(event)} noValidate>
          <h2 id="sign-in">{texts.signIn.title}</h2>
          {notice && (
            <p className="notice" role="status">
              {notice}
            </p>
          )}
          <label htmlFor="key">{texts.signIn.key}</label>
          <input
            id="key"
            name="key"
            type="password"
            autoComplete="current-password"
            spellCheck={false}
            autoFocus
            aria-describedby="key-hint key-problem"
            aria-invalid={problem !== null}
          />
          <p id="key-problem" className="problem" role="alert">
            {problem}
          </p>
          <button className="primary wide" disabled={isBusy}>
            {isBusy ? texts.signIn.busy : texts.signIn.button}
          </button>
          <p id="key-hint" className="hint">
            {texts.signIn.hint}
          </p>
        </form>
      </section>
    </main>
  );
}
