/** The graph: boxes that can be chosen, by pointer or keyboard, and arrows between them. */
import { type KeyboardEvent, useId, useMemo, useState } from "react";
import type { Promotion } from "../../auditing/calls";
import { type Box, type Node, type Picture, pictureOf } from "../../auditing/lineage";
import { texts } from "../../texts";
import { Chip, Digest } from "./parts";

const words = texts.audit.lineage;
const HEAD = { markerWidth: 9, markerHeight: 9, orient: "auto" };
const ROOM = 19; // letters of a name that fit into a box

export function LineagePicture({ promotions }: { promotions: Promotion[] }) {
  const picture = useMemo(() => pictureOf(promotions), [promotions]);
  const [chosen, setChosen] = useState<string | null>(null);
  const node = picture.boxes.find(({ id }) => id === chosen);
  return (
    <div className="card lineage">
      <p className="hint">{words.hint}</p>
      <Graph picture={picture} chosen={chosen} choose={setChosen} />
      <div aria-live="polite">{node && <Chosen node={node} />}</div>
    </div>
  );
}

interface GraphProps {
  picture: Picture;
  chosen: string | null;
  choose: (id: string) => void;
}

function Graph({ picture: { width, height, boxes, arrows }, chosen, choose }: GraphProps) {
  const head = useId();
  return (
    <div className="scroll">
      <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="group" aria-label={words.picture}>
        <defs>
          <marker id={head} viewBox="0 0 8 8" refX="7" refY="4" markerUnits="userSpaceOnUse" {...HEAD}>
            <path className="arrow" d="M0 0L8 4L0 8z" />
          </marker>
        </defs>
        {arrows.map(({ from, to, path }) => (
          <path
            key={`${from}>${to}`}
            className="edge"
            data-near={chosen === from || chosen === to}
            d={path}
            markerEnd={`url(#${head})`}
          />
        ))}
        {boxes.map((box) => (
          <BoxOf key={box.id} box={box} isChosen={box.id === chosen} choose={() => choose(box.id)} />
        ))}
      </svg>
    </div>
  );
}

function BoxOf({ box, isChosen, choose }: { box: Box; isChosen: boolean; choose: () => void }) {
  function onKeyDown(event: KeyboardEvent) {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    choose();
  }
  return (
    <g
      className="box"
      transform={`translate(${box.x} ${box.y})`}
      role="button"
      tabIndex={0}
      aria-pressed={isChosen}
      data-kind={box.kind}
      data-active={box.active}
      data-gates={gatesState(box)}
      onClick={choose}
      onKeyDown={onKeyDown}
    >
      <rect width={box.width} height={box.height} rx="10" />
      <text>
        {linesOf(box).map(({ className, text }, at) => (
          <tspan key={className} className={className} x="14" y={22 + at * 20}>
            {`${text} `}
          </tspan>
        ))}
      </text>
    </g>
  );
}

function linesOf(box: Box): { className: string; text: string }[] {
  return [
    { className: "kind", text: `${words.kinds[box.kind]}${box.active ? ` · ${words.active}` : ""}` },
    { className: "name", text: shortened(box.name) },
    { className: "small", text: box.digest?.startsWith(box.name) ? "" : (box.digest?.slice(0, 16) ?? "") },
    { className: "gates", text: gatesSaid(box) },
  ].filter(({ text }) => text);
}

function Chosen({ node }: { node: Node }) {
  return (
    <div className="chosen">
      <h3>
        {words.kinds[node.kind]} <code>{node.name}</code>
      </h3>
      <p>
        {words.digest} {node.digest ? <Digest of={node.digest} /> : <span className="hint">{words.noDigest}</span>}
      </p>
      {node.kind === "model" && <p className="hint">{node.active ? words.active : words.retired}</p>}
      {node.gates.length > 0 && (
        <p className="row">
          {node.gates.map(({ name, passed }) => (
            <Chip key={name} tone={passed ? "good" : "bad"}>
              {name} {passed ? words.passed : words.failed}
            </Chip>
          ))}
        </p>
      )}
    </div>
  );
}

function gatesState({ kind, gates }: Node): "passed" | "failed" | "none" {
  if (kind !== "model" || gates.length === 0) return "none";
  return gates.every(({ passed }) => passed) ? "passed" : "failed";
}

function gatesSaid({ kind, gates }: Node): string {
  if (kind !== "model") return "";
  if (gates.length === 0) return words.noGates;
  const failed = gates.filter(({ passed }) => !passed).length;
  return `${failed ? "✕" : "✓"} ${words.gates(gates.length - failed, failed)}`;
}

function shortened(name: string): string {
  return name.length > ROOM ? `${name.slice(0, ROOM - 1)}…` : name;
}
