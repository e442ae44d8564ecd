/** The conversations of this browser, and who is signed in. */
import { LogOut, Plus, Trash2 } from "lucide-react";
import { AlertDialog } from "radix-ui";
import type { Conversation } from "../conversations";
import { texts } from "../texts";
import { Mark } from "./Mark";
import { useTutorOf } from "./TutorContext";

export function Sidebar({ chosen, signOut }: { chosen: () => void; signOut: () => void }) {
  const tutor = useTutorOf();
  const choose = (id: string | null) => {
    tutor.open(id);
    chosen();
  };
  return (
    <div className="side-inner">
      <Mark />
      <button className="quiet wide start" onClick={() => choose(null)}>
        <Plus aria-hidden />
        {texts.nav.fresh}
      </button>
      <ul className="conversations">
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
      <footer>
        <p className="hint">{texts.nav.local}</p>
        <div className="who">
          <span className="avatar" aria-hidden="true">
            {tutor.session.subject.slice(0, 1).toUpperCase()}
          </span>
          <span className="name">
            <strong>{tutor.session.subject}</strong>
            {tutor.session.tenant} · {tutor.session.role}
          </span>
          <button className="icon" onClick={signOut} aria-label={texts.nav.signOut} title={texts.nav.signOut}>
            <LogOut aria-hidden />
          </button>
        </div>
      </footer>
    </div>
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
