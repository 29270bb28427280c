// The generation command, in processes as a user starts them.

import assert from "node:assert/strict";
import { loadPretrained } from "../../src/checkpoint/pretrained.ts";
import { savePretrained } from "../../src/checkpoint/save_pretrained.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { Decoder } from "../../src/models/decoder.ts";
import { generate } from "../../src/models/generate.ts";
import type { T5 } from "../../src/models/t5.ts";
import { generateText } from "../support/cli/model_commands.ts";
import { smallMaskedModels, smallModel } from "../support/models/small_models.ts";
import { SMALL_VOCABULARY, smallTokenizerJson } from "../support/train/small_tokenizer.ts";
import { type SmallFiles, withSmallFiles } from "../support/train/small_gpt2.ts";

const TEMPLATE =
  "{{ bos_token }}{% for m in messages %}{{ m.role[0] }}:{{ m.content }};{% endfor %}" +
  "{% if add_generation_prompt %}a:{% endif %}";

/** The text of new bytes after `prompt`, as the library generates it. */
async function expectedText(model: string, prompt: string, maxNewTokens: number): Promise<string> {
  using device = wasmDevice();
  using decoder = await loadPretrained(device, model, { model: Decoder });
  const tokens = [...new TextEncoder().encode(prompt)];
  const text = await generate(decoder, tokens, { device, maxNewTokens, context: 16 });
  return new TextDecoder().decode(Uint8Array.from(text.slice(tokens.length)));
}

/** Files with a model whose tokens are characters of ASCII. */
function withAsciiModel(body: (files: SmallFiles) => Promise<void>): Promise<void> {
  return withSmallFiles(body, { vocabulary: 128 });
}

const bytes = ["--tokenizer", "bytes", "--device", "wasm"];

Deno.test("generate.ts continues a prompt, from a flag and from stdin", async () => {
  await withAsciiModel(async ({ model }) => {
    const flags = ["--model", model, ...bytes, "--max-new-tokens", "20"];
    const expected = await expectedText(model, "12 16", 20);
    const { code, stdout, stderr } = await generateText([...flags, "--prompt", "12 16"]);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, `${expected}\n`);
    const piped = await generateText(flags, { stdin: "12 16\n" });
    assert.equal(piped.stdout, `${expected}\n`, piped.stderr);
  });
});

Deno.test("generate.ts continues prompts of a file, as JSON lines in their order", async () => {
  await withAsciiModel(async ({ model, folder }) => {
    const prompts = ["12 16", "3", "a b c"];
    await Deno.writeTextFile(`${folder}/prompts.txt`, `${prompts.join("\n")}\n\n`);
    await Deno.writeTextFile(
      `${folder}/prompts.jsonl`,
      prompts.map((prompt) => JSON.stringify({ prompt })).join("\n"),
    );
    const expected = [];
    for (const prompt of prompts) {
      expected.push({ prompt, text: await expectedText(model, prompt, 6) });
    }
    const flags = ["--model", model, ...bytes, "--max-new-tokens", "6"];
    for (const given of [["txt"], ["jsonl"], ["jsonl", "--batch", "2"]]) {
      const [kind, ...more] = given;
      const file = `${folder}/prompts.${kind}`;
      const { stdout, stderr } = await generateText([...flags, "--prompts", file, ...more]);
      assert.deepEqual(stdout.trimEnd().split("\n").map((x) => JSON.parse(x)), expected, stderr);
    }
  });
});

Deno.test("generate.ts samples by its seed, and takes defaults from generation_config.json", async () => {
  await withAsciiModel(async ({ model }) => {
    const flags = ["--model", model, ...bytes, "--prompt", "12"];
    const run = async (...more: string[]) => {
      const { code, stdout, stderr } = await generateText([...flags, ...more]);
      assert.equal(code, 0, stderr);
      return stdout;
    };
    const some = ["--max-new-tokens", "12"];
    const greedy = await run(...some);
    const one = await run(...some, "--temperature", "1", "--seed", "3");
    assert.notEqual(one, greedy);
    assert.equal(await run(...some, "--temperature", "1", "--seed", "3"), one);
    assert.notEqual(await run(...some, "--temperature", "1", "--seed", "4"), one);
    assert.equal(await run(...some, "--temperature", "1", "--top-k", "1"), greedy);
    assert.equal(await run(...some, "--top-p", "1e-6"), greedy);

    const first = (await expectedText(model, "12", 1)).charCodeAt(0);
    const settings = { do_sample: true, top_k: 1, max_new_tokens: 5, temperature: 0.6 };
    await Deno.writeTextFile(`${model}/generation_config.json`, JSON.stringify(settings));
    assert.equal(await run(), `${await expectedText(model, "12", 5)}\n`);
    const ending = { ...settings, eos_token_id: [300, first] };
    await Deno.writeTextFile(`${model}/generation_config.json`, JSON.stringify(ending));
    assert.equal(await run(), "\n");
    assert.equal(await run("--no-eos"), `${await expectedText(model, "12", 5)}\n`);
    const silent = { max_new_tokens: 5, suppress_tokens: [first] };
    await Deno.writeTextFile(`${model}/generation_config.json`, JSON.stringify(silent));
    assert.ok(!(await run()).includes(String.fromCharCode(first)));
    const later = { max_new_tokens: 1, begin_suppress_tokens: [first] };
    await Deno.writeTextFile(`${model}/generation_config.json`, JSON.stringify(later));
    assert.notEqual((await run())[0], String.fromCharCode(first));
    await Deno.writeTextFile(`${model}/generation_config.json`, '{"top_p": 7}');
    const wrong = await generateText(flags);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /generation_config\.json: top_p is not supported/);
  });
});

Deno.test("generate.ts ends before a stop text", async () => {
  await withAsciiModel(async ({ model }) => {
    const whole = await expectedText(model, "12 16", 20);
    const stop = whole.slice(7, 9);
    const flags = ["--model", model, ...bytes, "--prompt", "12 16", "--max-new-tokens", "20"];
    const { stdout, stderr } = await generateText([...flags, "--stop", "no such text", stop]);
    assert.equal(stdout, `${whole.slice(0, whole.indexOf(stop))}\n`, stderr);
  });
});

Deno.test("generate.ts puts messages into the chat template of the model", async () => {
  await withSmallFiles(async ({ model, folder }) => {
    await Deno.writeTextFile(`${model}/tokenizer.json`, smallTokenizerJson());
    const flags = ["--model", model, "--device", "wasm", "--chat", "--max-new-tokens", "4"];
    const none = await generateText([...flags, "--prompt", "hi"]);
    assert.equal(none.code, 2);
    assert.match(none.stderr, /has no chat template .* leave --chat out/);
    await Deno.writeTextFile(`${model}/tokenizer_config.json`, '{"bos_token": {"content": "in"}}');
    await Deno.writeTextFile(`${model}/chat_template.jinja`, TEMPLATE);
    const chat = await generateText([...flags, "--system", "be", "--prompt", "hi"]);
    const plain = await generateText([
      ...flags.filter((flag) => flag !== "--chat"),
      ...["--prompt", "ins:be;u:hi;a:"],
    ]);
    assert.equal(chat.code, 0, chat.stderr);
    assert.equal(chat.stdout, plain.stdout);
    const messages = [{ role: "system", content: "be" }, { role: "user", content: "hi" }];
    await Deno.writeTextFile(`${folder}/chats.jsonl`, JSON.stringify({ messages }));
    const listed = await generateText([...flags, "--prompts", `${folder}/chats.jsonl`]);
    assert.deepEqual(JSON.parse(listed.stdout), { messages, text: plain.stdout.slice(0, -1) });
  }, { vocabulary: SMALL_VOCABULARY });
});

Deno.test("generate.ts answers with a T5", async () => {
  const folder = await Deno.makeTempDir();
  try {
    using device = wasmDevice();
    const small = {
      config: { ...smallMaskedModels["T5, untied and gated"].config, vocab_size: 128 },
    };
    using model = smallModel(device, small) as T5;
    await savePretrained(model, folder);
    const source = [...new TextEncoder().encode("in the")];
    const [, ...target] = await generate(model, source, { device, maxNewTokens: 5 });
    const flags = ["--model", folder, ...bytes, "--max-new-tokens", "5", "--prompt", "in the"];
    const { stdout, stderr } = await generateText(flags);
    assert.equal(stdout, `${new TextDecoder().decode(Uint8Array.from(target))}\n`, stderr);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("generate.ts on two ranks that split the model prints what one prints, once", async () => {
  await withAsciiModel(async ({ model }) => {
    const flags = ["--model", model, ...bytes, "--prompt", "12 16", "--max-new-tokens", "9"];
    const sampled = [...flags, "--temperature", "0.9"];
    const alone = await generateText(sampled);
    const both = await generateText([...sampled, "--tensor", "2"], { ranks: 2 });
    assert.equal(both.code, 0, both.stderr);
    assert.equal(both.stdout.replaceAll("[rank 0] ", ""), alone.stdout);
  });
});

Deno.test("generate.ts refuses a split that the model does not have, without a stack", async () => {
  await withAsciiModel(async ({ model }) => {
    const flags = ["--model", model, ...bytes, "--prompt", "12", "--tensor", "2"];
    const { code, stderr } = await generateText([...flags, "--experts", "whole"], { ranks: 2 });
    assert.equal(code, 2, stderr);
    assert.match(stderr, /It said:\n.*error: Cannot say how experts are split, as a Decoder of/);
    assert.doesNotMatch(stderr, /\n.*\s+at /);
  });
});

Deno.test("generate.ts says what is wrong and what to give instead, and exits with 2", async () => {
  await withAsciiModel(async ({ model, folder }) => {
    const refuses = async (args: readonly string[], message: RegExp) => {
      const { code, stdout, stderr } = await generateText([...bytes, ...args]);
      assert.equal(code, 2, stderr);
      assert.equal(stdout, "");
      assert.match(stderr, message);
    };
    const some = ["--model", model, "--prompt", "12"];
    await refuses(
      ["--model", `${folder}/none`, "--prompt", "a"],
      /none is not there: give a folder/,
    );
    await refuses(["--model", `${folder}/text`, "--prompt", "a"], /text is not a folder: give/);
    for (const [type, instead] of [["sam", "examples/segment"], ["vit", "classify"]]) {
      await Deno.mkdir(`${folder}/${type}`);
      const json = JSON.stringify({ model_type: type });
      await Deno.writeTextFile(`${folder}/${type}/config.json`, json);
      await refuses(
        ["--model", `${folder}/${type}`, "--prompt", "a"],
        new RegExp(`which does not continue texts: give a decoder or a T5, or use ${instead}`),
      );
    }
    await refuses([...some, "--temperature", "-1"], /It must be a number >= 0\./);
    await refuses([...some, "--top-p", "1.1"], /It must be a number > 0 and <= 1\./);
    await refuses([...some, "--top-k", "1.5"], /It must be an integer >= 0\./);
    await refuses([...some, "--repetition-penalty", "0"], /It must be a number > 0\./);
    await refuses([...some, "--max-new-tokens", "0"], /It must be an integer >= 1\./);
    await refuses([...some, "--prompts", "file"], /--prompt and --prompts both give texts/);
    await refuses([...some, "--system", "x"], /give --chat with it/);
    await refuses([...some, "--chat"], /--tokenizer bytes has none/);
    await refuses([...some, "--tensor", "2"], /needs 2 ranks, and there is 1: start as many with/);
    await refuses(["--model", model], /stdin is empty: give a text on it, or --prompt/);
    await refuses(["--model", model, "--prompt", ""], /prompt 1 is empty/);
    await refuses(
      ["--model", model, "--prompt", "é"],
      /gives the token 195, and the model's vocab/,
    );
    await refuses(
      ["--model", model, "--prompts", `${folder}/no`],
      /no: there is no such file; give/,
    );
    await Deno.writeTextFile(`${folder}/bad.jsonl`, '{"prompt": "a"}\n{"text": 1}\n');
    await refuses(
      ["--model", model, "--prompts", `${folder}/bad.jsonl`],
      /bad\.jsonl:2 has no "prompt"/,
    );
  });
});
