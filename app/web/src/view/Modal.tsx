/** A dialog of the browser's own: above everything, keeps the focus, and works inside of a shadow tree. */
import { X } from "lucide-react";
import { type ReactNode, useId, useLayoutEffect, useRef } from "react";
import "../styles/dialog.css";
import { texts } from "../texts";

interface Props {
  title: string;
  closed: () => void;
  children: ReactNode;
}

/** Open for as long as it is drawn; `closed` has to take it away. */
export function Modal({ title, closed, children }: Props) {
  const place = useRef<HTMLDialogElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    if (!place.current?.open) place.current?.showModal();
  }, []);
  return (
    <dialog ref={place} className="dialog" aria-labelledby={id} onClose={closed}>
      <div className="dialog-head">
        <h2 id={id}>{title}</h2>
        <button className="icon" aria-label={texts.close} onClick={() => place.current?.close()}>
          <X aria-hidden />
        </button>
      </div>
      {children}
    </dialog>
  );
}
