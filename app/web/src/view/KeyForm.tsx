/** Which public key checks: the learner's own, which they may give here, or the server's. */
import { KeyRound, TriangleAlert } from "lucide-react";
import { type FormEvent, useId, useState } from "react";
import { texts } from "../texts";
import { useKeys } from "../useKeys";

const words = texts.verify;

export function KeyForm() {
  const keys = useKeys();
  if (keys.source === "changed") return <Changed />;
  if (keys.source === "server") return <Fetched said={texts.search.key.fetched(keys.id ?? "")} />;
  if (keys.source === "page") return <Fetched said={texts.embed.keyOfPage(keys.id ?? "")} />;
  if (!keys.id) return <OwnKey />;
  return (
    <div className="key known">
      <KeyRound aria-hidden />
      <span>{words.keyKnown(keys.id)}</span>
      <button className="link" onClick={keys.forget}>
        {words.keyForget}
      </button>
    </div>
  );
}

function Fetched({ said }: { said: string }) {
  return (
    <div className="key fetched">
      <p className="key-said">
        <KeyRound aria-hidden />
        <span>{said}</span>
      </p>
      <p className="hint">{texts.search.key.compare}</p>
      <Other />
    </div>
  );
}

function Changed() {
  const { id, accept } = useKeys();
  return (
    <div className="key fetched" role="alert">
      <p className="key-said">
        <TriangleAlert aria-hidden />
        <span>{texts.search.key.changed(id ?? "")}</span>
      </p>
      <button className="quiet" onClick={accept}>
        {texts.search.key.accept}
      </button>
      <Other />
    </div>
  );
}

function Other() {
  return (
    <details>
      <summary>{texts.search.key.own}</summary>
      <OwnKey />
    </details>
  );
}

function OwnKey() {
  const keys = useKeys();
  const id = useId();
  const [file, setFile] = useState("");
  const [problem, setProblem] = useState<string | null>(null);

  async function use(event: FormEvent) {
    event.preventDefault();
    setProblem(null);
    await keys.trust(file).catch((error: unknown) => {
      setProblem(error instanceof SyntaxError ? words.keyBad(error.message) : words.oldBrowser);
    });
  }

  return (
    <form className="key" onSubmit={(event) => void use(event)}>
      <strong>{words.keyTitle}</strong>
      <p className="hint">{words.keyLead}</p>
      <label className="hidden" htmlFor={id}>
        {words.keyField}
      </label>
      <textarea
        id={id}
        rows={2}
        value={file}
        spellCheck={false}
        onChange={(event) => setFile(event.target.value)}
        placeholder="name+id+key"
        aria-invalid={problem !== null}
      />
      <p className="problem" role="alert">
        {problem}
      </p>
      <div className="row">
        <button className="quiet" disabled={!file.trim()}>
          {words.keyUse}
        </button>
        <label className="quiet file">
          {words.keyFile}
          <input
            type="file"
            accept=".vkey,text/plain"
            onChange={(event) => void event.target.files?.[0]?.text().then(setFile)}
          />
        </label>
      </div>
    </form>
  );
}
