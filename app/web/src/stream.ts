/** One question over OpenAI's event stream: pieces of text as they come, then the decision and its receipt. */
import { ApiError, errorOf, type Preceptor, type Send } from "./api";

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

/** A stream that stays silent for longer is broken: the server's own bounds are shorter (docs/limits.md). */
const SILENCE_MS = 240_000;

interface Chunk {
  id?: string;
  created?: number;
  choices?: { delta?: { content?: string }; finish_reason?: string | null }[];
  preceptor?: Preceptor;
  error?: unknown;
}

/** Ask; the listener gets each piece. Raises ApiError, also for a stream that ends without its last chunk. */
export async function ask(
  send: Send,
  model: string,
  messages: Message[],
  signal: AbortSignal,
  { onStart, onText }: Listener,
): Promise<Ending> {
  const response = await send("POST", "/v1/chat/completions", { model, messages, stream: true }, signal);
  let source: Source | null = null;
  let ending: Ending | null = null;
  try {
    for await (const data of events(response.body)) {
      if (data === "[DONE]") break;
      const chunk = JSON.parse(data) as Chunk;
      if (chunk.error) throw errorOf(chunk, 503);
      if (!source) onStart((source = sourceOf(chunk)));
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

/** Out of the first chunk: the time is the server's, so that a wrong clock here does not show. */
function sourceOf({ id = "", created }: Chunk): Source {
  return {
    request_id: id.replace("chatcmpl-", ""),
    time: created === undefined ? "" : inUtc(new Date(created * 1000)),
  };
}

/** To the second, as people compare it. */
export function inUtc(time: Date): string {
  return `${time.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** The data of each server-sent event, however the bytes are cut. */
export async function* events(body: ReadableStream<Uint8Array> | null, silenceMs = SILENCE_MS): AsyncGenerator<string> {
  const reader = body?.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  if (!reader) return;
  let held = "";
  for (;;) {
    const part = await within(silenceMs, reader);
    if (part.done) return;
    const blocks = (held + part.value.replaceAll("\r", "")).split("\n\n");
    held = blocks.pop() ?? "";
    for (const block of blocks) {
      const lines = block.split("\n").filter((line) => line.startsWith("data:"));
      if (lines.length > 0) yield lines.map((line) => line.slice(5).trimStart()).join("\n");
    }
  }
}

/** The next part; a connection that died without a word is closed, and raises ApiError. */
async function within(ms: number, reader: ReadableStreamDefaultReader<string>) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ApiError(0, "broken", "the stream fell silent")), ms);
  });
  try {
    return await Promise.race([reader.read(), silence]);
  } catch (error) {
    void reader.cancel().catch(() => undefined);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
