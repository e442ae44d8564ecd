/** Shares as bars, for the eye alone: who draws it tells the numbers too. */
import { Bar, BarChart, LabelList, ResponsiveContainer, XAxis, YAxis } from "recharts";
import { type Bar as Share, percent } from "../../review/agreement";

const ROW_PX = 44;

export default function Bars({ bars }: { bars: Share[] }) {
  return (
    <div className="bars" aria-hidden="true">
      <ResponsiveContainer width="100%" height={bars.length * ROW_PX + 8}>
        <BarChart
          data={bars}
          layout="vertical"
          margin={{ top: 0, right: 48, bottom: 0, left: 0 }}
          accessibilityLayer={false}
          barCategoryGap={12}
        >
          <XAxis type="number" domain={[0, 1]} hide />
          <YAxis
            type="category"
            dataKey="name"
            width={104}
            axisLine={false}
            tickLine={false}
            tick={{ fill: "var(--ink)", fontSize: 14 }}
          />
          <Bar
            dataKey="share"
            fill="var(--accent)"
            radius={6}
            background={{ fill: "var(--sunken)", radius: 6 }}
            isAnimationActive={false}
          >
            <LabelList
              dataKey="share"
              position="right"
              fill="var(--ink)"
              fontSize={14}
              formatter={(share: unknown) => percent(Number(share))}
            />
          </Bar>
        </BarChart>
      </ResponsiveContainer>
    </div>
  );
}
