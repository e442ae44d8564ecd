/** The server's key counts for as long as it begins as the first that this browser was ever given. */
import { readFileSync } from "node:fs";
import { beforeEach, expect, test, vi } from "vitest";
import { ofServer } from "../src/useKeys";

const VECTORS = new URL("../../../tests/golden/vectors/", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, VECTORS), "utf8");
const founding = read("key.vkey");
const rotated = read("root/log-2.vkey");
const kept = new Map<string, string>();

beforeEach(() => {
  kept.clear();
  vi.stubGlobal("localStorage", {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => kept.set(name, value),
  });
});

async function stranger(): Promise<string> {
  const { keyId } = await import("../src/proof/keys");
  const { toBase64, toHex, joined } = await import("../src/proof/bytes");
  const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
  const raw = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  const name = founding.split("+")[0]!;
  return `${name}+${toHex(await keyId(name, raw))}+${toBase64(joined(Uint8Array.of(1), raw))}\n`;
}

test("the first key is taken, and said to be the server's", async () => {
  const held = await ofServer(async () => founding);
  expect(held).toMatchObject({ source: "server", id: founding.split("+")[1] });
  expect(held.chain).toHaveLength(1);
});

test("a chain that begins with it is taken, under the same id", async () => {
  await ofServer(async () => founding);
  const held = await ofServer(async () => rotated);
  expect(held).toMatchObject({ source: "server", id: founding.split("+")[1] });
  expect(held.chain?.length).toBeGreaterThan(1);
});

test("another key is not taken, and nothing is checked with it", async () => {
  await ofServer(async () => founding);
  const other = await stranger();
  expect(await ofServer(async () => other)).toEqual({ chain: null, source: "changed", id: other.split("+")[1] });
  expect(await ofServer(async () => founding)).toMatchObject({ source: "server" });
});

test("what is no key file raises", async () => {
  await expect(ofServer(async () => "no key")).rejects.toThrow(SyntaxError);
});
