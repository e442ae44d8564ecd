import { afterEach, expect, test, vi } from "vitest";
import { issuers, outcomeOf, withoutOutcome } from "../src/signingIn";

afterEach(() => vi.unstubAllGlobals());

test("the address tells what became of a try, in words of ours alone", () => {
  expect(outcomeOf("?sign_in=denied")).toBe("denied");
  expect(outcomeOf("?x=1&sign_in=unavailable")).toBe("unavailable");
  for (const search of ["", "?sign_in=", "?sign_in=<b>", "?sign_in=constructor", "?SIGN_IN=failed"])
    expect(outcomeOf(search)).toBeNull();
});

test("it is told once, and whatever else the address has stays", () => {
  expect(withoutOutcome("/", "?sign_in=failed")).toBe("/");
  expect(withoutOutcome("/verify", "?a=1&sign_in=failed&b=2")).toBe("/verify?a=1&b=2");
});

test("issuers are those that the server tells, and none where it does not", async () => {
  const told = [{ name: "University", url: "/session/oidc?issuer=0" }];
  vi.stubGlobal("fetch", () => Promise.resolve(Response.json({ key: true, oidc: told })));
  expect(await issuers()).toEqual(told);
  vi.stubGlobal("fetch", () => Promise.resolve(new Response("{}", { status: 503 })));
  expect(await issuers()).toEqual([]);
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("offline")));
  expect(await issuers()).toEqual([]);
});
