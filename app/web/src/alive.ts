/** Which answers still come to some tab of this browser (Web Locks: a lock ends with the tab that holds it). */

const PREFIX = "preceptor.v1:turn:";

/** Say that this turn's answer comes here; the function that is returned ends it. */
export function held(turn: string): () => void {
  const { promise, resolve } = ending();
  void locks()
    ?.request(PREFIX + turn, () => promise)
    .catch(() => undefined);
  return resolve;
}

/** Ids of the turns whose answers still come, here or elsewhere. */
export async function alive(): Promise<Set<string>> {
  const found = await locks()
    ?.query()
    .catch(() => null);
  const names = (found?.held ?? []).map(({ name = "" }) => name);
  return new Set(names.filter((name) => name.startsWith(PREFIX)).map((name) => name.slice(PREFIX.length)));
}

function locks(): LockManager | undefined {
  return typeof navigator === "undefined" ? undefined : navigator.locks;
}

function ending() {
  let resolve = () => {};
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}
