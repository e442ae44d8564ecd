/** What every page behind the sign-in has around it: name, pages and person at the side; on a phone they are a drawer. */
import { LogOut, Menu } from "lucide-react";
import { Dialog } from "radix-ui";
import { type ReactNode, use, useState } from "react";
import { Link, useLocation } from "wouter";
import { pagesOf } from "../pages";
import "../styles/dialog.css";
import "../styles/frame.css";
import { texts } from "../texts";
import { HeldContext } from "./knowledge/HeldContext";
import { Mark } from "./Mark";
import { useSession } from "./SessionContext";

interface Props {
  /** What this page has at the side, below the pages; `close` shuts the drawer. */
  side?: (close: () => void) => ReactNode;
  /** Where "skip to the content" leads. */
  content?: string;
  children: ReactNode;
}

export function Frame({ side, content = "content", children }: Props) {
  const [isOpen, setIsOpen] = useState(false);
  const close = () => setIsOpen(false);
  const inner = <Side close={close}>{side?.(close)}</Side>;
  return (
    <>
      <a className="skip" href={`#${content}`}>
        {texts.nav.skip}
      </a>
      <div className="shell">
        <aside className="side" aria-label={texts.nav.menu}>
          {inner}
        </aside>
        <header className="bar">
          <Dialog.Root open={isOpen} onOpenChange={setIsOpen}>
            <Dialog.Trigger className="icon" aria-label={texts.nav.menu}>
              <Menu aria-hidden />
            </Dialog.Trigger>
            <Dialog.Portal>
              <div className="shade" />
              <Dialog.Content className="drawer" aria-describedby={undefined}>
                <Dialog.Title className="hidden">{texts.nav.menu}</Dialog.Title>
                {inner}
              </Dialog.Content>
            </Dialog.Portal>
          </Dialog.Root>
          <Mark />
        </header>
        <main className="middle" id={content === "content" ? content : undefined} tabIndex={-1}>
          {children}
        </main>
      </div>
    </>
  );
}

function Side({ close, children }: { close: () => void; children: ReactNode }) {
  return (
    <div className="side-inner">
      <Mark />
      <PageLinks chosen={close} />
      <div className="side-own">{children}</div>
      <Person />
    </div>
  );
}

function PageLinks({ chosen }: { chosen: () => void }) {
  const [here] = useLocation();
  const { held } = use(HeldContext);
  const pages = pagesOf(useSession().session.role).filter(({ name }) => name !== "knowledge" || held);
  return (
    <nav className="pages" aria-label={texts.nav.pages}>
      {pages.map(({ path, name }) => (
        <Link key={path} href={path} onClick={chosen} aria-current={here === path ? "page" : undefined}>
          {texts.pages[name]}
        </Link>
      ))}
    </nav>
  );
}

function Person() {
  const { session, signOut } = useSession();
  return (
    <footer className="who">
      <span className="avatar" aria-hidden="true">
        {session.subject.slice(0, 1).toUpperCase()}
      </span>
      <span className="name">
        <strong>{session.subject}</strong>
        {session.tenant} · {session.role}
      </span>
      <button
        className="icon"
        onClick={() => void signOut()}
        aria-label={texts.nav.signOut}
        title={texts.nav.signOut}
      >
        <LogOut aria-hidden />
      </button>
    </footer>
  );
}
