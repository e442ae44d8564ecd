/** Where models come from: the graph out of promotions, and its layout. */
import { describe, expect, test } from "vitest";
import type { Promotion } from "../src/auditing/calls";
import { gatesOf, graphOf, parsed, pictureOf, sourcesOf } from "../src/auditing/lineage";

const PLAIN: Promotion = {
  ts: 1,
  name: "tutor",
  model_digest: "m1",
  active: false,
  base: "smol",
  adapter_digest: null,
  gate: null,
  gate_passed: null,
  gates: null,
  run: null,
  job: null,
  config_digest: null,
  dataset_digest: null,
  dataset: null,
};
const TUNED: Promotion = {
  ...PLAIN,
  ts: 2,
  model_digest: "m2",
  active: true,
  adapter_digest: "a2",
  run: "run-2",
  config_digest: "c2",
  dataset_digest: "d2",
  dataset: "lessons",
  gates: JSON.stringify([
    { name: "safety", passed: false },
    { name: "safety", passed: true },
    { name: "speed", passed: false },
    { nonsense: 1 },
    null,
  ]),
  sources: JSON.stringify([{ name: "owasp", digest: "s1", licence: "CC" }]),
};

const arrows = (promotions: Promotion[]) => graphOf(promotions).edges.map(({ from, to }) => `${from} > ${to}`);

describe("JSON columns", () => {
  test("come as text, as JSON, as nothing or as rubbish", () => {
    expect(parsed('{"a":1}')).toEqual({ a: 1 });
    expect(parsed([1])).toEqual([1]);
    expect(parsed("{")).toBeNull();
    expect([gatesOf({ gates: null }), gatesOf({ gates: "{}" }), sourcesOf({})]).toEqual([[], [], []]);
  });

  test("of each gate the last result counts", () => {
    expect(gatesOf(TUNED)).toEqual([
      { name: "safety", passed: true },
      { name: "speed", passed: false },
    ]);
  });
});

describe("the graph", () => {
  test("leads from sources over dataset, run and adapter to the model", () => {
    expect(arrows([TUNED])).toEqual([
      "source:s1 > dataset:d2",
      "dataset:d2 > run:c2",
      "run:c2 > adapter:a2",
      "adapter:a2 > model:tutor:m2",
      "base:smol > run:c2",
    ]);
  });

  test("a plain base leads to its model, whatever the log does not name is left out", () => {
    expect(arrows([PLAIN])).toEqual(["base:smol > model:tutor:m1"]);
    expect(arrows([{ ...PLAIN, base: "tutor" }])).toEqual([]);
    expect(arrows([{ ...PLAIN, base: null, dataset_digest: "d" }])).toEqual(["dataset:d > model:tutor:m1"]);
  });

  test("equal things are one box; a model that was promoted again is active if one of its promotions is", () => {
    const again = { ...TUNED, ts: 3, active: false };
    const { nodes } = graphOf([TUNED, again, PLAIN]);
    expect(nodes.filter(({ kind }) => kind === "base")).toHaveLength(1);
    expect(nodes.filter(({ kind }) => kind === "model").map(({ active }) => active)).toEqual([true, false]);
  });
});

describe("the picture", () => {
  const { boxes, arrows: drawn, width, height } = pictureOf([PLAIN, TUNED]);

  test("holds every box within itself, and no two boxes overlap", () => {
    for (const box of boxes) {
      expect(box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + box.height <= height).toBe(true);
    }
    const apart = boxes.every((one, at) =>
      boxes.slice(at + 1).every(
        (other) =>
          one.x + one.width <= other.x ||
          other.x + other.width <= one.x ||
          one.y + one.height <= other.y ||
          other.y + other.height <= one.y,
      ),
    );
    expect(apart).toBe(true);
  });

  test("each arrow begins under its box and ends on top of the other, which lies lower", () => {
    const box = (id: string) => boxes.find((one) => one.id === id)!;
    for (const { from, to, path } of drawn) {
      const [start, end] = [box(from), box(to)];
      expect(path).toMatch(new RegExp(`^M${start.x + start.width / 2} ${start.y + start.height}C`));
      expect(path).toMatch(new RegExp(` ${end.x + end.width / 2} ${end.y}$`));
      expect(end.y).toBeGreaterThan(start.y);
    }
    expect(drawn).toHaveLength(graphOf([PLAIN, TUNED]).edges.length);
  });
});
