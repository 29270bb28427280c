// The assistant's parts of chats, found by rendering and by the marks of templates.

import assert from "node:assert/strict";
import { chatTemplate } from "../../../src/train/chat_template.ts";
import { assistantParts } from "../../../src/train/tasks/assistant_parts.ts";

const message = (role: string, content: string) => ({ role, content });
const CHAT = [
  message("system", "Be brief."),
  message("user", "Hi"),
  message("assistant", "Hello!"),
  message("user", "2 + 2?"),
  message("assistant", "4"),
];

/** As SmolLM2's: a system message by default. */
const CHATML = "{% for m in messages %}{% if loop.first and messages[0]['role'] != 'system' %}" +
  "{{ '<|im_start|>system\nYou help.<|im_end|>\n' }}{% endif %}" +
  "{{'<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n'}}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

const targetsOf = (messages: typeof CHAT, source: string, settings = {}) => {
  const template = chatTemplate(source, settings);
  const parts = assistantParts(messages, template);
  assert.equal(parts.map(({ text }) => text).join(""), template.renderWhole(messages));
  return parts.filter(({ isTarget }) => isTarget).map(({ text }) => text);
};

Deno.test("the assistant's parts are its words and their end", () => {
  assert.deepEqual(targetsOf(CHAT, CHATML), ["Hello!<|im_end|>\n", "4<|im_end|>\n"]);
  assert.deepEqual(targetsOf(CHAT.slice(1, 3), CHATML), ["Hello!<|im_end|>\n"]);
  assert.deepEqual(targetsOf(CHAT.slice(0, 2), CHATML), []);
});

Deno.test("a template without a prompt for answers has parts after the user's", () => {
  const llama2 = "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}" +
    "[INST] {{ m.content }} [/INST]{% else %} {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}";
  assert.deepEqual(targetsOf(CHAT.slice(1), llama2, { bos_token: "<s>", eos_token: "</s>" }), [
    " Hello!</s>",
    " 4</s>",
  ]);
});

Deno.test("a template's own marks say which parts are the assistant's", () => {
  const marked = "{%- for m in messages %}\n" +
    "  {%- if m.role == 'assistant' %}\n" +
    "    {{- 'A: ' }}{% generation %}{{ m.content }}{{ '.\n' }}{% endgeneration %}\n" +
    "  {%- else %}\n    {{- m.role + ': ' + m.content + '\n' }}\n  {%- endif %}\n{%- endfor %}";
  assert.deepEqual(targetsOf(CHAT, marked), ["Hello!.\n", "4.\n"]);
  const trimmed =
    "{% for m in messages %}x {%- generation -%} {{ m.content }} {%- endgeneration -%} y" +
    "{% endfor %}";
  assert.deepEqual(targetsOf(CHAT.slice(0, 2), trimmed), ["Be brief.", "Hi"]);
  const open = chatTemplate("{% for m in messages %}{% generation %}{{ m.content }}{% endfor %}");
  assert.throws(() => assistantParts(CHAT.slice(0, 1), open), /do not come in pairs/);
});

Deno.test("a template that changes earlier answers is refused, unless it has one", () => {
  // As Qwen3's, which leaves earlier thoughts out.
  const forgetful = "{% for m in messages %}{{ m.role }}:" +
    "{{ m.content if loop.last else m.content.split('</think>')[-1] }};{% endfor %}" +
    "{% if add_generation_prompt %}assistant:{% endif %}";
  const thinking = CHAT.with(2, message("assistant", "<think>hm</think>Hello!"));
  assert.throws(
    () => targetsOf(thinking, forgetful),
    /changes the text of messages 1 to 3 when others follow.*mark them.*a chat of its own/,
  );
  assert.deepEqual(targetsOf(thinking.slice(0, 3), forgetful), ["<think>hm</think>Hello!;"]);
});

Deno.test("messages that the template refuses are refused with its words", () => {
  const strict =
    "{% if messages[0].role != 'user' %}{{ raise_exception('user first') }}{% endif %}";
  assert.throws(() => targetsOf(CHAT, strict), /user first/);
});
