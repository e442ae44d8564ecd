/** The tutor's page: conversations at the side, the open one in the middle. */
import { AssistantRuntimeProvider, type ThreadMessageLike, useExternalStoreRuntime } from "@assistant-ui/react";
import { Menu } from "lucide-react";
import { Dialog } from "radix-ui";
import { useMemo, useState } from "react";
import type { ApiError, Session } from "../api";
import type { Turn } from "../conversations";
import "../styles/chat.css";
import { texts } from "../texts";
import { type Tutor, useTutor } from "../useTutor";
import { Mark } from "./Mark";
import { Sidebar } from "./Sidebar";
import { Thread } from "./Thread";
import { TutorContext } from "./TutorContext";

export default function Chat({
  session,
  turnedAway,
  signOut,
}: {
  session: Session;
  turnedAway: (error: ApiError) => void;
  signOut: () => Promise<void>;
}) {
  const tutor = useTutor(session, turnedAway);
  const runtime = useRuntimeOf(tutor);
  const [isOpen, setIsOpen] = useState(false);
  const sidebar = <Sidebar signOut={() => void signOut()} chosen={() => setIsOpen(false)} />;

  return (
    <TutorContext value={tutor}>
      <AssistantRuntimeProvider runtime={runtime}>
        <a className="skip" href="#question">
          {texts.nav.skip}
        </a>
        <div className="shell">
          <nav className="side" aria-label={texts.nav.menu}>
            {sidebar}
          </nav>
          <header className="bar">
            <Dialog.Root open={isOpen} onOpenChange={setIsOpen}>
              <Dialog.Trigger className="icon" aria-label={texts.nav.menu}>
                <Menu aria-hidden />
              </Dialog.Trigger>
              <Dialog.Portal>
                <div className="shade" />
                <Dialog.Content className="drawer" aria-describedby={undefined}>
                  <Dialog.Title className="hidden">{texts.nav.menu}</Dialog.Title>
                  {sidebar}
                </Dialog.Content>
              </Dialog.Portal>
            </Dialog.Root>
            <Mark />
          </header>
          <main className="middle">
            {!tutor.isStored && (
              <p className="notice" role="status">
                {texts.faults.storage}
              </p>
            )}
            <Thread />
          </main>
        </div>
      </AssistantRuntimeProvider>
    </TutorContext>
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
