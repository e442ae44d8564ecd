/** What stands where nothing was asked yet. */
import type { ReactNode } from "react";
import { texts } from "../texts";
import { useTutorOf } from "./TutorContext";

interface Props {
  heading: "h1" | "h2";
  /** What is said below the questions. */
  children?: ReactNode;
}

export function Welcome({ heading: Heading, children }: Props) {
  const tutor = useTutorOf();
  return (
    <section className="welcome">
      <Heading>{texts.chat.title}</Heading>
      <p className="lead">{texts.chat.lead}</p>
      <ul>
        {texts.chat.suggestions.map((question) => (
          <li key={question}>
            <button className="suggestion" onClick={() => void tutor.ask(question)}>
              {question}
            </button>
          </li>
        ))}
      </ul>
      {children}
    </section>
  );
}
