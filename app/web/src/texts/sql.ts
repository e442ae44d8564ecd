/** What auditors read where they ask in SQL. */
import { plural } from "./plural";

export const sql = {
  title: "Ask the log",
  lead: "One SELECT over the views, in DuckDB’s SQL. Text columns are empty: words need the reviewer’s door.",
  refusedTitle: "Free questions are for the operator",
  refused:
    "A question in SQL sees all tenants and cannot be cut down to yours. Records, alerts and charts show yours.",
  toRecords: "Look among the records",
  field: "Question",
  run: "Run",
  running: "Asking…",
  stop: "Stop",
  keys: "Ctrl + Enter runs it. At most 1,000 rows, at most a minute.",
  views: "Views",
  viewsHint: "Choose one to begin a question.",
  use: (view: string) => `Begin a question over ${view}`,
  columns: (count: number) => plural(count, "column", "columns"),
  examples: "Examples",
  ready: [
    [
      "Refusals by category",
      `select category, count(*) as refusals, round(avg(score), 3) as mean_score
from refusals
group by category
order by refusals desc`,
    ],
    [
      "Lessons that were passed",
      `select lesson, count(*) as shown, count(*) filter (passed) as passed
from lessons
group by lesson
order by shown desc`,
    ],
    [
      "Who opened text, and how much",
      `select ts, actor, subject, fields->>'records' as records
from records
where kind = 'access'
order by ts desc
limit 100`,
    ],
  ],
  rows: (count: number, seconds: string) => `${plural(count, "row", "rows")} in ${seconds} s`,
  truncated: "There are more rows: the first 1,000 are shown. Narrow the question, or use audit.query.",
  nothing: "The question was answered: there are no rows.",
  save: "Download as CSV",
  saveHint: "Made in this browser. Cells that a spreadsheet could run get an apostrophe before them.",
  null: "null",
  result: "Result",
} as const;
