/** The pages, and whose they are. The server judges each request anew; this only spares people closed doors. */
import type { texts } from "./texts";

export interface Page {
  path: string;
  name: Exclude<keyof typeof texts.pages, "missing" | "home">;
  /** Null: everybody's. */
  roles: readonly string[] | null;
}

const PAGES: readonly Page[] = [
  { path: "/", name: "learn", roles: null },
  { path: "/review", name: "review", roles: ["reviewer", "admin"] },
  { path: "/agreement", name: "agreement", roles: ["reviewer", "auditor", "admin"] },
  { path: "/audit", name: "audit", roles: ["auditor", "admin"] },
  { path: "/verify", name: "verify", roles: null },
  { path: "/knowledge", name: "knowledge", roles: null },
];

export function pagesOf(role: string): Page[] {
  return PAGES.filter(({ roles }) => roles === null || roles.includes(role));
}
