/** The conversations of this browser. */
import { Plus, Trash2 } from "lucide-react";
import { AlertDialog } from "radix-ui";
import type { Conversation } from "../conversations";
import { texts } from "../texts";
import { useTutorOf } from "./TutorContext";

export function Sidebar({ chosen }: { chosen: () => void }) {
  const tutor = useTutorOf();
  const choose = (id: string | null) => {
    tutor.open(id);
    chosen();
  };
  return (
    <>
      <button className="quiet wide start" onClick={() => choose(null)}>
        <Plus aria-hidden />
        {texts.nav.fresh}
      </button>
      <nav className="conversations" aria-label={texts.nav.history}>
        <ul>
          {tutor.conversations.map((conversation) => (
            <li key={conversation.id} data-open={conversation.id === tutor.current.id}>
              <button
                className="title"
                onClick={() => choose(conversation.id)}
                dir="auto"
                aria-current={conversation.id === tutor.current.id ? "page" : undefined}
              >
                {titleOf(conversation)}
              </button>
              <Remove conversation={conversation} />
            </li>
          ))}
        </ul>
      </nav>
      <p className="hint">{texts.nav.local}</p>
    </>
  );
}

function Remove({ conversation }: { conversation: Conversation }) {
  const tutor = useTutorOf();
  const label = texts.nav.remove(titleOf(conversation));
  return (
    <AlertDialog.Root>
      <AlertDialog.Trigger className="icon" aria-label={label}>
        <Trash2 aria-hidden />
      </AlertDialog.Trigger>
      <AlertDialog.Portal>
        <div className="shade" />
        <AlertDialog.Content className="dialog small">
          <AlertDialog.Title>{texts.nav.confirm}</AlertDialog.Title>
          <AlertDialog.Description>{texts.nav.confirmText}</AlertDialog.Description>
          <div className="row end">
            <AlertDialog.Cancel className="quiet">{texts.cancel}</AlertDialog.Cancel>
            <AlertDialog.Action className="danger" onClick={() => tutor.remove(conversation.id)}>
              {texts.nav.confirmButton}
            </AlertDialog.Action>
          </div>
        </AlertDialog.Content>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}

function titleOf(conversation: Conversation): string {
  return conversation.turns[0]?.question.slice(0, 120) ?? texts.nav.untitled;
}
