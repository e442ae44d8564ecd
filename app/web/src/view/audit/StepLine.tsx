/** One step of a check and how it went: by sign, by colour and in words. */
import { Check, Minus, X } from "lucide-react";
import type { Outcome } from "../../proof/verify";

const ICONS = { holds: Check, fails: X, open: Minus };

interface Props {
  words: readonly [string, string];
  outcome: Outcome;
  said: string;
}

export function StepLine({ words, outcome, said }: Props) {
  const Icon = ICONS[outcome];
  return (
    <li data-outcome={outcome}>
      <span className="dot">
        <Icon aria-hidden />
      </span>
      <div>
        <strong>{words[0]}</strong>
        <p>{words[1]}</p>
      </div>
      <span className="outcome">{said}</span>
    </li>
  );
}
