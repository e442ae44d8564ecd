/** Where models come from, as a graph: sources, dataset, run, adapter, model. Equal things are one node. */
import { Graph, layout } from "@dagrejs/dagre";
import type { Promotion } from "./calls";

export type NodeKind = "source" | "dataset" | "run" | "base" | "adapter" | "model";

export interface Gate {
  name: string;
  passed: boolean;
}

export interface Node {
  id: string;
  kind: NodeKind;
  /** What people call it; the digest where it has no name. */
  name: string;
  digest: string | null;
  active: boolean;
  gates: Gate[];
}

export interface Edge {
  from: string;
  to: string;
}

interface Point {
  x: number;
  y: number;
}

/** A node's box; x and y are its upper left corner. */
export interface Box extends Node, Point {
  width: number;
  height: number;
}

export interface Picture {
  width: number;
  height: number;
  boxes: Box[];
  /** `path` is the `d` of an SVG path. */
  arrows: (Edge & { path: string })[];
}

const WIDTH = 224;
/** A model's box has a line more, for its gates. */
const heightOf = ({ kind }: Node) => (kind === "model" ? 94 : 74);

/** JSON columns come parsed, or as text where the query gave them so. */
export function parsed(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    return null;
  }
}

/** The last result of each gate, in the order of the log. */
export function gatesOf({ gates }: Pick<Promotion, "gates">): Gate[] {
  const results = parsed(gates);
  const named = Array.isArray(results) ? results.filter(isGate) : [];
  return [...new Map(named.map(({ name, passed }) => [name, { name, passed }])).values()];
}

function isGate(value: unknown): value is Gate {
  const gate = value as Partial<Gate> | null;
  return typeof gate?.name === "string" && typeof gate.passed === "boolean";
}

interface Source {
  name: string;
  digest: string;
  licence: string;
}

export function sourcesOf({ sources }: Pick<Promotion, "sources">): Source[] {
  const listed = parsed(sources);
  return Array.isArray(listed) ? listed.filter((source) => typeof source?.name === "string") : [];
}

/** Nodes and edges of these promotions. */
export function graphOf(promotions: readonly Promotion[]): { nodes: Node[]; edges: Edge[] } {
  const nodes = new Map<string, Node>();
  const edges = new Map<string, Edge>();
  const add = (kind: NodeKind, name: string | null | undefined, digest: string | null, more: Partial<Node> = {}) => {
    const id = kind === "model" ? `model:${name}:${digest}` : `${kind}:${digest ?? name}`;
    const known = nodes.get(id);
    const active = Boolean(more.active) || Boolean(known?.active);
    nodes.set(id, { id, kind, name: name ?? digest?.slice(0, 12) ?? "", digest, gates: [], ...known, ...more, active });
    return id;
  };
  const join = (from: string | null, to: string | null) => {
    if (from && to && from !== to) edges.set(`${from}>${to}`, { from, to });
  };
  for (const one of promotions) {
    const model = add("model", one.name, one.model_digest, { active: one.active, gates: gatesOf(one) });
    const base = one.base && one.base !== one.name ? add("base", one.base, null) : null;
    const adapter = one.adapter_digest ? add("adapter", null, one.adapter_digest) : null;
    const run = one.run ? add("run", one.run, one.config_digest) : null;
    const dataset = one.dataset_digest ? add("dataset", one.dataset, one.dataset_digest) : null;
    for (const source of sourcesOf(one)) join(add("source", source.name, source.digest), dataset);
    join(dataset, run ?? adapter ?? model);
    join(run, adapter ?? model);
    join(adapter, model);
    join(base, run ?? adapter ?? model);
  }
  return { nodes: [...nodes.values()], edges: [...edges.values()] };
}

/** The graph laid out from above to below. */
export function pictureOf(promotions: readonly Promotion[]): Picture {
  const { nodes, edges } = graphOf(promotions);
  const graph = new Graph();
  graph.setGraph({ rankdir: "TB", nodesep: 24, ranksep: 44, marginx: 6, marginy: 6 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of nodes) graph.setNode(node.id, { width: WIDTH, height: heightOf(node) });
  for (const { from, to } of edges) graph.setEdge(from, to);
  layout(graph);
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  const boxes = nodes.map((node) => boxOf(node, graph.node(node.id) as Point));
  const found = new Map(boxes.map((box) => [box.id, box]));
  const arrows = edges.map((edge) => {
    const points = (graph.edge(edge.from, edge.to) as { points?: Point[] }).points ?? [];
    return { ...edge, path: pathOf(found.get(edge.from), found.get(edge.to), points) };
  });
  return { width, height, boxes, arrows };
}

function boxOf(node: Node, middle: Point): Box {
  const height = heightOf(node);
  return { ...node, width: WIDTH, height, x: middle.x - WIDTH / 2, y: middle.y - height / 2 };
}

/** From the lower edge of one box to the upper of the other, upright at both, past the boxes of ranks between. */
function pathOf(from: Box | undefined, to: Box | undefined, points: readonly Point[]): string {
  if (!from || !to) return "";
  const start = { x: from.x + from.width / 2, y: from.y + from.height };
  const end = { x: to.x + to.width / 2, y: to.y };
  const between = points.length > 3 ? points.slice(1, -1) : [];
  const stops = [...between.filter(({ y }) => y > start.y && y < end.y), end];
  return stops.reduce(
    ({ path, at }, stop) => ({ path: `${path}${curve(at, stop)}`, at: stop }),
    { path: `M${start.x} ${start.y}`, at: start },
  ).path;
}

function curve(from: Point, to: Point): string {
  const middle = (from.y + to.y) / 2;
  return `C${from.x} ${middle} ${to.x} ${middle} ${to.x} ${to.y}`;
}
