/** One of a few, with a word on each. */
import { useId } from "react";

interface Props<Value extends string> {
  name: string;
  from: readonly Value[];
  said: Readonly<Record<Value, readonly [string, string]>>;
  chosen: Value | null;
  choose: (value: Value) => void;
}

export function Choices<Value extends string>({ name, from, said, chosen, choose }: Props<Value>) {
  const group = useId();
  return (
    <fieldset className="choices">
      <legend>{name}</legend>
      {from.map((value) => (
        <label key={value} className="choice">
          <input type="radio" name={group} checked={chosen === value} onChange={() => choose(value)} />
          <span>
            <strong>{said[value][0]}</strong>
            {said[value][1] && <span className="hint">{said[value][1]}</span>}
          </span>
        </label>
      ))}
    </fieldset>
  );
}
