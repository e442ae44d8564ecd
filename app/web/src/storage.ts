/** The browser's storage may be full, closed, or hold what another version wrote: none of that stops the page. */
export function attempt<Value>(act: () => Value, otherwise: Value): Value {
  try {
    return act();
  } catch {
    return otherwise;
  }
}
