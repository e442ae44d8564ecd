/** The page's verifier against the golden vectors that every verifier of the log is held to. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseKeys } from "../src/proof/keys";
import { parseReceipt } from "../src/proof/receipt";
import { verify } from "../src/proof/verify";

const VECTORS = new URL("../../../tests/golden/vectors/", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, VECTORS), "utf8");
const expected = JSON.parse(read("expected.json"));
const NAMES: string[] = expected.report.receipts.map((receipt: { file: string }) => receipt.file);
const rotated = await parseKeys(read("root/log-2.vkey"));
const outcomes = async (proof: string, keys = rotated, shown: string | null = null) =>
  Object.fromEntries((await verify(proof, keys, shown)).steps.map((step) => [step.name, step.outcome]));

describe("golden receipts", () => {
  test.each(NAMES)("%s: signature and inclusion hold", async (name) => {
    expect(await outcomes(read(name))).toMatchObject({ read: "holds", signature: "holds", inclusion: "holds" });
  });

  test("the text that was shown holds, one changed letter fails", async () => {
    const [proof, text] = [read("receipts/answer"), ANSWER];
    expect((await verify(proof, rotated, text)).outcome).toBe("holds");
    expect(await outcomes(proof, rotated, text.replace("n", "N"))).toMatchObject({ signature: "holds", text: "fails" });
  });

  test("a receipt is accepted with CR LF and space around it", async () => {
    const proof = `\n  ${read("receipts/answer").replaceAll("\n", "\r\n")}\n`;
    expect((await verify(proof, rotated, ANSWER)).outcome).toBe("holds");
  });

  test("without a key the signature stays open, and so does the whole", async () => {
    const verdict = await verify(read("receipts/answer"), null, ANSWER);
    expect(verdict.outcome).toBe("open");
  });
});

const ANSWER = "A **number** used once: no two messages are alike, even when they say the same.";

describe("lies", () => {
  const proof = read("receipts/answer");

  test("no change of one character goes through", async () => {
    const survivors = [];
    for (let at = 0; at < proof.length - 1; at += 1) {
      const other = proof[at] === "A" ? "B" : "A";
      const changed = proof.slice(0, at) + other + proof.slice(at + 1);
      if (changed !== proof && (await verify(changed, rotated, ANSWER)).outcome === "holds") survivors.push(at);
    }
    expect(survivors).toEqual([]);
  }, 60_000);

  test("a key of another root is none of ours", async () => {
    const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
    const raw = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
    const stranger = [{ name: rotated[0]!.name, raw }];
    expect(await outcomes(proof, stranger)).toMatchObject({ signature: "fails", inclusion: "holds" });
  });

  test("another record's leaf does not fit the path", async () => {
    const other = read("receipts/pruned").split("\n")[1]!;
    const mixed = proof.split("\n").with(1, other).join("\n");
    expect((await verify(mixed, rotated, null)).outcome).toBe("fails");
  });

  test.each(["", "no receipt", "c2sp.org/tlog-proof@v1\n\n", proof.replace("index 16", "index 016")])(
    "what is no receipt fails at reading: %j",
    async (text) => expect((await verify(text, rotated, null)).steps).toEqual([{ name: "read", outcome: "fails" }]),
  );
});

describe("key files", () => {
  test("the founding key and the rotated chain parse", async () => {
    expect(await parseKeys(read("key.vkey"))).toHaveLength(1);
    expect(rotated.length).toBeGreaterThan(1);
  });

  test.each([
    ["nothing", ""],
    ["a wrong id", read("key.vkey").replace("+d7640189+", "+d7640188+")],
    ["a successor without endorsement", read("root/log-2.vkey").split(" ")[0]!],
    ["a witness's key", read("witness.vkey")],
    ["a broken endorsement", read("root/log-2.vkey").replace(/ (.)/, (_, char) => ` ${char === "A" ? "B" : "A"}`)],
  ])("%s is refused", async (_, file) => {
    await expect(parseKeys(file)).rejects.toThrow(SyntaxError);
  });

  test("the receipt names its place", () => {
    expect(parseReceipt(read("receipts/answer")).leaf).toMatchObject({ idx: 16, kind: "answer" });
  });
});
