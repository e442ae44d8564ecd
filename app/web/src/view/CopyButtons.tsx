/** Takes a whole answer along: with the line that tells people, and with the receipt that tells machines. */
import { Check, Copy, FileBadge } from "lucide-react";
import { useState } from "react";
import type { Preceptor } from "../api";
import { isQuoted } from "../knowledge/sources";
import { copy } from "../proof/copied";
import { footer, timeOf } from "../provenance";
import { texts } from "../texts";
import { useSearchAddress } from "./PlaceContext";
import { useTutorOf } from "./TutorContext";

type What = "text" | "proof";

const SAID = {
  text: { icon: Copy, label: texts.chat.copy, done: texts.chat.copied },
  proof: { icon: FileBadge, label: texts.search.copyProof, done: texts.search.copiedProof },
};

export function CopyButtons({ preceptor, shown }: { preceptor: Preceptor; shown: string }) {
  const { session } = useTutorOf();
  const address = useSearchAddress();
  const source = { request_id: preceptor.request_id, time: timeOf(preceptor) };
  const line = footer(session.subject, source, address, isQuoted(preceptor));
  return (
    <span className="copies">
      <CopyButton what="text" content={copy(shown, line)} />
      {preceptor.receipt && <CopyButton what="proof" content={copy(shown, line, preceptor.receipt)} />}
    </span>
  );
}

function CopyButton({ what, content }: { what: What; content: string }) {
  const [isDone, setIsDone] = useState(false);
  const { icon: Icon, label, done } = SAID[what];
  const said = isDone ? done : label;
  async function take() {
    await navigator.clipboard.writeText(content);
    setIsDone(true);
    setTimeout(() => setIsDone(false), 2000);
  }
  return (
    <button className="icon" onClick={() => void take().catch(() => undefined)} aria-label={said} title={said}>
      {isDone ? <Check aria-hidden /> : <Icon aria-hidden />}
    </button>
  );
}
