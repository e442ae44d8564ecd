/** Single keys of the review pages. A dialog that is open has the keyboard to itself. */
import { useEffect, useRef } from "react";
import { type Command, commandOf } from "../../review/shortcuts";

export type Commands = Partial<Record<Command, () => void>>;

export function useShortcuts(isOn: boolean, commands: Commands): void {
  const known = useRef(commands);
  useEffect(() => void (known.current = commands));
  useEffect(() => {
    if (!isOn) return;
    const listen = (event: KeyboardEvent) => {
      if (document.querySelector('[role="dialog"]')) return;
      const command = commandOf(event, event.target);
      const act = command && known.current[command];
      if (!act) return;
      event.preventDefault();
      act();
    };
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, [isOn]);
}
