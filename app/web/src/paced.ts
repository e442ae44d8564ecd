/** Many calls, few acts: the first acts at once, later ones at most every `ms`, and only the latest of them. */
export interface Pace {
  soon: (act: () => void) => void;
  /** What still waits is dropped. */
  drop: () => void;
}

export function paced(ms: number): Pace {
  let waiting: (() => void) | null = null;
  let timer: ReturnType<typeof setTimeout> | null = null;

  function due() {
    const act = waiting;
    waiting = null;
    timer = act ? setTimeout(due, ms) : null;
    act?.();
  }

  return {
    soon: (act) => {
      waiting = act;
      if (timer === null) due();
    },
    drop: () => {
      if (timer !== null) clearTimeout(timer);
      waiting = timer = null;
    },
  };
}
