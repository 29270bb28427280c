// The prompts of the generation command: of --prompt, a file, or stdin.

import type { ProcessGroup } from "../distributed/group.ts";
import type { ChatMessage } from "../train/chat_template.ts";
import { utf8Chunks } from "../train/data/utf8_text.ts";
import type { GenerateFlags } from "./generate_options.ts";

/** A text to continue, or messages to answer. */
export type Prompt = string | readonly ChatMessage[];

/** Prompts, and whether there may be several, which are then reported one by one. */
export interface Prompts {
  readonly prompts: readonly Prompt[];
  readonly isList: boolean;
}

/** Reads the prompts. @throws {Error} if there are none, or a file cannot be read */
export async function readPrompts(
  { prompt, prompts: file, chat, system }: GenerateFlags,
): Promise<Prompts> {
  const asPrompt = (text: string): Prompt => {
    if (!chat) return text;
    const message = { role: "user", content: text };
    return system === undefined ? [message] : [{ role: "system", content: system }, message];
  };
  if (prompt !== undefined) return { prompts: prompt.map(asPrompt), isList: prompt.length > 1 };
  if (file !== undefined) {
    const lines = (await readUtf8(file)).split(/\r?\n/);
    const numbered = lines.map((line, at) => ({ line, at: `${file}:${at + 1}` }))
      .filter(({ line }) => line.trim() !== "");
    if (numbered.length === 0) throw new Error(`${file} has no prompts: write one a line`);
    const read = file.endsWith(".jsonl")
      ? numbered.map(({ line, at }) => promptIn(line, { at, asPrompt, chat }))
      : numbered.map(({ line }) => asPrompt(line));
    return { prompts: read, isList: true };
  }
  if (Deno.stdin.isTerminal()) {
    throw new Error("there is no prompt: give --prompt, --prompts, or text on stdin");
  }
  const text = (await new Response(Deno.stdin.readable).text()).replace(/\r?\n$/, "");
  if (text === "") throw new Error("stdin is empty: give a text on it, or --prompt or --prompts");
  return { prompts: [asPrompt(text)], isList: false };
}

/** The first rank's texts, as tokens, on every rank; all ranks of the group call it together. */
export async function shareTexts(
  group: ProcessGroup,
  own: readonly (readonly number[])[],
): Promise<readonly (readonly number[])[]> {
  if (group.size === 1) return own;
  const flat = Uint32Array.from([own.length, ...own.map(({ length }) => length), ...own.flat()]);
  const size = Uint32Array.of(flat.length);
  await group.broadcast(size, 0, { label: "length of the prompts" });
  const all = group.rank === 0 ? flat : new Uint32Array(size[0]);
  await group.broadcast(all, 0, { label: "prompts" });
  let begin = 1 + all[0];
  return Array.from(
    all.subarray(1, 1 + all[0]),
    (length) => [...all.subarray(begin, begin += length)],
  );
}

/** @throws {Error} naming the file and what is wrong with it */
async function readUtf8(file: string): Promise<string> {
  let bytes;
  try {
    bytes = await Deno.readFile(file);
  } catch (error) {
    const reason = error instanceof Deno.errors.NotFound
      ? "there is no such file"
      : error instanceof Error
      ? error.message
      : error;
    throw new Error(`Cannot read --prompts ${file}: ${reason}; give a file of prompts`, {
      cause: error,
    });
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of utf8Chunks(chunksOf(bytes), file)) chunks.push(chunk);
  return await new Blob(chunks as BlobPart[]).text();
}

async function* chunksOf(bytes: Uint8Array<ArrayBuffer>) {
  yield await Promise.resolve(bytes);
}

function promptIn(
  line: string,
  { at, asPrompt, chat }: {
    readonly at: string;
    readonly asPrompt: (text: string) => Prompt;
    readonly chat: boolean;
  },
): Prompt {
  let value: { readonly prompt?: unknown; readonly messages?: unknown };
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new Error(`${at} is not JSON: ${(cause as Error).message}`, { cause });
  }
  if (typeof value?.prompt === "string") return asPrompt(value.prompt);
  if (chat && Array.isArray(value?.messages)) return value.messages;
  throw new Error(
    `${at} has no "prompt"${chat ? ' and no "messages"' : ""}: write {"prompt": "..."}`,
  );
}
