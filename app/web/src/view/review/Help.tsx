/** Which key does what, and the switch that turns them off (WCAG 2.1.4). */
import { Keyboard, X } from "lucide-react";
import { Dialog } from "radix-ui";
import { SHORTCUTS } from "../../review/shortcuts";
import { texts } from "../../texts";

const words = texts.review.keys;

interface Props {
  isOpen: boolean;
  setIsOpen: (isOpen: boolean) => void;
  isOn: boolean;
  setIsOn: (isOn: boolean) => void;
}

export function Help({ isOpen, setIsOpen, isOn, setIsOn }: Props) {
  return (
    <Dialog.Root open={isOpen} onOpenChange={setIsOpen}>
      <Dialog.Portal>
        <div className="shade" />
        <Dialog.Content className="dialog keys-help">
          <div className="dialog-head">
            <Dialog.Title>{words.title}</Dialog.Title>
            <Dialog.Close className="icon" aria-label={texts.close}>
              <X aria-hidden />
            </Dialog.Close>
          </div>
          <Dialog.Description>{words.lead}</Dialog.Description>
          <dl className="keys">
            <Key name={words.enter} does={words.open} />
            {Object.entries(SHORTCUTS).map(([key, command]) => (
              <Key key={key} name={key} does={words.commands[command]} />
            ))}
            <Key name={words.send} does={words.sendLead} />
          </dl>
          <label className="tick">
            <input type="checkbox" checked={isOn} onChange={(event) => setIsOn(event.target.checked)} />
            <span>
              <strong>{isOn ? words.on : words.off}</strong>
              <span className="hint">{words.onLead}</span>
            </span>
          </label>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Key({ name, does }: { name: string; does: string }) {
  return (
    <div>
      <dt>
        <kbd>{name}</kbd>
      </dt>
      <dd>{does}</dd>
    </div>
  );
}

/** What opens it, for who does not know the key. */
export function HelpButton({ help }: { help: () => void }) {
  return (
    <button className="quiet slim help-button" onClick={help}>
      <Keyboard aria-hidden />
      <span>{words.button}</span>
    </button>
  );
}
