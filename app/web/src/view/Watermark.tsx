/** Subject, time and record, faint over an answer: in screenshots and print, silent to screen readers. */
import { useMemo } from "react";
import type { Source } from "../stream";
import { texts } from "../texts";

export function Watermark({ subject, source }: { subject: string; source: Source }) {
  const image = useMemo(() => tile(texts.mark(subject, source.time, source.request_id)), [subject, source]);
  return <div className="watermark" aria-hidden="true" style={{ backgroundImage: `url("${image}")` }} />;
}

/** A picture as a data address; grey enough for light and dark, so that no theme has to draw it again. */
function tile(lines: readonly string[]): string {
  const block = lines.map((line, at) => `<tspan x="0" dy="${at * 15}">${escaped(line)}</tspan>`).join("");
  const at = (x: number, y: number) => `<text transform="translate(${x} ${y}) rotate(-10)">${block}</text>`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="560" height="230"><g fill="#808890" fill-opacity=".19"
    font-family="system-ui,sans-serif" font-size="11">${at(12, 70)}${at(292, 185)}</g></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.codePointAt(0)};`);
}
