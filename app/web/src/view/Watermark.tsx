/** Subject, time and record, faint over an answer: in screenshots and print, silent to screen readers. */
import { memo, useId } from "react";
import type { Source } from "../stream";
import { texts } from "../texts";

/** Drawn, not a picture behind: print keeps it, and no policy on pictures of a page around it can take it away. */
export const Watermark = memo(function Watermark({ subject, source }: { subject: string; source: Source }) {
  const id = useId();
  const lines = texts.mark(subject, source.time, source.request_id);
  return (
    <svg className="watermark" aria-hidden="true">
      <pattern id={id} width="560" height="230" patternUnits="userSpaceOnUse">
        <Tile lines={lines} x={12} y={70} />
        <Tile lines={lines} x={292} y={185} />
      </pattern>
      <rect width="100%" height="100%" fill={`url(#${id})`} />
    </svg>
  );
});

function Tile({ lines, x, y }: { lines: readonly string[]; x: number; y: number }) {
  return (
    <text transform={`translate(${x} ${y}) rotate(-10)`}>
      {lines.map((line, at) => (
        <tspan key={line} x="0" dy={at * 15}>
          {line}
        </tspan>
      ))}
    </text>
  );
}
