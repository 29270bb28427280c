// What every command says to mistakes of use: one sentence that says what to give instead, exit code 2, nothing on stdout, and no stack.

import assert from "node:assert/strict";
import { type SmallFiles, withSmallFiles } from "../support/train/small_gpt2.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

interface Case {
  readonly command: "train" | "generate" | "classify" | "launch" | "analyse" | "demo";
  readonly args: (files: SmallFiles) => readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly message: RegExp;
}

const train = (...more: string[]) => ({ model, data }: SmallFiles) => [
  ...["--model", model, "--data", data, "--tokenizer", "bytes", "--device", "wasm"],
  ...["--steps", "1", ...more],
];
const generate = (...more: string[]) => ({ model }: SmallFiles) => [
  ...["--model", model, "--prompt", "x", "--tokenizer", "bytes", "--device", "wasm", ...more],
];
const of = (...args: string[]) => () => args;
const job = { MASTER_ADDR: "127.0.0.1", MASTER_PORT: "29517" };

const CASES: readonly Case[] = [
  { command: "train", args: of(), message: /--model is needed: the folder of a model, or its id/ },
  {
    command: "train",
    args: of("--modle", "x"),
    message: /unknown option '--modle'\n\(Did you mean --model\?\)/,
  },
  { command: "train", args: of("--model", "x", "--data", ""), message: /--data is needed: files/ },
  { command: "train", args: train("--temperature", "-1"), message: /It must be a number >= 0/ },
  { command: "train", args: train("--top-p", "0"), message: /It must be a number > 0 and <= 1/ },
  {
    command: "train",
    args: train("--experts", "whole"),
    message:
      /--experts whole is for a model that --tensor ranks split, and --tensor is 1: leave it/,
  },
  {
    command: "generate",
    args: generate("--experts", "halves"),
    message: /Allowed choices are features, whole/,
  },
  { command: "train", args: train("--top-k", "3"), message: /--top-k is for the text of --sample/ },
  {
    command: "train",
    args: train("--max-time", "30"),
    message: /a duration, such as 90s, 30m, 2h/,
  },
  { command: "train", args: train("--labels", "a,b"), message: /is for classes, and the task is/ },
  {
    command: "train",
    args: train("--seed", "99999999999"),
    message: /integer >= 0 and < 4294967296/,
  },
  { command: "train", args: train("--lr", "1e39"), message: /a number > 0, at most 3\.40e\+38/ },
  {
    command: "train",
    args: train("--revision", "v1"),
    message: /--model .* is a folder: leave it out/,
  },
  {
    command: "train",
    args: train("--freeze", "model.*"),
    message: /"model\.\*" matches none of the 28/,
  },
  {
    command: "train",
    args: train("--log", "/proc/x"),
    message: /programs of Deno may not write there/,
  },
  {
    command: "train",
    args: ({ model, data }) => ["--model", model, "--data", data],
    message: /tokenizer\.json: there is no such file; give another .* or "bytes"/,
  },
  { command: "train", args: train(), env: { RANK: "0" }, message: /WORLD_SIZE, .* not set: start/ },
  {
    command: "train",
    args: train(),
    env: { ...job, RANK: "x", WORLD_SIZE: "2" },
    message: /RANK must be a whole number, got "x"/,
  },
  {
    command: "train",
    args: train(),
    env: { ...job, RANK: "5", WORLD_SIZE: "2" },
    message: /this is rank 5, and there are 2: ranks are 0 to 1/,
  },
  { command: "generate", args: of(), message: /--model is needed/ },
  {
    command: "generate",
    args: generate("--temperature", "-1"),
    message: /It must be a number >= 0/,
  },
  {
    command: "generate",
    args: generate("--context", "17"),
    message: /17 is more than the 16 tokens/,
  },
  { command: "generate", args: generate("--revision", "v1"), message: /is a folder: leave it out/ },
  {
    command: "generate",
    args: ({ model }) => ["--model", model, "--tokenizer", "bytes", "--prompts", "nothing"],
    message: /Cannot read --prompts nothing: there is no such file; give a file of prompts/,
  },
  {
    command: "generate",
    args: ({ model, folder }) => {
      Deno.writeFileSync(`${folder}/latin1`, Uint8Array.of(0x63, 0x61, 0x66, 0xe9, 0x0a));
      return ["--model", model, "--tokenizer", "bytes", "--prompts", `${folder}/latin1`];
    },
    message: /latin1:1: byte 3 \(0xe9\) is no UTF-8; .* iconv -f latin1/,
  },
  { command: "classify", args: of("--modle", "x"), message: /Did you mean --model\?/ },
  { command: "launch", args: of("--rank", "2", "x.ts"), message: /Did you mean --ranks\?/ },
  { command: "launch", args: of("x.ts"), message: /--ranks is needed: how many to start/ },
  { command: "analyse", args: of("nothing"), message: /nothing is not there: give the folder/ },
  { command: "analyse", args: ({ data }) => [data], message: /is no folder: give the folder/ },
  { command: "demo", args: of("--stepps", "4"), message: /Did you mean --steps\?/ },
  { command: "demo", args: of("--tensor", "3"), message: /give numbers whose product is/ },
  { command: "demo", args: of("--data", "nothing"), message: /Cannot read nothing/ },
];

Deno.test("every command refuses mistakes of use with a sentence and code 2", async (t) => {
  await withSmallFiles(async (files) => {
    // Two at a time: most of a run is waiting for Deno to start.
    for (let begin = 0; begin < CASES.length; begin += 2) {
      const some = CASES.slice(begin, begin + 2);
      const outcomes = await Promise.all(some.map((each) => run(each, files)));
      for (const [k, { command, message, env = {} }] of some.entries()) {
        const { args, code, stdout, stderr } = outcomes[k];
        await t.step([...Object.values(env), command, ...args].join(" "), () => {
          assert.match(stderr, message);
          assert.match(stderr, /^error: /);
          assert.doesNotMatch(stderr, /\n\s+at /, "a stack says nothing to who has mistyped");
          assert.equal(code, 2);
          assert.equal(stdout, "");
        });
      }
    }
  });
});

Deno.test("weights that cannot be rounded stochastically on a mesh are refused before a step, on all ranks, without a stack", async () => {
  await withSmallFiles(async (files) => {
    const flags = train("--tensor", "2", "--dtype", "bf16", "--rounding", "stochastic")(files);
    const { code, stderr, stdout } = await outcomeOf(
      "launch",
      ["--ranks", "2", `${ROOT}src/cli/train.ts`, ...flags],
    );
    assert.equal(code, 2, stderr);
    assert.match(
      stderr,
      /Cannot round .* stochastically.*: give every rank an even number of columns/,
    );
    assert.doesNotMatch(stderr, /\n(\[rank \d\])?\s+at /);
    assert.doesNotMatch(stdout, /"kind":"step"/);
  });
});

async function run({ command, args: argsFor, env = {} }: Case, files: SmallFiles) {
  const args = argsFor(files);
  return { args, ...await outcomeOf(command, args, env) };
}

async function outcomeOf(
  command: Case["command"],
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
) {
  const config = ["--config", `${ROOT}deno.json`];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-P=train", ...config, `${ROOT}src/cli/${command}.ts`, ...args],
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: decode(stdout), stderr: decode(stderr) };
}
