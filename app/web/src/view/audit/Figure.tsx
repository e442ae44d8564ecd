/** A picture with its title, the sentence that says what it means, and the same as a table. */
import type { ReactNode } from "react";
import { texts } from "../../texts";

export interface TableOf {
  heads: string[];
  rows: (string | number)[][];
}

interface Props {
  title: string;
  says: string;
  table: TableOf | null;
  wide?: boolean;
  children?: ReactNode;
}

/** The picture itself is hidden from screen readers: the sentence and the table are for them, and for everybody. */
export function Figure({ title, says, table, wide = false, children }: Props) {
  return (
    <figure className="card figure" data-wide={wide}>
      <figcaption>
        <h3>{title}</h3>
        <p className="hint">{says}</p>
      </figcaption>
      {children && (
        <div className="plot" aria-hidden="true">
          {children}
        </div>
      )}
      {table && (
        <details>
          <summary>{texts.audit.asTable}</summary>
          <div className="scroll" tabIndex={0} role="region" aria-label={title}>
            <table className="grid">
              <thead>
                <tr>
                  {table.heads.map((head) => (
                    <th key={head} scope="col">
                      {head}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {table.rows.map((row) => (
                  <tr key={row[0]}>
                    {row.map((cell, at) => (
                      <td key={table.heads[at]}>{typeof cell === "number" ? texts.audit.number(cell) : cell}</td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </details>
      )}
    </figure>
  );
}
