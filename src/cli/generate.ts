/**
 * The command that generates text with a model from a folder in the format of Hugging Face:
 *
 * ```sh
 * deno run -P=train src/cli/generate.ts --model gpt2 --prompt "Once upon a time"
 * deno run -P=train src/cli/launch.ts --ranks 2 src/cli/generate.ts --tensor 2 --model gpt2 --prompt "Once upon a time"
 * ```
 *
 * On its own it is one rank; under the launcher each process is one of several ranks that split the model, and the first one prints.
 *
 * @module
 */

import { loadPretrained } from "../checkpoint/pretrained.ts";
import type { Device } from "../device/device.ts";
import { requestDevice } from "../device/request_device.ts";
import { ProcessGroupMesh } from "../distributed/mesh.ts";
import { Decoder } from "../models/decoder.ts";
import { generateTokens } from "../models/generate.ts";
import { parallelize } from "../models/parallelize.ts";
import { T5 } from "../models/t5.ts";
import { RandomSource, type RandomStream } from "../nn/philox.ts";
import { readChatTemplate } from "../train/chat_template.ts";
import { type GenerateFlags, parseGenerateFlags } from "./generate_options.ts";
import {
  type GenerationSettings,
  readGenerationConfig,
  settingsOf,
} from "./generation_settings.ts";
import { withLocalModel } from "./local_model.ts";
import { ownRank } from "./own_rank.ts";
import { bytePrompts, type PromptTokenizer, readPromptTokenizer } from "./prompt_tokenizer.ts";
import { type Prompts, readPrompts, shareTexts } from "./prompts.ts";
import { textModelOf } from "./text_model.ts";
import { TextOutput } from "./text_output.ts";
import { TextStream } from "./text_stream.ts";
import { USAGE_CODE } from "./usage.ts";

/** Runs one rank and returns its exit code. Wrong arguments end the process with 2. */
export async function main(args: readonly string[]): Promise<number> {
  const { rank, worldSize, join } = ownRank();
  const flags = parseGenerateFlags(args, worldSize);
  const { device: kind } = flags;
  using device = await requestDevice(kind === "auto" ? {} : { kind });
  const prepared = await prepare(device, { flags, rank });
  if (prepared === undefined) return USAGE_CODE;
  using model = prepared.model;
  await using world = await join();
  if (flags.tensor > 1) {
    const mesh = ProcessGroupMesh.over(world, flags.tensor);
    try {
      await parallelize(model, mesh, { experts: flags.experts });
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
      // By every rank, as the launcher ends the others when the first one has ended.
      console.error(`error: ${error.message}`);
      return USAGE_CODE;
    }
  }
  const texts = await shareTexts(world.group, prepared.texts);
  const output = new TextOutput(prepared.prompts, { isPrinted: world.rank === 0 });
  const random = new RandomSource(flags.seed);
  for (let begin = 0; begin < texts.length && !output.isClosed; begin += flags.batch) {
    await generateTexts(texts.slice(begin, begin + flags.batch), {
      ...prepared,
      device,
      flags,
      random: random.stream(),
      write: (row, written) => output.write(begin + row, written),
    });
  }
  return 0;
}

/** A model, and what it is to continue. */
interface Prepared {
  readonly model: Decoder | T5;
  readonly tokenizer: PromptTokenizer;
  readonly settings: GenerationSettings;
  /** Of the first rank; others have none. */
  readonly prompts: Prompts;
  readonly texts: readonly (readonly number[])[];
}

/** Reads prompts and model; prints an error and returns undefined if something is wrong with them. */
async function prepare(
  device: Device,
  { flags: given, rank }: { readonly flags: GenerateFlags; readonly rank: number },
): Promise<Prepared | undefined> {
  try {
    const flags = await withLocalModel(given, { rank });
    const { model: folder, dtype, chat } = flags;
    await requireFolder(folder);
    const kind = await textModelOf(folder);
    const tokenizer = flags.tokenizer === "bytes"
      ? bytePrompts
      : await readPromptTokenizer(flags.tokenizer);
    const template = chat ? await readChatTemplate(folder) : undefined;
    const config = await readGenerationConfig(folder);
    const settings = settingsOf(config, flags, chat ? tokenizer.endToken : undefined);
    const prompts = rank === 0 ? await readPrompts(flags) : { prompts: [], isList: false };
    const texts = prompts.prompts.map((prompt) =>
      typeof prompt === "string"
        ? tokenizer.encode(prompt)
        : tokenizer.encodeRendered(template!.render(prompt))
    );
    const empty = texts.findIndex(({ length }) => length === 0);
    if (empty >= 0) throw new Error(`prompt ${empty + 1} is empty: give at least one character`);
    const storage = dtype === undefined ? {} : { dtype };
    const model = await loadPretrained(device, folder, { model: kind, ...storage });
    using scope = new DisposableStack();
    scope.use(model);
    requireContext(model, flags);
    if (model instanceof Decoder) requireTokens(texts, { model, tokenizer: flags.tokenizer });
    scope.move();
    return { model, tokenizer, settings, prompts, texts };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    console.error(`error: ${error.message}`);
    return undefined;
  }
}

function requireContext(model: Decoder | T5, { context }: GenerateFlags): void {
  const most = longestText(model);
  if (context === undefined || most === undefined || context <= most) return;
  throw new RangeError(
    `--context ${context} is more than the ${most} tokens that the model supports`,
  );
}

function requireTokens(
  texts: readonly (readonly number[])[],
  { model, tokenizer }: { readonly model: Decoder; readonly tokenizer: string },
): void {
  const { count } = model.description.tokens;
  const wrong = texts.flat().find((token) => token >= count);
  if (wrong === undefined) return;
  throw new RangeError(
    `the tokenizer (${tokenizer}) gives the token ${wrong}, and the model's vocabulary has ${count}: give the model's own tokenizer`,
  );
}

async function requireFolder(path: string): Promise<void> {
  const found = await Deno.stat(path).catch(() => undefined);
  if (found?.isDirectory) return;
  throw new Error(
    `--model ${path} is ${
      found === undefined ? "not there" : "not a folder"
    }: give a folder with config.json, ` +
      "model.safetensors and tokenizer.json",
  );
}

/** Continues texts together; `write` gets the new text of each piece by piece. */
async function generateTexts(
  texts: readonly (readonly number[])[],
  { model, tokenizer, settings, device, flags, random, write }: Prepared & {
    readonly device: Device;
    readonly flags: GenerateFlags;
    readonly random: RandomStream;
    readonly write: (row: number, written: { text: string; isLast: boolean }) => Promise<void>;
  },
): Promise<void> {
  const { stopTokens, rules, ...rest } = settings;
  const { decode } = tokenizer;
  const { stop } = flags;
  const streams = texts.map((tokens) =>
    new TextStream({ decode, stop, context: model instanceof T5 ? [] : tokens })
  );
  const pieces = texts.map(() => "");
  const generated = generateTokens(model, texts, {
    ...rest,
    device,
    stopTokens,
    context: flags.context ?? longestText(model),
    sampling: rules === undefined ? undefined : { ...rules, random },
    stopWhen(tokens, row) {
      const token = tokens.at(-1)!;
      if (!stopTokens.includes(token)) pieces[row] += streams[row].push(token);
      return streams[row].isStopped;
    },
  });
  for await (const { row, isLast } of generated) {
    const text = pieces[row] + (isLast ? streams[row].finish() : "");
    pieces[row] = "";
    await write(row, { text, isLast });
  }
}

/** The most tokens that a model with a table of positions supports; longer texts lose their beginning. */
function longestText(model: Decoder | T5): number | undefined {
  if (model instanceof T5) return undefined;
  const { positions } = model.description;
  return positions.kind === "learned" ? positions.count : undefined;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
