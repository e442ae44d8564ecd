/** The pictures. Series differ by pattern as well as by colour; colours are the theme's (src/styles/audit.css). */
import {
  Bar,
  BarChart,
  CartesianGrid,
  Line,
  LineChart,
  ReferenceLine,
  ResponsiveContainer,
  Tooltip,
  XAxis,
  YAxis,
} from "recharts";
import type { ReactElement } from "react";
import type { Day, Trends } from "../../auditing/calls";
import { MARKS } from "../../auditing/drift";
import { shortDay } from "../../auditing/time";
import { texts } from "../../texts";

const words = texts.audit.charts;
const SERIES = ["allow", "teach", "refuse", "fault"] as const;
type Series = (typeof SERIES)[number];

const fill = (series: Series) => `url(#plot-${series})`;

/** Defined once for all pictures of the page. */
export function Patterns() {
  return (
    <svg className="hidden" aria-hidden="true">
      <defs>
        <pattern id="plot-allow" width="8" height="8" patternUnits="userSpaceOnUse">
          <rect className="ink-allow" width="8" height="8" />
        </pattern>
        <pattern id="plot-teach" width="6" height="6" patternUnits="userSpaceOnUse">
          <rect className="ground-teach" width="6" height="6" />
          <circle className="ink-teach" cx="3" cy="3" r="1.6" />
        </pattern>
        <pattern id="plot-refuse" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <rect className="ground-refuse" width="6" height="6" />
          <rect className="ink-refuse" width="3" height="6" />
        </pattern>
        <pattern id="plot-fault" width="6" height="6" patternUnits="userSpaceOnUse">
          <rect className="ground-fault" width="6" height="6" />
          <path className="line-fault" d="M0 0H6M0 0V6" />
        </pattern>
      </defs>
    </svg>
  );
}

export function Legend({ of = SERIES }: { of?: readonly Series[] }) {
  return (
    <ul className="legend">
      {of.map((series) => (
        <li key={series}>
          <svg width="18" height="12">
            <rect width="18" height="12" rx="3" fill={fill(series)} />
          </svg>
          {words.series[series]}
        </li>
      ))}
    </ul>
  );
}

const COMMON = { accessibilityLayer: false, margin: { top: 8, right: 8, bottom: 0, left: 0 } } as const;
const STILL = { isAnimationActive: false } as const;

/** Fills the width that there is; height in pixels. */
function Sized({ height, children }: { height: number; children: ReactElement }) {
  return (
    <ResponsiveContainer width="100%" height={height}>
      {children}
    </ResponsiveContainer>
  );
}

export function DecisionBars({ days }: { days: Day[] }) {
  return (
    <Sized height={250}>
      <BarChart data={days} {...COMMON} barCategoryGap="18%">
        <CartesianGrid vertical={false} />
        <XAxis dataKey="day" tickFormatter={shortDay} minTickGap={28} tickLine={false} />
        <YAxis width={38} allowDecimals={false} tickLine={false} axisLine={false} />
        <Tooltip content={Hint} cursor={{ className: "cursor" }} {...STILL} />
        {SERIES.map((series) => (
          <Bar key={series} dataKey={series} name={words.series[series]} stackId="all" fill={fill(series)} {...STILL} />
        ))}
      </BarChart>
    </Sized>
  );
}

export function CategoryBars({ categories }: { categories: Trends["categories"] }) {
  return (
    <>
      <Legend of={["refuse", "teach"]} />
      <Sized height={Math.max(120, categories.length * 34 + 30)}>
        <BarChart data={categories} layout="vertical" {...COMMON} barCategoryGap="26%">
          <CartesianGrid horizontal={false} />
          <XAxis type="number" allowDecimals={false} tickLine={false} />
          <YAxis type="category" dataKey="category" width={144} interval={0} tickLine={false} axisLine={false} />
          <Tooltip content={Hint} cursor={{ className: "cursor" }} {...STILL} />
          <Bar dataKey="refuse" name={words.series.refuse} stackId="all" fill={fill("refuse")} {...STILL} />
          <Bar dataKey="teach" name={words.series.teach} stackId="all" fill={fill("teach")} {...STILL} />
        </BarChart>
      </Sized>
    </>
  );
}

export function DriftLine({ drift }: { drift: Trends["drift"] }) {
  const top = Math.ceil(Math.max(0.3, ...drift.map(({ psi }) => psi ?? 0)) * 10);
  const label = (value: string) => ({ value, position: "right" }) as const;
  return (
    <Sized height={230}>
      <LineChart data={drift} {...COMMON} margin={{ ...COMMON.margin, right: 62 }}>
        <CartesianGrid vertical={false} />
        <XAxis dataKey="day" tickFormatter={shortDay} minTickGap={28} tickLine={false} />
        <YAxis width={44} domain={[0, top / 10]} tickCount={Math.min(top + 1, 6)} tickLine={false} axisLine={false} />
        <Tooltip content={Hint} {...STILL} />
        <ReferenceLine y={MARKS.watch} className="mark-watch" label={label(words.marks.watch)} />
        <ReferenceLine y={MARKS.act} className="mark-act" label={label(words.marks.act)} />
        <Line dataKey="psi" name={words.index} dot={{ r: 2.5 }} connectNulls={false} {...STILL} />
      </LineChart>
    </Sized>
  );
}

interface Pointed {
  active?: boolean;
  label?: string | number;
  payload?: readonly { name?: unknown; value?: unknown }[];
}

/** What is under the pointer, in words. */
function Hint({ active, label, payload = [] }: Pointed) {
  if (!active || payload.length === 0) return null;
  const title = String(label ?? "");
  return (
    <dl className="pointed">
      <dt>{/^\d{4}-\d\d-\d\d$/.test(title) ? shortDay(title) : title}</dt>
      {payload.map(({ name, value }) => (
        <dd key={String(name)}>
          {String(name)} <strong>{typeof value === "number" ? texts.audit.number(value) : texts.audit.empty}</strong>
        </dd>
      ))}
    </dl>
  );
}
