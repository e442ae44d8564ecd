/** The desk's logic: which key does what and when, what the queue is asked for, how ages are said, what is kept. */
import { describe, expect, test } from "vitest";
import { ApiError } from "../src/api";
import { clock, span } from "../src/review/ages";
import { bandOf, barsOf, missesOf, shortened } from "../src/review/agreement";
import { isEnd, messagesOf } from "../src/review/conversation";
import type { Opened } from "../src/review/desk";
import { type Draft, draftOf, EMPTY, keepDraft } from "../src/review/drafts";
import { inWords, isLeaseLost } from "../src/review/faults";
import { addressOf, after, filtersOf, queryOf } from "../src/review/filters";
import { revealed } from "../src/review/revealed";
import { commandOf, moved, SHORTCUTS } from "../src/review/shortcuts";
import { texts } from "../src/texts";

const words = texts.review.faults;

const pressed = (key: string, more = {}) => ({
  key,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  isComposing: false,
  ...more,
});
const BODY = { tagName: "BODY" };

describe("keys", () => {
  test.each(Object.entries(SHORTCUTS))("%s asks for %s", (key, command) => {
    expect(commandOf(pressed(key), BODY)).toBe(command);
  });

  test.each([
    { tagName: "TEXTAREA" },
    { tagName: "INPUT", type: "text" },
    { tagName: "INPUT", type: "search" },
    { tagName: "SELECT" },
    { tagName: "DIV", isContentEditable: true },
  ])("while one types in %j they rest", (field) => {
    for (const key of Object.keys(SHORTCUTS)) expect(commandOf(pressed(key), field)).toBeNull();
  });

  test.each([{ tagName: "INPUT", type: "radio" }, { tagName: "BUTTON" }, null])("on %j they work", (target) => {
    expect(commandOf(pressed("n"), target)).toBe("next");
  });

  test.each(["ctrlKey", "metaKey", "altKey", "isComposing"])("with %s a press is another program's", (modifier) => {
    expect(commandOf(pressed("c", { [modifier]: true }), BODY)).toBeNull();
  });

  test.each(["x", "N", "Enter", "Tab", "toString", "constructor"])("%s is no shortcut", (key) => {
    expect(commandOf(pressed(key), BODY)).toBeNull();
  });

  test("down and up stay in the list, and begin at its first", () => {
    expect([moved(-1, 1, 3), moved(-1, -1, 3), moved(0, 1, 3), moved(2, 1, 3), moved(0, -1, 3)]).toEqual([
      0, 0, 1, 2, 0,
    ]);
    expect(moved(-1, 1, 0)).toBe(-1);
  });
});

describe("filters", () => {
  test.each([
    { state: null, reason: null, overdue: false },
    { state: "disputed", reason: "appeal", overdue: true },
    { state: "decided", reason: null, overdue: false },
  ] as const)("%j stands in the address and comes back", (filters) => {
    const [, search = ""] = addressOf(filters, "01a2-x").split("?");
    expect(filtersOf(search)).toEqual(filters);
    expect(new URLSearchParams(search).get("about")).toBe("01a2-x");
  });

  test("what nobody offers is no filter", () => {
    expect(filtersOf("?state=all&reason=%27%20or%201&overdue=yes")).toEqual({
      state: null,
      reason: null,
      overdue: false,
    });
    expect(addressOf(filtersOf(""))).toBe("/review");
  });

  test("without a state the server is asked for all that await a look", () => {
    const asked = new URLSearchParams(queryOf(filtersOf("reason=finding&overdue=1")));
    expect(asked.get("state")).toBe("open,labelled,disputed,agreed");
    expect([asked.get("reason"), asked.get("overdue")]).toEqual(["finding", "true"]);
    expect(new URLSearchParams(queryOf(filtersOf("state=decided"))).get("state")).toBe("decided");
  });

  test("next is the one below; after the last, or one that has left the queue, the first", () => {
    const queue = ["a", "b", "c"].map((about) => ({ about }));
    expect([after(queue, "a"), after(queue, "c"), after(queue, "gone")].map((one) => one?.about)).toEqual([
      "b",
      "a",
      "a",
    ]);
    expect(after([{ about: "a" }], "a")).toBeNull();
    expect(after([], "a")).toBeNull();
  });
});

describe("ages", () => {
  test.each([
    [0, "1 minute"],
    [59_000, "1 minute"],
    [150_000, "2 minutes"],
    [3_600_000, "1 hour"],
    [-7_300_000, "2 hours"],
    [14 * 86_400_000 - 1, "13 days"],
  ])("%i ms are %s", (ms, said) => {
    expect(span(ms, "en")).toBe(said);
  });

  test.each([
    [900_000, "15:00"],
    [61_001, "1:02"],
    [9_000, "0:09"],
    [-5, "0:00"],
  ])("%i ms of a lease are %s", (ms, said) => {
    expect(clock(ms)).toBe(said);
  });
});

describe("conversation", () => {
  test("a request's text is its messages", () => {
    const text = JSON.stringify({
      messages: [
        { role: "user", content: "What is a nonce?" },
        { role: "assistant", content: "A number used once." },
        { role: "user", content: [{ type: "text", text: "And" }, { type: "image_url" }] },
      ],
      stop: ["x"],
    });
    expect(messagesOf(text)).toEqual([
      { role: "user", content: "What is a nonce?" },
      { role: "assistant", content: "A number used once." },
      { role: "user", content: "And\n[…]" },
    ]);
  });

  test.each(["plain words", "{", "[]", "null", '{"messages": []}', '"x"'])("%s is shown as it stands", (text) => {
    expect(messagesOf(text)).toEqual([{ role: "user", content: text }]);
  });

  test("messages of no known shape are shown, not lost", () => {
    expect(messagesOf('{"messages": [null, 5, {"role": 3, "content": {"a": 1}}]}').map((one) => one.content)).toEqual([
      "",
      "",
      '{"a":1}',
    ]);
  });

  test("an answer's end holds no text; a request without one is erased", () => {
    const record = (kind: string): Opened => ({
      kind,
      seq: 0,
      text: null,
      ts: null,
      action: null,
      category: null,
      score: null,
      checks: [],
      finish: "stop",
    });
    expect(["answer", "fault", "interrupted", "request", "window"].map((kind) => isEnd(record(kind)))).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });
});

describe("drafts", () => {
  const memory = () => {
    const held = new Map<string, string>();
    return {
      recall: (name: string) => held.get(name) ?? null,
      note: (name: string, value: string) => void held.set(name, value),
    };
  };
  const DRAFT: Draft = { decision: null, label: "harmful", expected: "REFUSE", note: "She asks for a neighbour’s." };

  test("what is typed is there again until it is sent, each item's own", () => {
    const tab = memory();
    keepDraft(tab, "a", DRAFT);
    expect([draftOf(tab, "a"), draftOf(tab, "b")]).toEqual([DRAFT, EMPTY]);
    keepDraft(tab, "a", null);
    expect(draftOf(tab, "a")).toBe(EMPTY);
  });

  test.each(["{", "[]", '{"note": 5}', "null"])("nonsense (%s) is no draft", (value) => {
    expect(draftOf({ recall: () => value, note: () => undefined }, "a")).toBe(EMPTY);
  });
});

describe("faults", () => {
  test.each([
    [new ApiError(409, "not_held", "x"), words.codes.not_held, true],
    [new ApiError(409, "item_taken", "x"), words.codes.item_taken, true],
    [new ApiError(403, "own_label", "x"), words.codes.own_label, false],
    [new ApiError(0, "network", "x"), words.network, false],
    [new ApiError(503, "log_unavailable", "x"), words.ours, false],
    [new ApiError(429, "rate_limit_exceeded", "x", 7), words.limit(7), false],
    [new ApiError(400, "invalid_value", "expected a label"), words.other("expected a label"), false],
  ])("%s is said in words", (error, said, isLost) => {
    expect([inWords(error), isLeaseLost(error)]).toEqual([said, isLost]);
  });
});

describe("agreement", () => {
  test.each([
    [0.8, "firm"],
    [0.667, "tentative"],
    [0.66, "weak"],
    [-0.2, "weak"],
    [null, "none"],
  ] as const)("an alpha of %s is %s", (alpha, band) => {
    expect(bandOf(alpha)).toBe(band);
  });

  test("only known shares are drawn, and what was said otherwise comes most frequent first", () => {
    expect(barsOf({ harmful: 0.5, override: null }, (label) => label.toUpperCase())).toEqual([
      { name: "HARMFUL", share: 0.5 },
    ]);
    const said = { "harmful as harmful": 9, "harmful as dual_use": 1, "educational as dual_use": 3 };
    expect(missesOf(said).map(({ gold, count }) => [gold, count])).toEqual([
      ["educational", 3],
      ["harmful", 1],
    ]);
    expect([shortened("a".repeat(64)), shortened("ada")]).toEqual(["aaaaaaaa…", "ada"]);
  });
});

describe("what is hidden", () => {
  test.each([
    ["zero\u200bwidth", "zero[U+200B]width"],
    ["\u202eexe.fdp\u202c", "[U+202E]exe.fdp[U+202C]"],
    ["a\u00adb", "a[U+00AD]b"],
    ["x\u{e0068}\u{e0069}y", "x[tags: hi]y"],
    [`v${"\ufe01".repeat(9)}`, "v[U+FE01 … ×9]"],
    ["\u{e0100}", "[U+E0100]"],
    ["\ue000", "[U+E000]"],
    ["a\u200db", "a[U+200D]b"],
    ["a\ufe0f", "a[U+FE0F]"],
  ])("%j is shown as %s", (text, shown) => {
    expect(revealed(text)).toBe(shown);
  });

  test.each(["plain words, ümlauts, שלום, 漢字\n\ttabs", "❤️ 👩\u200d🔬 🏳️\u200d🌈", ""])(
    "%j stays as it is",
    (text) => {
      expect(revealed(text)).toBe(text);
    },
  );
});
