/** One of a list, with its label. */
import { useId } from "react";

interface Props<Value extends string> {
  name: string;
  /** What stands for no choice; without it one has to be made. */
  none?: string;
  chosen: Value | null;
  from: readonly (readonly [Value, string])[];
  choose: (value: Value | null) => void;
}

export function Select<Value extends string>({ name, none, chosen, from, choose }: Props<Value>) {
  const id = useId();
  const find = (value: string) => from.find(([each]) => each === value)?.[0] ?? null;
  return (
    <div className="field">
      <label htmlFor={id}>{name}</label>
      <select id={id} value={chosen ?? ""} onChange={(event) => choose(find(event.target.value))}>
        {none !== undefined && <option value="">{none}</option>}
        {from.map(([value, said]) => (
          <option key={value} value={value}>
            {said}
          </option>
        ))}
      </select>
    </div>
  );
}
