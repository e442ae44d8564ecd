/** How the plugin reaches its tutor: from another origin, by a key in the head, never by a cookie. */
import { ApiError, type Send, sender } from "../api";

/** The key of the host page; `fresh` asks for another than the one given before. Raises what the host page raises. */
export type KeyOf = (fresh: boolean) => Promise<string>;

/** Requests to `origin`. A key that has expired is asked for anew, once per request. */
export function bearer(origin: string, keyOf: KeyOf): Send {
  const withKey = (key: string) =>
    sender({ origin, credentials: "omit", headers: async () => ({ authorization: `Bearer ${key}` }) });
  return async (...request) => {
    const key = await keyOf(false);
    try {
      return await withKey(key)(...request);
    } catch (error) {
      const other = isSpent(error) ? await keyOf(true) : key;
      if (other === key) throw error;
      return withKey(other)(...request);
    }
  };
}

function isSpent(error: unknown): boolean {
  return error instanceof ApiError && error.status === 401;
}

/** The host page's ways to give a key. */
export interface Giver {
  token: string | null;
  getToken: (() => Promise<string>) | null;
}

/** What the host page gives: of its function the last key is kept until it does not count any more. */
export function keysOf(giver: () => Giver): KeyOf {
  let held: Promise<string> | null = null;
  return async (fresh) => {
    const { token, getToken } = giver();
    if (!getToken) return required(token);
    if (fresh || !held) held = getToken();
    return held.then(required).catch((error: unknown) => {
      held = null;
      throw error instanceof ApiError ? error : new ApiError(0, "no_key", "the page's getToken failed");
    });
  };
}

function required(key: string | null): string {
  if (!key) throw new ApiError(0, "no_key", "the page gave no key");
  return key;
}
