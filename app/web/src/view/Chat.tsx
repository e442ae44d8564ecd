/** The tutor's page: conversations at the side, the open one in the middle. */
import { AssistantRuntimeProvider, type ThreadMessageLike, useExternalStoreRuntime } from "@assistant-ui/react";
import { useMemo } from "react";
import type { Turn } from "../conversations";
import "../styles/chat.css";
import { texts } from "../texts";
import type { Tutor } from "../useTutor";
import { Frame } from "./Frame";
import { Sidebar } from "./Sidebar";
import { Thread } from "./Thread";
import { useTutorOf } from "./TutorContext";

export default function Chat() {
  const tutor = useTutorOf();
  const runtime = useRuntimeOf(tutor);
  return (
    <AssistantRuntimeProvider runtime={runtime}>
      <Frame content="question" side={(close) => <Sidebar chosen={close} />}>
        {!tutor.isStored && (
          <p className="notice" role="status">
            {texts.faults.storage}
          </p>
        )}
        <Thread />
      </Frame>
    </AssistantRuntimeProvider>
  );
}

interface Item {
  role: "user" | "assistant";
  turn: Turn;
}

/** assistant-ui keeps what it made of an item for as long as the item is the same object; so a turn has one pair. */
const pairs = new WeakMap<Turn, Item[]>();

function pairOf(turn: Turn): Item[] {
  const pair = pairs.get(turn) ?? [
    { role: "user", turn },
    { role: "assistant", turn },
  ];
  pairs.set(turn, pair);
  return pair;
}

function shown({ role, turn }: Item): ThreadMessageLike {
  const content = role === "user" ? turn.question : turn.text;
  return { id: `${turn.id}-${role}`, role, content, metadata: { custom: { turn } } };
}

function useRuntimeOf(tutor: Tutor) {
  const messages = useMemo(() => tutor.current.turns.flatMap(pairOf), [tutor.current]);
  return useExternalStoreRuntime<Item>({
    messages,
    isRunning: tutor.isRunning,
    convertMessage: shown,
    onNew: async ({ content }) => {
      const question = content
        .map((part) => (part.type === "text" ? part.text : ""))
        .join("")
        .trim();
      if (question) await tutor.ask(question);
    },
    onCancel: async () => tutor.stop(),
  });
}
