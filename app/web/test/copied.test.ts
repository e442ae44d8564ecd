/** A copied text leads back to its record: words as the log makes them, the block as written, the check of a copy. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { copy, takeApart } from "../src/proof/copied";
import { parseKeys } from "../src/proof/keys";
import { verifyCopy } from "../src/proof/verifyCopy";
import { words } from "../src/proof/words";

const VECTORS = new URL("../../../tests/golden/vectors/", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, VECTORS), "utf8");
const keys = await parseKeys(read("root/log-2.vkey"));
const WORDED: [string, string][] = JSON.parse(read("expected.json")).words;
const PROOF = read("receipts/answer");
const ANSWER = WORDED[0]![0];
const RECORD = "019b7691-3c00-7000-8000-000000000006";
const FOOTER = `— Preceptor, a language model’s answer to ada, 2026-01-01 10:00 UTC, record ${RECORD}, https://t.example/verify`;

test.each(WORDED)("the words of %j", (text, said) => expect(words(text)).toBe(said));

describe("a copy", () => {
  test.each([
    ["with its line", copy(ANSWER, FOOTER), null, RECORD],
    ["with its receipt", copy(ANSWER, FOOTER, PROOF), PROOF, RECORD],
    ["with its receipt, from Windows", copy(ANSWER, FOOTER, PROOF).replaceAll("\n", "\r\n"), PROOF, RECORD],
    ["with its receipt, indented by a mailer", copy(ANSWER, FOOTER, PROOF).replaceAll("\n", "\n  "), PROOF, RECORD],
    ["whose line was broken by a mailer", copy(ANSWER, FOOTER).replace(", https", ",\nhttps"), null, RECORD],
    ["as it was shown", ANSWER, null, null],
  ])("%s", (_, pasted, receipt, named) => expect(takeApart(pasted)).toEqual({ text: ANSWER, receipt, named }));

  test("that ends with empty lines keeps them", () => {
    expect(takeApart(copy(`${ANSWER}\n`, FOOTER)).text).toBe(`${ANSWER}\n`);
    expect(takeApart(copy(`${ANSWER}\n\n`, FOOTER, PROOF)).text).toBe(`${ANSWER}\n\n`);
  });

  test("a line like it before the end belongs to the text", () => {
    const text = `${ANSWER}\n${FOOTER}\nand more`;
    expect(takeApart(text)).toEqual({ text, receipt: null, named: null });
  });

  test("a block that cannot be read is no receipt, and not none", () => {
    expect(takeApart(copy(ANSWER, FOOTER, PROOF).replace("Y", "*Y")).receipt).toBeNull();
    expect(
      takeApart(`${ANSWER}\n-----BEGIN PRECEPTOR RECEIPT-----\nabc\n-----END PRECEPTOR RECEIPT-----`).receipt,
    ).toBe("");
  });
});

describe("the check of a copy", () => {
  const fit = async (text: string, proof = PROOF) => {
    const { verdict, fit } = await verifyCopy(proof, keys, text);
    return [fit, verdict.outcome];
  };

  test("character for character", async () => {
    expect(await fit(ANSWER)).toEqual(["exact", "holds"]);
    expect(await fit(`\n${ANSWER} \n`)).toEqual(["exact", "holds"]);
  });

  test("word for word, as a browser copies what it shows", async () => {
    expect(await fit(ANSWER.replaceAll("*", "").replaceAll(" ", "\n"))).toEqual(["words", "holds"]);
  });

  test.each([
    ["another word", ANSWER.replace("two", "ten")],
    ["one word more", `${ANSWER} Always.`],
    ["a part of it", ANSWER.slice(0, 60)],
    ["nothing", ""],
  ])("%s fails", async (_, text) => expect(await fit(text)).toEqual(["other", "fails"]));

  test("another record's receipt fails", async () => {
    expect((await fit(ANSWER, read("receipts/pruned")))[1]).toBe("fails");
    expect((await fit(ANSWER, "no receipt"))[1]).toBe("fails");
  });

  test("an erased person's receipt leaves the text open", async () => {
    expect((await fit(ANSWER, read("receipts/erased")))[0]).not.toBe("exact");
  });

  test("a salt that somebody changed makes no other text fit", async () => {
    const [header, extra, ...rest] = PROOF.split("\n");
    const changed = JSON.parse(atob(extra!.slice(6)));
    changed.salt = btoa("x".repeat(32));
    const forged = [header, `extra ${btoa(JSON.stringify(changed))}`, ...rest].join("\n");
    expect(await fit(ANSWER, forged)).toEqual(["other", "fails"]);
  });
});
