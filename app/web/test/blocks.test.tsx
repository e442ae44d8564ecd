/** However hostile a text is: it is shown whole, in bounded time, and does nothing. */
import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, test } from "vitest";
import { blocksOf } from "../src/blocks";
import { Markdown } from "../src/view/Markdown";

const shown = (text: string) => renderToStaticMarkup(<Markdown text={text} />);
const kinds = (text: string) => blocksOf(text).map(({ kind }) => kind);
const filled = (piece: string, size = 100_000) => piece.repeat(Math.ceil(size / piece.length)).slice(0, size);

describe("cutting", () => {
  const long = `${"word ".repeat(200)}\n\n`;
  test.each([
    ["short paragraphs stay together", "One.\n\nTwo.", ["One.\n\nTwo."]],
    ["long ones do not", `${long}Two.`, [long, "Two."]],
    ["a fence with gaps", "One.\n```c\na\n\nb\n```\nTwo.", ["One.\n", "```c\na\n\nb\n```\n", "Two."]],
    ["a fence that is not closed", "```\na\n\nb", ["```\na\n\nb"]],
    ["a fence in a list", `- a\n\n  \`\`\`\n  ${long}x\n  \`\`\`\n\n`, [`- a\n\n  \`\`\`\n  ${long}x\n  \`\`\`\n\n`]],
    ["what goes on indented", `- a\n\n  ${long}  more\n`, [`- a\n\n  ${long}  more\n`]],
    ["gaps only", "\n\n \n", []],
  ])("%s", (_, text, blocks) => {
    expect(blocksOf(text).map((block) => block.text)).toEqual(blocks);
  });

  test("a long list goes on with its numbers", () => {
    const list = Array.from({ length: 200 }, (_, at) => `${at + 1}. ${"word ".repeat(20)}`).join("\n\n");
    expect(blocksOf(list).length).toBeGreaterThan(5);
    expect(new Set(kinds(list))).toEqual(new Set(["markdown"]));
    expect(shown(list)).toContain('<ol start="');
  });

  test("nothing but empty lines is lost, and blocks that are complete stay the same while the text grows", () => {
    const alphabet = ["a ", "\n", "\n\n", "```\n", "~~~\n", "- ", "1. ", "> ", "    ", "|", "*", "é\u{1f512}"];
    let seed = 7;
    const next = () => (seed = (seed * 48271) % 2147483647);
    for (let round = 0; round < 300; round += 1) {
      const text = Array.from({ length: next() % 60 }, () => alphabet[next() % alphabet.length]).join("");
      const blocks = blocksOf(text);
      expect(
        blocks
          .map((block) => block.text)
          .join("")
          .replace(/\s/g, ""),
      ).toBe(text.replace(/\s/g, ""));
      const before = blocksOf(text.slice(0, next() % (text.length + 1)));
      const complete = before.slice(0, -1).map((block) => block.text.trimEnd());
      expect(blocks.slice(0, complete.length).map((block) => block.text.trimEnd())).toEqual(complete);
    }
  });
});

describe("what is too much for a parser is shown as it is", () => {
  test.each([
    ["one long line", filled("A")],
    ["quotations in quotations", filled(">", 3_000)],
    ["lists in lists", filled("1. ", 3_000)],
    ["signs", filled("*a **a ", 3_000)],
    ["letters of two units", filled("\u{1f512}a\u{1f512}", 9_001)],
  ])("%s", (_, text) => {
    expect(new Set(kinds(text))).toEqual(new Set(["plain"]));
    expect(Math.max(...blocksOf(text).map((block) => block.text.length))).toBeLessThan(2_001);
    expect(shown(text)).toContain('<div class="plain"');
  });

  test("long code stays code", () => {
    const code = `\`\`\`c\n${"int main(void);\n".repeat(500)}\`\`\`\n`;
    expect(kinds(code)).toEqual(["code"]);
    expect(shown(code)).toMatch(/^<div class="prose" dir="auto"><pre tabindex="0" dir="ltr"><code>int main/);
    expect(shown(code)).not.toContain("```");
  });

  test("beyond 60,000 characters", () => {
    const text = filled("**Bold** words.\n\n");
    expect(new Set(kinds(text).slice(-10))).toEqual(new Set(["plain"]));
    expect(kinds(text)[0]).toBe("markdown");
  });
});

const HOSTILE = ["A", ">", "> ", "*", "*a **b ", "_a__b", "[", "[a](", "[a](b)", "![", "`a``b```c", "- ", "1. ", "|a|b|\n|-|-|\n",
  "<", "<a ", "http://a.b ", "www.", "a@a.", "~a~~b", "[^a]", "[^a]: b\n", "[a]: b\n\n", "\\", "&amp", "\ta", "\n>", "x\n\n", "- a\n\n", "```\n```\n",
  `${">".repeat(60)}a\n`, "```\n\n", "a\n", "\u202e", "\u05d0 a "]; // prettier-ignore

/** Of the processor's time: a machine that does other things too proves nothing. */
const ENOUGH_MS = 2_500;

test.each(HOSTILE.map((piece) => JSON.stringify(piece)))(
  "100 kB of %s cost little",
  (piece) => {
    const before = process.cpuUsage();
    expect(shown(filled(JSON.parse(piece) as string)).length).toBeGreaterThan(100);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(ENOUGH_MS);
  },
  60_000,
);

test("markup does nothing", () => {
  const html = shown(
    '<script>x</script><img src=x onerror="x">\n\n[a](javascript:x) ![p](https://example.org/x.png) [b](data:text/html,x)\n\n' +
      "<style>a\n\nb</style>\n\n<b id=root>c</b>",
  );
  expect(html).not.toMatch(/<(script|img|style|b)\b|javascript:|data:|onerror=/);
  expect(html).toContain("<p>a p b</p>");
});
