// The parts of a rendered chat that the assistant says, which are what a chat model learns.
//
// A template may mark them itself, by {% generation %} and {% endgeneration %}. Else they are found by rendering: of messages m_0 ... m_n,
// where m_i is the assistant's,
//
//   begin   length of the text of m_0 ... m_(i - 1), with the prompt for an answer     "...<|im_start|>assistant\n"
//   end     length of the text of m_0 ... m_i                                          "...<|im_start|>assistant\nHi!<|im_end|>\n"
//
// That holds only if both are beginnings of the text of all messages, which is verified: some templates leave the thoughts of earlier
// answers out, say.

import type { ChatMessage, ChatTemplate } from "../chat_template.ts";
import type { TextPart } from "./target_tokens.ts";

/** The parts of the text of `messages`, of which the assistant's are targets. @throws {Error} if they cannot be found, saying what to do */
export function assistantParts(
  messages: readonly ChatMessage[],
  template: ChatTemplate,
): TextPart[] {
  return template.renderMarked(messages) ?? partsByRendering(messages, template);
}

function partsByRendering(
  messages: readonly ChatMessage[],
  template: ChatTemplate,
): TextPart[] {
  const whole = template.renderWhole(messages);
  const parts: TextPart[] = [];
  let at = 0;
  const add = (end: number, isTarget: boolean) => {
    if (end > at) parts.push({ text: whole.slice(at, end), isTarget });
    at = end;
  };
  for (const [i, { role }] of messages.entries()) {
    if (role !== "assistant") continue;
    const upTo = (text: string) => {
      if (whole.startsWith(text)) return text.length;
      throw new Error(
        `the chat template changes the text of messages 1 to ${
          i + 1
        } when others follow, so the assistant's words cannot be ` +
          "found in it: mark them in the template by {% generation %} and {% endgeneration %}, or give every answer as a chat " +
          "of its own that ends with it",
      );
    };
    const prompt = upTo(template.render(messages.slice(0, i)));
    const end = i === messages.length - 1
      ? whole.length
      : upTo(template.renderWhole(messages.slice(0, i + 1)));
    add(prompt, false);
    add(end, true);
  }
  add(whole.length, false);
  return parts;
}
