/** Two tabs on one conversation, a storage that fails, and a key that runs out: nothing that a learner wrote is lost. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ApiError, type Preceptor } from "../src/api";
import { type Conversation, merged, newTurn, type Turn, withTurn } from "../src/conversations";
import { bearer, keysOf } from "../src/embed/bearer";
import { forShadow } from "../src/embed/forShadow";
import { paced } from "../src/paced";
import { events } from "../src/stream";
import { texts } from "../src/texts";
import { asked, ended, failed, interrupted } from "../src/turns";

const turn = (id: string, more: Partial<Turn> = {}): Turn => ({ ...newTurn(`question ${id}`), id, ...more });
const conversation = (...turns: Turn[]): Conversation => ({ id: "c", changed: 1, turns });
const names = ({ turns }: Conversation) => turns.map(({ id }) => id).join("");

describe("two tabs", () => {
  test("both keep what the other asked, in the order of the storage", () => {
    const here = conversation(turn("a"), turn("c"));
    const there = conversation(turn("a"), turn("b"));
    expect(names(merged(here, there))).toBe("abc");
    expect(names(merged(merged(here, there), there))).toBe("abc");
  });

  test.each([
    ["the other's later state", 1, 2, "done"],
    ["our later state", 2, 1, "running"],
    ["ours where both are as late", 1, 1, "running"],
  ])("of one turn counts %s", (_, ours, theirs, state) => {
    const here = conversation(turn("a", { changed: ours }));
    const there = conversation(turn("a", { changed: theirs, state: "done" }));
    expect(merged(here, there).turns[0]?.state).toBe(state);
  });

  test("a turn of an older version, without a time, gives way to one with", () => {
    expect(merged(conversation(turn("a")), conversation(turn("a", { changed: 1, text: "x" }))).turns[0]?.text).toBe(
      "x",
    );
  });

  test("a turn takes its own place, a new one the last", () => {
    const both = conversation(turn("a"), turn("b"));
    expect(names(withTurn(both, turn("c")))).toBe("abc");
    expect(withTurn(both, turn("a", { text: "x" })).turns.map(({ text }) => text)).toEqual(["x", ""]);
  });
});

describe("what became of a turn", () => {
  const REFUSED = { request_id: "r", action: "REFUSE" } as Preceptor;
  const half = turn("a", { text: "Half" });

  test.each([
    ["a stop", new DOMException("", "AbortError"), true, "stopped", null],
    ["a broken stream", new ApiError(0, "broken", ""), false, "fault", texts.faults.broken],
    ["a fault in the middle", new ApiError(503, "log_unavailable", ""), false, "fault", texts.faults.ended],
    ["a refusal", new ApiError(400, "content_filter", "no", null, REFUSED), false, "refused", null],
  ])("%s", (_, error, isStopped, state, fault) => {
    expect(failed(half, error, isStopped)).toMatchObject({ state, fault, question: "question a" });
  });

  test("what was running when the page closed is broken, with the text that came", () => {
    const running = conversation({ ...half, state: "running" });
    const [one] = interrupted(running, new Set(["b"])).turns;
    expect(one).toMatchObject({ state: "fault", text: "Half", fault: texts.faults.broken });
    expect(interrupted(running, new Set(["a"]))).toEqual(running);
  });

  test("asked again, only question and lesson stay", () => {
    expect(asked({ ...half, fault: "x", appeal: null })).toMatchObject({ text: "", fault: null, state: "running" });
  });

  test("a lesson stands before its answer", () => {
    const preceptor = { request_id: "r", action: "TEACH", receipt: null, lesson: { id: "l" } } as Preceptor;
    expect(ended(half, { finish: "stop", preceptor })).toMatchObject({
      text: "",
      lesson: { text: "Half", passed: null },
    });
  });
});

describe("pace", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test("the first at once, then the latest of each interval, none lost", () => {
    const [pace, done] = [paced(50), [] as number[]];
    for (const at of [1, 2, 3]) pace.soon(() => done.push(at));
    expect(done).toEqual([1]);
    vi.advanceTimersByTime(50);
    expect(done).toEqual([1, 3]);
    vi.advanceTimersByTime(200);
    pace.soon(() => done.push(4));
    pace.soon(() => done.push(5));
    pace.drop();
    vi.advanceTimersByTime(200);
    expect(done).toEqual([1, 3, 4]);
  });

  test("a stream that falls silent is broken", async () => {
    const silent = events(new ReadableStream(), 1_000).next();
    const said = expect(silent).rejects.toMatchObject({ code: "broken" });
    await vi.advanceTimersByTimeAsync(1_001);
    await said;
  });
});

describe("the plugin's key", () => {
  afterEach(() => void vi.unstubAllGlobals());

  /** A tutor that takes one key only, and what it saw. */
  function tutor(good: string) {
    const seen: [string, RequestInit][] = [];
    vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
      seen.push([url, init]);
      const isGood = (init.headers as Record<string, string>).authorization === `Bearer ${good}`;
      return new Response("{}", { status: isGood ? 200 : 401 });
    });
    return seen;
  }

  test("goes in the head, to the tutor's origin, without a cookie", async () => {
    const seen = tutor("k");
    await bearer(
      "https://tutor.example",
      keysOf(() => ({ token: "k", getToken: null })),
    )("GET", "/v1/terms");
    expect(seen[0]?.[0]).toBe("https://tutor.example/v1/terms");
    expect(seen[0]?.[1]).toMatchObject({ credentials: "omit", headers: { authorization: "Bearer k" } });
    expect(seen[0]?.[1].headers).not.toHaveProperty("x-preceptor-csrf");
  });

  test("one that has expired is asked for anew, once", async () => {
    const seen = tutor("new");
    const given = ["old", "new", "newer"];
    const send = bearer(
      "",
      keysOf(() => ({ token: null, getToken: async () => given.shift() ?? "" })),
    );
    expect((await send("GET", "/session")).status).toBe(200);
    expect((await send("GET", "/session")).status).toBe(200);
    expect([seen.length, given]).toEqual([3, ["newer"]]);
  });

  test.each([
    ["the same again", { token: "bad", getToken: null }, 401],
    ["none", { token: null, getToken: null }, 0],
    ["a function that fails", { token: null, getToken: async () => Promise.reject(new Error("x")) }, 0],
  ])("%s is an error with words", async (_, giver, status) => {
    tutor("good");
    await expect(
      bearer(
        "",
        keysOf(() => giver),
      )("GET", "/session"),
    ).rejects.toMatchObject({ status });
  });
});

test("styles of the page become styles of a shadow tree", () => {
  const css =
    ":root {\n  color-scheme: light dark;\n  font: 1rem/1.6 serif;\n}\nhtml, body, #root { height: 100%; }\nbody { margin: 0.5rem; }\n@media (max-width: 52rem) { p { gap: .25rem } }";
  expect(forShadow(css).replace(/\s+/g, " ")).toBe(
    ":host { font: 16px/1.6 serif; } :host { margin: 8px; } @container (max-width: 576px) { p { gap: 4px } }",
  );
});
