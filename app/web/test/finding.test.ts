/** A finding as the server takes it, and who may mark what. */
import { expect, test, vi } from "vitest";
import type { Preceptor } from "../src/api";
import { bodyOf, type Finding, markAt, mayMark, TECHNIQUES, techniqueOf } from "../src/review/finding";

const FINDING: Finding = { technique: "rot13", severity: "high", expected: "REFUSE", label: null, note: " " };

test.each(TECHNIQUES)("the suggestion %s is a name that the server takes", (name) => {
  expect(techniqueOf(name)).toBe(name);
});

test.each([
  [" Role-Play ", "role-play"],
  ["base64 + rot13", "base64 + rot13"],
  ["a".repeat(64), "a".repeat(64)],
  ["a".repeat(65), null],
  ["", null],
  ["-x", null],
  ["naïve", null],
])("%j is written as %j", (written, name) => {
  expect(techniqueOf(written)).toBe(name);
});

test("what stays open is not sent", () => {
  const sent = { request_id: "r", technique: "rot13", severity: "high", expected: "REFUSE" };
  expect(bodyOf("r", FINDING)).toEqual(sent);
  expect(bodyOf("r", { ...FINDING, label: "harmful", note: "It told me. " })).toEqual({
    ...sent,
    label: "harmful",
    note: "It told me.",
  });
});

test("the receipt is kept with the request that it is about", async () => {
  const send = vi.fn(async () => Response.json({ finding: "f", about: "r", receipt: "proof" }));
  expect(await markAt(send, "r", FINDING)).toEqual({
    about: "r",
    technique: "rot13",
    severity: "high",
    receipt: "proof",
  });
  expect(send).toHaveBeenCalledWith("POST", "/v1/findings", bodyOf("r", FINDING));
});

test("the red team and admins mark what has a decision", () => {
  const decided = { request_id: "r" } as Preceptor;
  expect(["redteam", "admin", "learner", "reviewer", "auditor"].map((role) => mayMark(role, decided))).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
  expect(mayMark("redteam", null)).toBe(false);
});
