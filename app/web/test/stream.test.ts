/** The event stream, however its bytes are cut, and the conversation that is told to the model. */
import { readFileSync } from "node:fs";
import { afterEach, expect, test, vi } from "vitest";
import { ApiError, type Preceptor, send } from "../src/api";
import { history, newTurn, type Turn } from "../src/conversations";
import { inWords } from "../src/faults";
import { ask, events } from "../src/stream";
import { texts } from "../src/texts";
import { unhidden } from "../src/unhidden";

const PRECEPTOR = { request_id: "r", action: "ALLOW" } as Preceptor;
const event = (value: unknown) => `data: ${typeof value === "string" ? value : JSON.stringify(value)}\n\n`;
const piece = (content: string) => event({ choices: [{ delta: { content }, finish_reason: null }] });
const LAST = event({ choices: [{ delta: {}, finish_reason: "stop" }], preceptor: PRECEPTOR }) + event("[DONE]");

function body(text: string, size = 7): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
    bytes.slice(at * size, (at + 1) * size),
  );
  return new ReadableStream({
    start: (controller) => {
      parts.forEach((part) => controller.enqueue(part));
      controller.close();
    },
  });
}

const listener = (onText: (piece: string) => void) => ({ onStart: () => undefined, onText });

async function asked(text: string, init: ResponseInit = {}): Promise<{ shown: string; finish: string }> {
  vi.stubGlobal("fetch", async () => new Response(body(text), init));
  let shown = "";
  const { finish } = await ask(
    send,
    "m",
    [],
    new AbortController().signal,
    listener((part) => (shown += part)),
  );
  return { shown, finish };
}

afterEach(() => vi.unstubAllGlobals());

test.each([1, 2, 3, 1000])("events do not depend on how bytes are cut: %i at a time", async (size) => {
  const found = [];
  for await (const data of events(body(event("a€\u{1f512}") + event("b") + ": comment\n\n", size))) found.push(data);
  expect(found).toEqual(["a€\u{1f512}", "b"]);
});

test("pieces come in order, the ending last", async () => {
  expect(await asked(piece("It ") + piece("holds.") + LAST)).toEqual({ shown: "It holds.", finish: "stop" });
});

test.each([
  ["a stream that ends early", piece("It "), texts.faults.broken],
  ["a stream of something else", "data: <html>\n\n", texts.faults.broken],
  [
    "an error in the middle",
    piece("It ") + event({ error: { code: "log_unavailable", message: "" } }),
    texts.faults.ours(null),
  ],
])("%s is said in words", async (_, text, words) => {
  expect(inWords(await asked(text).catch((error: unknown) => error))).toBe(words);
});

test.each([
  [401, texts.faults.unsent],
  [429, texts.faults.limit(9)],
  [503, texts.faults.ours(9)],
])("a status of %i is said in words", async (status, words) => {
  const refused = asked(JSON.stringify({ error: { code: "x", message: "m" } }), {
    status,
    headers: { "retry-after": "9" },
  });
  expect(inWords(await refused.catch((error: unknown) => error))).toBe(words);
});

test("no connection is told apart from a refusal", async () => {
  vi.stubGlobal("fetch", async () => Promise.reject(new TypeError("offline")));
  const error = await ask(
    send,
    "m",
    [],
    new AbortController().signal,
    listener(() => undefined),
  ).catch((one: unknown) => one);
  expect(error).toBeInstanceOf(ApiError);
  expect(inWords(error)).toBe(texts.faults.network);
});

test("the model is told what was answered, and nothing else", () => {
  const turn = (question: string, more: Partial<Turn>): Turn => ({ ...newTurn(question), text: "A", ...more });
  const turns = [
    turn("answered", { state: "done", preceptor: PRECEPTOR }),
    turn("refused", { state: "refused", preceptor: { ...PRECEPTOR, action: "REFUSE" } }),
    turn("broken", { state: "fault" }),
    turn("taught", { state: "done", preceptor: { ...PRECEPTOR, action: "TEACH" } }),
  ];
  expect(history(turns).map((message) => message.content)).toEqual(["answered", "A"]);
});

test("each offer of the policy becomes a question, unless it asks for plain English", () => {
  const policy = readFileSync(new URL("../../../guards/policy.yaml", import.meta.url), "utf8");
  const offers = [...policy.matchAll(/^    offer: "(.+)"$/gm)].map((match) =>
    match[1]!.replace("{topic}", "ransomware"),
  );
  const without = offers.filter((offer) => texts.refusal.neighbour(offer) === null);
  expect(offers.length).toBeGreaterThan(5);
  expect(without.filter((offer) => !offer.startsWith("Please ask in English"))).toEqual([]);
  expect(texts.refusal.neighbour("I teach security; I can explain how people are protected against fraud.")).toBe(
    "Please explain how people are protected against fraud.",
  );
});

test("controls of direction are shown, other scripts are left alone", () => {
  expect(unhidden("\u202egpj.exe\u202c שלום")).toBe("[U+202E]gpj.exe[U+202C] שלום");
});
