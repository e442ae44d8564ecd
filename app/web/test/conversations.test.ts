/** Conversations in a storage that works, one that is full, and one that holds nonsense. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Conversation, newTurn, Shelf } from "../src/conversations";

const ADA = { tenant: "school", subject: "ada" };
let held: Record<string, string>;

beforeEach(() => {
  held = {};
  const methods = {
    getItem: (name: string) => held[name] ?? null,
    setItem: (name: string, value: string) => void (held[name] = value),
    removeItem: (name: string) => void delete held[name],
  };
  // like the browser's own: names are the object's keys, methods are not
  vi.stubGlobal(
    "localStorage",
    new Proxy(
      {},
      {
        get: (_, name) => methods[name as keyof typeof methods],
        ownKeys: () => Object.keys(held),
        getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
      },
    ),
  );
});
afterEach(() => vi.unstubAllGlobals());

const conversation = (id: string, changed: number): Conversation => ({
  id,
  changed,
  turns: [newTurn("What is a nonce?")],
});

test("what is saved is there again, the latest first", () => {
  const shelf = new Shelf(ADA);
  const [older, newer] = [conversation("a", 1), conversation("b", 2)];
  expect([shelf.save(older), shelf.save(newer)]).toEqual([true, true]);
  expect(new Shelf(ADA).load()).toEqual([newer, older]);
  shelf.remove("b");
  expect(shelf.load()).toEqual([older]);
});

test.each([
  { tenant: "school", subject: "eve" },
  { tenant: "scho", subject: "ol/ada" },
])("nobody sees another's: %j", (who) => {
  new Shelf(ADA).save(conversation("a", 1));
  expect(new Shelf(who).load()).toEqual([]);
});

test("nonsense in the storage is passed over", () => {
  const shelf = new Shelf(ADA);
  shelf.save(conversation("a", 1));
  const name = Object.keys(held)[0]!;
  for (const [at, value] of [
    "{",
    "null",
    "[]",
    '{"id": 1}',
    '{"id": "b", "changed": 1, "turns": [{}]}',
    '"x"',
  ].entries())
    held[`${name}${at}`] = value;
  expect(shelf.load().map(({ id }) => id)).toEqual(["a"]);
});

test("a storage that is closed keeps nothing, and says so", () => {
  vi.stubGlobal("localStorage", undefined);
  const shelf = new Shelf(ADA);
  expect([shelf.load(), shelf.save(conversation("a", 1)), shelf.get("draft")]).toEqual([[], false, null]);
});
