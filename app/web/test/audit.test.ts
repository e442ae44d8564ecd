/** The auditor's logic: files for spreadsheets, days, addresses, drift, alerts, heads and what a receipt proves. */
import { readFileSync } from "node:fs";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { inOrder, isRequest, itemOf } from "../src/auditing/alerts";
import type { Alert, Row } from "../src/auditing/calls";
import { addressOf, criteriaOf, NOTHING, queryOf } from "../src/auditing/criteria";
import { toCsv } from "../src/auditing/csv";
import { nameIn } from "../src/auditing/download";
import { driftOf, newest } from "../src/auditing/drift";
import { canonical, checksOf, isSame, worst } from "../src/auditing/match";
import { contradicts, isRolledBack } from "../src/auditing/seen";
import { beginning } from "../src/auditing/sql";
import { byDay, clock, dayOf, daysAfter, moment } from "../src/auditing/time";
import { verifyHead } from "../src/proof/head";
import { parseKeys } from "../src/proof/keys";
import { parseCheckpoint, parseReceipt } from "../src/proof/receipt";

const VECTORS = new URL("../../../tests/golden/vectors/", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, VECTORS), "utf8");
const keys = await parseKeys(read("root/log-2.vkey"));

describe("CSV", () => {
  const of = (...cells: unknown[]) => toCsv({ columns: [{ name: "a", type: "x" }], rows: [cells] }).split("\r\n")[1];

  test("quotes only what needs it, and doubles quotes", () => {
    expect(of("plain", 'say "so"', "a,b", "two\nlines", " edge ")).toBe(
      'plain,"say ""so""","a,b","two\nlines"," edge "',
    );
  });

  test.each(["=1+1", "+1", "-1", "@sum(a)", "\tx", "\r=x"])("%j cannot run in a spreadsheet", (evil) => {
    expect(of(evil)).toMatch(/^"?'/);
  });

  test("numbers stay numbers, null is empty, and what has parts is JSON", () => {
    expect(of(-1.5, null, true, { a: [1] })).toBe('-1.5,,true,"{""a"":[1]}"');
  });

  test("a column's name is no formula either", () => {
    expect(toCsv({ columns: [{ name: "=x", type: "" }], rows: [] })).toBe("'=x\r\n");
  });
});

describe("time", () => {
  const us = Date.parse("2026-11-28T23:59:59.999Z") * 1000;

  test("is UTC whatever the browser's zone", () => {
    expect([dayOf(us), clock(us), moment(us)]).toEqual(["2026-11-28", "23:59:59.999", "2026-11-28 23:59:59 UTC"]);
    expect(daysAfter("2026-02-28", 1)).toBe("2026-03-01");
  });

  test("rows are grouped by day in their order", () => {
    const rows = [us + 1000, us, us - 5].map((ts) => ({ ts }));
    expect(byDay(rows).map(({ day, rows: of }) => [day, of.length])).toEqual([
      ["2026-11-29", 1],
      ["2026-11-28", 2],
    ]);
    expect(byDay([])).toEqual([]);
  });
});

describe("criteria", () => {
  const some = { ...NOTHING, kind: "refusal", since: "2026-11-28T10:00" };

  test("stand in the address and come back from it", () => {
    expect(addressOf(some).toString()).toBe("tab=records&kind=refusal&since=2026-11-28T10%3A00");
    expect(criteriaOf(addressOf(some))).toEqual(some);
  });

  test("ask the server without spaces, in UTC, and for older pages by cursor", () => {
    const query = queryOf({ ...some, category: "  " }, "c1");
    expect(Object.fromEntries(query)).toEqual({
      limit: "100",
      kind: "refusal",
      since: "2026-11-28T10:00Z",
      before: "c1",
    });
  });
});

test("drift is told by the customary marks, and unknown is never calm", () => {
  expect([null, undefined, 0, 0.0999, 0.1, 0.25].map(driftOf)).toEqual([
    "unknown",
    "unknown",
    "calm",
    "calm",
    "watch",
    "act",
  ]);
  expect(newest([{ psi: 0.2 }, { psi: 0 }, { psi: null }])).toEqual({ psi: 0 });
  expect(newest([{ psi: null }])).toBeUndefined();
});

test("a question begins with the view's name, in quotes where it needs them", () => {
  expect(beginning("review_queue")).toBe("select *\nfrom review_queue\nlimit 100");
  expect(beginning('odd" name')).toContain('from "odd"" name"');
});

describe("alerts", () => {
  const id = "01a22736-cb2e-7584-9e5c-5a0c69b9bf68";
  const alert = (severity: string, ts: number, about: string | null = null): Alert => ({
    request_id: `alert-${ts}`,
    ts,
    rule: "x",
    severity,
    about,
    value: 1,
    open: true,
  });

  test("the most severe come first, then the newest; an unknown severity last", () => {
    const all = [alert("odd", 9), alert("warning", 1), alert("critical", 1), alert("critical", 2)];
    expect(inOrder(all).map(({ severity, ts }) => [severity, ts])).toEqual([
      ["critical", 2],
      ["critical", 1],
      ["warning", 1],
      ["odd", 9],
    ]);
  });

  test("lead to the request that they are about, else to themselves", () => {
    expect(itemOf(alert("info", 1, id))).toBe(id);
    expect(itemOf(alert("info", 1, "a".repeat(64)))).toBe("alert-1");
    expect([isRequest(null), isRequest(id)]).toEqual([false, true]);
  });
});

test.each([
  ['attachment; filename="red_team_2026.html"', "red_team_2026.html"],
  ["attachment; filename=a.json", "a.json"],
  ['attachment; filename="../../etc/passwd"', null],
  ['attachment; filename=".bashrc"', null],
  [null, null],
])("a file's name is plain or none: %j", (disposition, name) => {
  expect(nameIn(disposition)).toBe(name);
});

describe("heads", () => {
  const note = read("checkpoints/latest");
  const { origin, size } = parseCheckpoint(note.trim());
  const outcome = async (text: string, known = keys, of = origin, count = Number(size)) =>
    (await verifyHead(text, known, of, count)).outcome;

  test("one that the log signed holds, with a witness's line or without", async () => {
    expect(await outcome(note)).toBe("holds");
    const witnessed = read("cosigned.checkpoint");
    const of = parseCheckpoint(witnessed.trim());
    expect(await outcome(witnessed, keys, of.origin, Number(of.size))).toBe("holds");
  });

  test("without a key it stays open", async () => {
    expect((await verifyHead(note, null, origin, Number(size))).outcome).toBe("open");
  });

  test("another size, log, note or digit fails", async () => {
    expect(await outcome(note, keys, origin, Number(size) + 1)).toBe("fails");
    expect(await outcome(note, keys, "another/log")).toBe("fails");
    expect(await outcome("no note")).toBe("fails");
    const grown = note.replace(`\n${size}\n`, `\n${size + 1n}\n`);
    expect(await outcome(grown, keys, origin, Number(size) + 1)).toBe("fails");
  });

  describe("that were seen before", () => {
    const held = new Map<string, string>();
    beforeEach(() => {
      held.clear();
      vi.stubGlobal("localStorage", {
        getItem: (place: string) => held.get(place) ?? null,
        setItem: (place: string, value: string) => void held.set(place, value),
      });
    });
    const latest = parseCheckpoint(note.trim());

    test("a log that grew or stands is kept, one that shrank is not and stays found", () => {
      const shorter = { ...latest, size: latest.size - 1n };
      expect([isRolledBack(shorter), isRolledBack(latest), isRolledBack(latest)]).toEqual([false, false, false]);
      expect([isRolledBack(shorter), isRolledBack(shorter)]).toEqual([true, true]);
    });

    test("as long as before with another root is a contradiction", () => {
      expect(isRolledBack(latest)).toBe(false);
      expect(isRolledBack({ ...latest, root: new Uint8Array(32) })).toBe(true);
    });

    test("a storage that holds rubbish stops nothing", () => {
      held.set("preceptor.v1:heads", "{{");
      expect(isRolledBack(latest)).toBe(false);
      expect(contradicts(latest, { size: "many", root: "" })).toBe(false);
    });
  });
});

describe("a record and its receipt", () => {
  const proof = read("receipts/answer");
  const leaf = JSON.parse(new TextDecoder().decode(parseReceipt(proof).leafBytes)) as Row;
  const row: Row = { ...leaf, action: null, category: null, score: null };

  test("all steps hold for the record that it proves", async () => {
    const checks = await checksOf(proof, keys, row);
    expect(checks.map(({ name, outcome }) => `${name} ${outcome}`)).toEqual([
      "read holds",
      "signature holds",
      "inclusion holds",
      "same holds",
    ]);
    expect(worst(checks)).toBe("holds");
  });

  test.each(["origin", "idx", "ts", "kind", "request_id", "seq", "tenant", "subject", "actor", "fields"] as const)(
    "a page that shows another %s is found out",
    async (name) => {
      expect(name in leaf).toBe(true);
      const checks = await checksOf(proof, keys, { ...row, [name]: name === "fields" ? {} : "other" });
      expect(checks.at(-1)).toEqual({ name: "same", outcome: "fails" });
      expect(worst(checks)).toBe("fails");
    },
  );

  test("without a key it is open, and a broken receipt has one step", async () => {
    expect(worst(await checksOf(proof, null, row))).toBe("open");
    expect(await checksOf("rubbish", keys, row)).toEqual([{ name: "read", outcome: "fails" }]);
  });

  test("the order in which fields were written does not matter, their values do", () => {
    const bytes = (value: object) => ({ leafBytes: new TextEncoder().encode(JSON.stringify(value)) });
    const other = { ...row, fields: { a: { c: [3], d: 2 }, b: 1 } };
    expect(isSame(bytes({ fields: { b: 1, a: { d: 2, c: [3] } } }), other)).toBe(true);
    expect(canonical({ b: 1, a: { d: 2, c: [3, 1] } })).toBe('{"a":{"c":[3,1],"d":2},"b":1}');
  });
});
