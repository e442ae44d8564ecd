/** What goes with a text that leaves the page: who, when, which record; and the receipt as a file. */
import type { Preceptor } from "./api";
import { parseReceipt } from "./proof/receipt";
import { inUtc, type Source } from "./stream";
import { texts } from "./texts";

/** The record's own time, where a receipt tells it. */
export function timeOf(preceptor: Preceptor): string {
  const us = preceptor.receipt ? readTime(preceptor.receipt) : null;
  return us === null ? "" : inUtc(new Date(us / 1000));
}

/** The line below a copy: who wrote it, or that it is quoted; `address` is where its record is found again. */
export function footer(subject: string, { request_id, time }: Source, address: string, isQuoted: boolean): string {
  const line = isQuoted ? texts.footerQuoted : texts.footer;
  return line(subject, time, request_id, address);
}

/** A response as `python -m audit.verify --receipt` reads it: the text that was shown, with decision and receipt. */
export function saveReceipt(preceptor: Preceptor, shown: string): void {
  const saved = { choices: [{ index: 0, message: { role: "assistant", content: shown } }], preceptor };
  const url = URL.createObjectURL(new Blob([JSON.stringify(saved, null, 2)], { type: "application/json" }));
  const link = Object.assign(document.createElement("a"), { href: url, download: fileName(preceptor) });
  link.click();
  URL.revokeObjectURL(url);
}

export function fileName(preceptor: Preceptor): string {
  return `receipt-${preceptor.request_id}.json`;
}

function readTime(proof: string): number | null {
  try {
    return parseReceipt(proof).leaf.ts;
  } catch {
    return null;
  }
}
