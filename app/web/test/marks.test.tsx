/** Citations lead to sources and nowhere else, whatever the text says; what is no source stays as it is. */
import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, test } from "vitest";
import { parsed } from "../src/knowledge/held";
import { pieces } from "../src/knowledge/marks";
import { isQuoted, knowledgeOf, pageOf, sourcesOf, unknownIn } from "../src/knowledge/sources";
import { CitedContext } from "../src/view/knowledge/cited";
import { Markdown } from "../src/view/Markdown";

const marks = { ids: new Set(["T1003.001", "M1027"]), isFlagged: true };
const joined = (text: string) =>
  pieces(text, marks)
    .map((piece) => (typeof piece === "string" ? piece : "id" in piece ? piece.id : piece.flag))
    .join("");
const idsIn = (text: string) =>
  pieces(text, marks).flatMap((piece) => (typeof piece !== "string" && "id" in piece ? piece.id : []));

const marked = {
  marks,
  titles: new Map([["T1003.001", 'LSASS "Memory" <b>']]),
  anchorOf: (id: string) => `at-${id}`,
  go: () => undefined,
};
const shown = (text: string) =>
  renderToStaticMarkup(
    <CitedContext value={marked}>
      <Markdown text={text} />
    </CitedContext>,
  );

describe("marks in a text", () => {
  test.each([
    ["behind a sentence", "It dumps. [T1003.001, M1027]", ["T1003.001", "M1027"]],
    ["of which one is no source", "It dumps. [T1003.001, T9999]", ["T1003.001"]],
    ["of other things", "[T9999] [x] [1] a[0] T1003.001 (M1027)", []],
    ["in brackets of brackets", "[[T1003.001]]", ["T1003.001"]],
    ["that is not closed", "[T1003.001, M1027", []],
  ])("a citation %s", (_, text, ids) => {
    expect(idsIn(text)).toEqual(ids);
    expect(joined(text)).toBe(text);
  });

  test("a flag counts only where something is unknown", () => {
    const text = "See CVE-2099-12345 [not in the knowledge base].";
    expect(pieces(text, marks)).toContainEqual({ flag: "[not in the knowledge base]" });
    expect(pieces(text, { ...marks, isFlagged: false })).toEqual([text]);
  });

  test("many brackets take no longer than they are", () => {
    const text = "[".repeat(200_000);
    expect(pieces(text, marks)).toEqual([text]);
  });
});

describe("the text of an answer", () => {
  test("its citations lead to the list, and its letters stay", () => {
    const html = shown("It dumps **LSASS**. [T1003.001, M1027]");
    const title = "LSASS &quot;Memory&quot; &lt;b&gt;";
    expect(html).toContain(`[<a class="cite" href="#at-T1003.001" title="${title}">T1003.001</a>, `);
    expect(html.replace(/<[^>]*>/g, "")).toBe("It dumps LSASS. [T1003.001, M1027]");
  });

  test.each([
    ["a link on an id", "[T1003.001](https://evil.example)"],
    ["a link on a citation", "[[T1003.001]](https://evil.example)"],
    ["a definition of an id", "It dumps. [T1003.001]\n\n[T1003.001]: https://evil.example"],
  ])("%s leads to the source all the same", (_, text) => {
    const html = shown(text);
    expect(html).not.toContain("evil");
    expect(html).toContain('href="#at-T1003.001"');
  });

  test("other links, code and tags are as without sources", () => {
    expect(shown("[M1027 and more](https://example.org/)")).toContain('href="https://example.org/"');
    expect(shown("```\n[T1003.001]\n```")).not.toContain("<a");
    expect(shown('<a class="cite" href="#x">M1027</a> <mark>no</mark>')).not.toMatch(/<a|<mark/);
  });

  test("a flag is marked, in code and in a text that is too long for a parser too", () => {
    expect(shown("`CVE-2099-1 [not in the knowledge base]`")).toContain("<mark>[not in the knowledge base]</mark>");
    const long = shown(`${"a".repeat(5_000)} [T1003.001] [not in the knowledge base]`);
    expect(long).toContain('href="#at-T1003.001"');
    expect(long).toContain("<mark>");
  });

  test("a lesson's text has no citations", () => {
    expect(renderToStaticMarkup(<Markdown text="[T1003.001]" />)).not.toContain("<a");
  });
});

describe("what an answer says of its sources", () => {
  const record = { id: "T1003.001", title: "LSASS Memory", url: "", licence: "", digest: "" };

  test("what is no record is left out, and each id comes once", () => {
    const sources = [record, record, { ...record, id: "" }, { ...record, title: 1 }, null, "T1", 7] as never;
    expect(sourcesOf({ sources })).toEqual([record]);
    expect(sourcesOf({ sources: "none" as never })).toEqual([]);
    expect(sourcesOf({} as never)).toEqual([]);
  });

  test("older answers were looked up nowhere", () => {
    expect(knowledgeOf({})).toBeNull();
    expect(knowledgeOf({ knowledge: null })).toBeNull();
    expect(isQuoted(null)).toBe(false);
    expect(unknownIn({ knowledge: { pack: "p", by: "model", unknown: "x" } as never })).toEqual([]);
  });

  test.each([
    ["https://attack.mitre.org/techniques/T1003", "attack.mitre.org"],
    ["http://127.0.0.1:1/x", "127.0.0.1:1"],
    ["https://attack.mitre.org@evil.example/", "evil.example"],
    ["javascript:alert(1)", undefined],
    [" JAVASCRIPT:alert(1)", undefined],
    ["data:text/html,x", undefined],
    ["//attack.mitre.org", undefined],
    ["", undefined],
  ])("%j leads to %j", (url, host) => expect(pageOf(url)?.host).toBe(host));
});

test("the holdings of a server are read as they are, and none without a pack", () => {
  const said = {
    pack: "ab", vectors: true, absent: { cve: "CVE List v5" },
    sources: { b: { title: "B" }, a: { title: "A", licence: "MIT", latest: null } },
  };
  const held = parsed(said);
  expect(held?.catalogues.map(({ title, licence, latest }) => [title, licence, latest])).toEqual([
    ["A", "MIT", ""],
    ["B", "", ""],
  ]);
  expect([held?.absent, held?.isByMeaning]).toEqual([["CVE List v5"], true]);
  expect(parsed({ ...said, pack: null })).toBeNull();
});
