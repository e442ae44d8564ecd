/** The conversations that this tab knows, the storage that all tabs share, and how the two are kept together. */
import { useEffect, useMemo, useRef, useState } from "react";
import { alive } from "./alive";
import { type Conversation, merged, type Shelved, type Turn, withTurn } from "./conversations";
import { interrupted } from "./turns";

export interface Conversations {
  all: Conversation[];
  /** False where the last change could not be stored. */
  isStored: boolean;
  turnsOf: (id: string) => Turn[];
  /** Show a turn; a piece of a stream is not worth the storage. */
  draw: (id: string, turn: Turn) => void;
  /** Show a turn and store it, beside what other tabs stored. */
  keep: (id: string, turn: Turn) => void;
  /** Another tab has stored this. */
  take: (there: Conversation) => void;
  remove: (id: string) => void;
}

export function useConversations(shelf: Shelved): Conversations {
  const [all, setAll] = useState(() => shelf.load());
  const [isStored, setIsStored] = useState(true);
  const known = useRef(all);
  const gone = useRef(new Set<string>()); // what is deleted while its answer still comes stays deleted
  const unsaved = useRef(new Set<string>());

  const acts = useMemo(() => {
    const find = (id: string) => known.current.find((one) => one.id === id) ?? { id, changed: 0, turns: [] };
    const others = (id: string) => known.current.filter((one) => one.id !== id);
    const show = (list: Conversation[]) => setAll((known.current = list));
    const save = (one: Conversation) => {
      unsaved.current[shelf.save(one) ? "delete" : "add"](one.id);
      setIsStored(unsaved.current.size === 0);
    };
    /** Never before what is known already, whatever the clock of this machine does. */
    const now = () => Math.max(Date.now(), ...known.current.map(({ changed }) => changed + 1));

    function draw(id: string, turn: Turn) {
      if (!gone.current.has(id)) show([withTurn(find(id), turn), ...others(id)]);
    }

    function keep(id: string, turn: Turn) {
      if (gone.current.has(id)) return;
      const there = shelf.find(id);
      const both = there ? merged(find(id), there) : find(id);
      const changed = Math.max(now(), both.changed + 1);
      const after = { ...withTurn(both, { ...turn, changed }), changed };
      show([after, ...others(id)]);
      save(after);
    }

    function take(there: Conversation) {
      const list = [merged(find(there.id), there), ...others(there.id)];
      if (!gone.current.has(there.id)) show(list.sort((one, other) => other.changed - one.changed));
    }

    function remove(id: string) {
      gone.current.add(id);
      unsaved.current.delete(id);
      shelf.remove(id);
      show(others(id));
      known.current.filter((one) => unsaved.current.has(one.id)).forEach(save); // there may be room now
      setIsStored(unsaved.current.size === 0);
    }

    const mend = async () => {
      const coming = await alive();
      show(known.current.map((one) => interrupted(one, coming)));
    };

    return { draw, keep, take, remove, mend, turnsOf: (id: string) => find(id).turns };
  }, [shelf]);
  const { mend } = acts;
  useEffect(() => void mend(), [mend]);

  return { all, isStored, ...acts };
}
