/** The rows that a question brought, and the same as a file. */
import { Download } from "lucide-react";
import type { Table } from "../../auditing/calls";
import { plain, toCsv } from "../../auditing/csv";
import { download } from "../../auditing/download";
import { texts } from "../../texts";

const words = texts.audit.sql;
const NUMBERS = /^u?(int|bigint|smallint|tinyint|hugeint|integer|float|double|decimal)/i;

export function ResultTable({ table, seconds }: { table: Table; seconds: number }) {
  return (
    <>
      <div className="row between">
        <p className="hint" role="status">
          {words.rows(table.rows.length, seconds.toFixed(1))}
        </p>
        <button className="quiet" onClick={() => save(table)}>
          <Download aria-hidden />
          {words.save}
        </button>
      </div>
      {table.truncated && <p className="notice">{words.truncated}</p>}
      <div className="scroll tall" tabIndex={0} role="region" aria-label={words.result}>
        <table className="grid">
          <thead>
            <tr>
              {table.columns.map(({ name, type }, at) => (
                <th key={at} scope="col" data-number={NUMBERS.test(type)}>
                  {name}
                  <span className="hint">{type.toLowerCase()}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {table.rows.map((row, at) => (
              <tr key={at}>
                {row.map((value, place) => (
                  <Cell key={place} value={value} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className="hint">{words.saveHint}</p>
    </>
  );
}

function Cell({ value }: { value: unknown }) {
  if (value === null) return <td className="null">{words.null}</td>;
  return <td data-number={typeof value === "number"}>{plain(value)}</td>;
}

function save(table: Table): void {
  const name = `preceptor-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.csv`;
  download(new Blob([toCsv(table)], { type: "text/csv" }), name);
}
