/** What stands where nothing was asked yet. */
import { texts } from "../texts";
import { useTutorOf } from "./TutorContext";

export function Welcome({ heading: Heading }: { heading: "h1" | "h2" }) {
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
    </section>
  );
}
