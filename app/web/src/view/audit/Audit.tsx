/** What auditors look at: one tab for each question that they have. The open tab is in the address. */
import { Tabs } from "radix-ui";
import { type ComponentType, lazy, Suspense, useEffect, useRef } from "react";
import { useSearchParams } from "wouter";
import "../../styles/audit.css";
import { texts } from "../../texts";
import { Frame } from "../Frame";
import Overview from "./Overview";
import Records from "./Records";

const words = texts.audit;

type Tab = keyof typeof words.tabs;

const VIEWS: Record<Tab, ComponentType> = {
  overview: Overview,
  records: Records,
  alerts: lazy(() => import("./Alerts")),
  lineage: lazy(() => import("./Lineage")),
  reports: lazy(() => import("./Reports")),
  sql: lazy(() => import("./Sql")),
};
const TABS = Object.keys(VIEWS) as Tab[];

export default function Audit() {
  const [address, setAddress] = useSearchParams();
  const open = TABS.find((tab) => tab === address.get("tab")) ?? "overview";
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    list.current?.querySelector("[data-state=active]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [open]);
  return (
    <Frame>
      <div className="page audit">
        <header>
          <h1>{words.title}</h1>
          <p className="lead">{words.lead}</p>
        </header>
        <Tabs.Root value={open} onValueChange={(tab) => setAddress(new URLSearchParams({ tab }))}>
          <Tabs.List ref={list} className="tabs" aria-label={words.title}>
            {TABS.map((tab) => (
              <Tabs.Trigger key={tab} value={tab}>
                {words.tabs[tab]}
              </Tabs.Trigger>
            ))}
          </Tabs.List>
          {TABS.map((tab) => (
            <Content key={tab} tab={tab} />
          ))}
        </Tabs.Root>
      </div>
    </Frame>
  );
}

function Content({ tab }: { tab: Tab }) {
  const View = VIEWS[tab];
  return (
    <Tabs.Content value={tab} className="tab">
      <Suspense
        fallback={
          <p className="hint" role="status">
            {texts.loading}
          </p>
        }
      >
        <View />
      </Suspense>
    </Tabs.Content>
  );
}
