/** One question over OpenAI's event stream: pieces of text as they come, then the decision and its receipt. */
import { ApiError, errorOf, type Preceptor, send } from "./api";

export interface Message {
  role: "user" | "assistant";
  content: string;
}

export interface Ending {
  finish: string;
  preceptor: Preceptor;
}

/** Which record an answer belongs to, known before its first word. */
export interface Source {
  request_id: string;
  time: string;
}

export interface Listener {
  onStart: (source: Source) => void;
  onText: (piece: string) => void;
}

interface Chunk {
  choices?: { delta?: { content?: string }; finish_reason?: string | null }[];
  preceptor?: Preceptor;
  error?: unknown;
}

/** Ask; the listener gets each piece. Raises ApiError, also for a stream that ends without its last chunk. */
export async function ask(
  model: string,
  messages: Message[],
  signal: AbortSignal,
  { onStart, onText }: Listener,
): Promise<Ending> {
  const response = await send("POST", "/v1/chat/completions", { model, messages, stream: true }, signal);
  onStart(sourceOf(response));
  let ending: Ending | null = null;
  try {
    for await (const data of events(response.body)) {
      if (data === "[DONE]") break;
      const chunk = JSON.parse(data) as Chunk;
      if (chunk.error) throw errorOf(chunk, 503);
      const choice = chunk.choices?.[0];
      if (choice?.delta?.content) onText(choice.delta.content);
      if (chunk.preceptor) ending = { finish: choice?.finish_reason ?? "stop", preceptor: chunk.preceptor };
    }
  } catch (error) {
    if (signal.aborted || error instanceof ApiError) throw error;
    throw new ApiError(0, "broken", "the stream broke");
  }
  if (!ending) throw new ApiError(0, "broken", "the stream ended early");
  return ending;
}

/** The time is the server's, so that a wrong clock here does not show. */
function sourceOf({ headers }: Response): Source {
  return {
    request_id: headers.get("x-preceptor-request-id") ?? "",
    time: inUtc(new Date(Date.parse(headers.get("date") ?? "") || Date.now())),
  };
}

/** To the second, as people compare it. */
export function inUtc(time: Date): string {
  return `${time.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** The data of each server-sent event, however the bytes are cut. */
export async function* events(body: ReadableStream<Uint8Array> | null): AsyncGenerator<string> {
  const reader = body?.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let held = "";
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    const blocks = (held + part.value.replaceAll("\r", "")).split("\n\n");
    held = blocks.pop() ?? "";
    for (const block of blocks) {
      const lines = block.split("\n").filter((line) => line.startsWith("data:"));
      if (lines.length > 0) yield lines.map((line) => line.slice(5).trimStart()).join("\n");
    }
  }
}
