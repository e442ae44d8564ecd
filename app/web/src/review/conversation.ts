/** The records of an exchange as a reviewer reads them. */
import type { Opened } from "./desk";

export interface Message {
  role: string;
  content: string;
}

/** What was asked: the request's text is its messages as JSON; what is none is shown as it stands. */
export function messagesOf(text: string): Message[] {
  const whole = [{ role: "user", content: text }];
  try {
    const { messages } = JSON.parse(text) as { messages?: unknown };
    return Array.isArray(messages) && messages.length > 0 ? messages.map(message) : whole;
  } catch {
    return whole;
  }
}

function message(value: unknown): Message {
  const { role, content } = (value ?? {}) as { role?: unknown; content?: unknown };
  return { role: typeof role === "string" ? role : "user", content: inText(content) };
}

/** OpenAI allows a text, or parts of which some are texts. */
function inText(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return JSON.stringify(content) ?? "";
  return content
    .map((part: unknown) => (part as { text?: unknown } | null)?.text)
    .map((text) => (typeof text === "string" ? text : "[…]"))
    .join("\n");
}

/** A record that says nothing but how the answer ended; its text is in the windows before it. */
export function isEnd({ kind, text }: Opened): boolean {
  return text === null && ["answer", "fault", "interrupted"].includes(kind);
}
