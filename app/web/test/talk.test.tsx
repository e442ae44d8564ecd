/** The exchange as a reviewer sees it: in order, each record with what the guard made of it, hostile text as text. */
import { renderToStaticMarkup } from "react-dom/server";
import { expect, test } from "vitest";
import type { Opened } from "../src/review/desk";
import { texts } from "../src/texts";
import { Conversation } from "../src/view/review/Conversation";

const words = texts.review.talk;
const HOSTILE = "<script>alert(1)</script> <img src=x onerror=alert(1)> [x](javascript:alert(1)) \u202eexe.fdp";

function record(kind: string, seq: number, more: Partial<Opened> = {}): Opened {
  const empty = { text: null, ts: null, action: "ALLOW", category: null, score: 0, checks: [], finish: null };
  return { kind, seq, ...empty, ...more };
}

const shown = (records: Opened[], appeals: { ts: string; text: string | null }[] = []) =>
  renderToStaticMarkup(<Conversation texts={{ records, appeals }} />);

test("records stand in their order, windows by number, the appeal last", () => {
  const html = shown(
    [
      record("request", 0, { text: '{"messages": [{"role": "user", "content": "What is a nonce?"}]}' }),
      record("window", 1, { text: "A number" }),
      record("window", 2, { text: "used once.", action: "REFUSE", category: "secret", score: 0.9 }),
      record("answer", 3, { finish: "content_filter", action: null, score: null }),
    ],
    [{ ts: "2026-11-29T12:00:00+00:00", text: "Look again." }],
  );
  const parts = ["What is a nonce?", "A number", "used once.", words.ends.content_filter!, "Look again."];
  const places = parts.map((part) => html.indexOf(part));
  expect(places).toEqual([...places].sort((one, other) => one - other));
  expect(Math.min(...places)).toBeGreaterThan(0);
  expect(html).toContain(words.part(2));
  expect(html).toMatch(/data-action="REFUSE".*A secret.*0\.90/);
});

test("hostile text is text, and bends no order", () => {
  const html = shown([record("request", 0, { text: HOSTILE }), record("window", 1, { text: HOSTILE })]);
  expect(html).not.toMatch(/<script|<img|<a |\u202e/);
  expect(html).toContain("&lt;script&gt;");
  expect(html).toContain("[U+202E]exe.fdp");
});

test("what is erased says so, and a request that no check could judge too", () => {
  const html = shown([record("request", 0, { action: null, score: null }), record("fault", 1, { finish: "guard" })]);
  expect(html).toContain(words.erased);
  expect(html).toContain(words.unjudged);
  expect(html).toContain(`${words.kinds.fault}: guard`);
});
