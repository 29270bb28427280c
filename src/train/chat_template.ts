// Chat templates of Hugging Face: a Jinja program that makes one text of the messages of a chat.

import { Template } from "@huggingface/jinja";
import { disk } from "../checkpoint/disk.ts";

/** A message of a chat. */
export interface ChatMessage {
  /** Who says it: "system", "user", "assistant" ... */
  readonly role: string;
  readonly content: string;
}

/** The chat template of a model. Its functions throw an `Error` if the template refuses the messages. */
export interface ChatTemplate {
  /** The text of messages, after which the assistant's answer follows. */
  render(messages: readonly ChatMessage[]): string;
  /** The text of a whole chat. */
  renderWhole(messages: readonly ChatMessage[]): string;
  /**
   * The text of a whole chat in parts, of which those between {% generation %} and {% endgeneration %} are targets of training;
   * undefined if the template has no such marks.
   */
  renderMarked(messages: readonly ChatMessage[]): MarkedText[] | undefined;
}

/** A part of the text of a chat. */
export interface MarkedText {
  readonly text: string;
  /** Whether a model learns to write it. */
  readonly isTarget: boolean;
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
  return chatTemplate(source, settings);
}

/** A template from its text; `settings` has the special tokens that it may name, as tokenizer_config.json does. */
export function chatTemplate(
  source: string,
  settings: Readonly<Record<string, unknown>> = {},
): ChatTemplate {
  const tokens = Object.fromEntries(
    ["bos_token", "eos_token", "unk_token", "pad_token"].map((
      name,
    ) => [name, textOf(settings[name])]),
  );
  const renderer = (text: string, isPrompt: boolean) => {
    const template = new Template(text);
    return (messages: readonly ChatMessage[]) =>
      template.render({ messages, add_generation_prompt: isPrompt, ...tokens });
  };
  const isMarked = MARK.test(source);
  const renderWhole = renderer(source, false);
  const renderWithMarks = renderer(isMarked ? source.replaceAll(MARKS, asText) : "", false);
  return {
    render: renderer(source, true),
    renderWhole,
    renderMarked(messages) {
      if (!isMarked) return undefined;
      const pieces = renderWithMarks(messages).split(EDGE);
      if (pieces.join("") !== renderWhole(messages) || pieces.length % 2 === 0) {
        throw new Error(
          "the text that the chat template marks by {% generation %} cannot be found: its marks do not come in pairs",
        );
      }
      return pieces.map((text, k) => ({ text, isTarget: k % 2 === 1 }))
        .filter(({ text }) => text !== "");
    },
  };
}

const MARK = /{%-?\s*generation\s*-?%}/;
const MARKS = /{%(-?)\s*(?:end)?generation\s*(-?)%}/g;
/** A character that no text has. */
const EDGE = "\u{10fffe}";

/** A mark that writes a character, with the blanks around it as those around a mark. */
function asText(_mark: string, before: string, after: string): string {
  return `{%${before} if true %}{{ "${EDGE}" }}{% endif ${after}%}`;
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
