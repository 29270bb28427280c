// Chat templates of Hugging Face: a Jinja program that makes one text of the messages of a chat.

import { Template } from "@huggingface/jinja";
import { disk } from "../checkpoint/disk.ts";

/** A message of a chat. */
export interface ChatMessage {
  /** Who says it: "system", "user", "assistant" ... */
  readonly role: string;
  readonly content: string;
}

/** The chat template of a model. */
export interface ChatTemplate {
  /** The text of messages, after which the assistant's answer follows. @throws {Error} if the template refuses them */
  render(messages: readonly ChatMessage[]): string;
}

/**
 * Reads chat_template.jinja of a model's folder, or chat_template of its tokenizer_config.json.
 *
 * @throws {Error} if there is none, or it is no template.
 */
export async function readChatTemplate(folder: string): Promise<ChatTemplate> {
  const settingsPath = `${folder}/tokenizer_config.json`;
  const settings = await disk.has(settingsPath)
    ? JSON.parse(await disk.readText(settingsPath))
    : {};
  const file = `${folder}/chat_template.jinja`;
  const source = await disk.has(file)
    ? await disk.readText(file)
    : sourceIn(settings.chat_template);
  if (source === undefined) {
    throw new Error(
      `${folder} has no chat template (chat_template.jinja, or chat_template in tokenizer_config.json): it is no chat model; ` +
        "leave --chat out to continue text",
    );
  }
  const template = new Template(source);
  const tokens = Object.fromEntries(
    ["bos_token", "eos_token", "unk_token", "pad_token"].map((
      name,
    ) => [name, textOf(settings[name])]),
  );
  return {
    render: (messages) => template.render({ messages, add_generation_prompt: true, ...tokens }),
  };
}

/** A template, or the default one of several with names. */
function sourceIn(given: unknown): string | undefined {
  if (typeof given === "string") return given;
  if (!Array.isArray(given)) return undefined;
  return given.find(({ name }) => name === "default")?.template;
}

/** A special token is a text, or an object with one. */
function textOf(token: unknown): string {
  if (typeof token === "string") return token;
  const content = (token as { readonly content?: unknown } | null | undefined)?.content;
  return typeof content === "string" ? content : "";
}
