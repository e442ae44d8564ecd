/** On the first screen: what can be looked up, and what is not there. */
import { use } from "react";
import { Link } from "wouter";
import { texts } from "../../texts";
import { unhidden } from "../../unhidden";
import { HeldContext } from "./HeldContext";

const words = texts.knowledge;

export function HeldHint() {
  const { held } = use(HeldContext);
  if (!held) return null;
  return (
    <p className="hint held">
      {words.hint(held.catalogues.length)} {held.absent.length > 0 && words.lacks(held.absent.map(unhidden))}{" "}
      <Link href="/knowledge">{words.more}</Link>
    </p>
  );
}
