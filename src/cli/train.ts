/**
 * The command that trains a language model, from a folder in the format of Hugging Face to another:
 *
 * ```sh
 * deno run -P=train src/cli/train.ts --model gpt2 --data book.txt --save trained
 * deno run -P=train src/cli/launch.ts --ranks 4 src/cli/train.ts --zero 4 --model gpt2 --data book.txt --save trained
 * ```
 *
 * On its own it is one rank; under the launcher, or with RANK, WORLD_SIZE etc. set, each process is one of several ranks.
 *
 * @module
 */

import type { CompanionFile } from "../checkpoint/companions.ts";
import { savePretrained } from "../checkpoint/save_pretrained.ts";
import type { Device } from "../device/device.ts";
import { requestDevice } from "../device/request_device.ts";
import { launch, launchFromEnv, optionsFromEnv } from "../distributed/launch.ts";
import { isLaunched } from "../distributed/launcher/launcher_variables.ts";
import type { Decoder } from "../models/decoder.ts";
import {
  type LanguageTrainingEvent,
  type LanguageTrainingOptions,
  trainLanguageModel,
} from "../train/language_training.ts";
import { Order2Baseline } from "../train/order2_baseline.ts";
import { heldOutStarts } from "../train/tasks/causal_windows.ts";
import { OtherTrainingError } from "../train/training_checkpoints.ts";
import { byteTokenizer, readTokenizer, type Tokenizer } from "../train/tokenizer.ts";
import { readTokens, splitTail } from "../train/tokens.ts";
import { Interrupt } from "./interrupt.ts";
import { withLocalModel } from "./local_model.ts";
import { modelFromFlags } from "./model_from_flags.ts";
import { companionsFor, lockCheckpoints, requireWritableOutputs } from "./outputs.ts";
import { describeStepSizes } from "./step_sizes.ts";
import { parseTrainOptions, type TrainOptions } from "./train_options.ts";
import { TrainReport } from "./train_report.ts";
import { USAGE_CODE } from "./usage.ts";
import { describePrecision, type WeightPrecision, weightPrecision } from "./weight_precision.ts";

/** Runs one rank and returns its exit code: 0, or 130 if it was stopped. Wrong arguments end the process with 2. */
export async function main(args: readonly string[]): Promise<number> {
  const isAlone = !isLaunched(Deno.env);
  const { rank, worldSize } = isAlone ? ALONE : optionsFromEnv(Deno.env);
  const flags = parseTrainOptions(args, worldSize);
  const { device: kind, seed } = flags;
  using device = await requestDevice(kind === "auto" ? {} : { kind });
  const training = await prepare(device, { flags, args, rank });
  if (training === undefined) return USAGE_CODE;
  const { model, tokenizer, companions, lock, options } = training;
  using _model = model;
  using _lock = lock;
  await using world = isAlone ? await launch(ALONE) : await launchFromEnv();
  using report = new TrainReport({
    rank: world.rank,
    log: flags.log,
    steps: flags.steps,
    resume: flags.resume,
  });
  report.write({ kind: "start", device: device.description, ...describe(training, flags) });

  using interrupt = new Interrupt();
  // The launcher turns Ctrl-C into another signal, so SIGINT after that means a second Ctrl-C. Not at once, as listeners that are added
  // while a signal is dispatched are called, too.
  interrupt.signal.addEventListener("abort", () => {
    setTimeout(() => Deno.addSignalListener("SIGINT", () => Deno.exit(INTERRUPTED_CODE)));
  });
  let result;
  try {
    result = await trainLanguageModel(world, model, {
      ...options,
      seed,
      signal: interrupt.signal,
      onEvent: (event) => report.write(messageOf(event, { tokenizer, prompt: flags.sample ?? "" })),
    });
  } catch (error) {
    if (!(error instanceof OtherTrainingError)) throw error;
    if (rank === 0) console.error(`error: ${error.message}`);
    return USAGE_CODE;
  }
  if (flags.save !== undefined) {
    await savePretrained(model, flags.save, { rank: world.rank, companions });
    report.write({ kind: "saved", folder: flags.save });
  }
  if (!result.stopped) return 0;
  report.write({ kind: "stopped", step: result.steps });
  return INTERRUPTED_CODE;
}

const ALONE = { rank: 0, worldSize: 1, host: "127.0.0.1", port: 29500 };
const INTERRUPTED_CODE = 130;
const ALGORITHMS = { adafactor: "Adafactor", came: "CAME", adamw: "AdamW" };

/** The model, the text and the options, which are consistent with each other. */
interface Training {
  readonly model: Decoder;
  readonly tokenizer: Tokenizer;
  readonly precision: WeightPrecision;
  /** Saved beside the model. */
  readonly companions: readonly CompanionFile[];
  /** Held while checkpoints are saved. */
  readonly lock: Disposable | undefined;
  readonly options: LanguageTrainingOptions;
}

/**
 * Reads the model and the text, and tries what rank 0 will write; prints an error and returns undefined if something is wrong with
 * them.
 */
async function prepare(
  device: Device,
  { flags: given, args, rank }: {
    readonly flags: TrainOptions;
    readonly args: readonly string[];
    readonly rank: number;
  },
): Promise<Training | undefined> {
  using scope = new DisposableStack();
  try {
    const flags = await withLocalModel(given, { rank });
    const tokenizer = flags.tokenizer === "bytes"
      ? byteTokenizer
      : await readTokenizer(flags.tokenizer);
    const model = scope.use(await modelFromFlags(device, { flags, rank }));
    const precision = weightPrecision(model.parameters(), flags);
    requireVocabulary(model, tokenizer);
    const context = contextFor(model, flags);
    const text = splitTail(await readTokens(flags.data, tokenizer), { context });
    const prompt = flags.sample === undefined ? undefined : promptOf(flags.sample, tokenizer);
    const companions = await companionsFor(flags);
    if (rank === 0) await requireWritableOutputs(model, { ...flags, ...precision }, companions);
    const { checkpoints: folder, checkpointEvery: every, keep, keepBest, resume } = flags;
    const lock = folder !== undefined && rank === 0 ? await lockCheckpoints(folder) : undefined;
    const checkpoints = folder === undefined
      ? undefined
      : { folder, every, keep, keepBest, resume, about: { flags: args, deno: Deno.version.deno } };
    scope.move();
    const { batch, accumulate, steps, tensor, zero, zeroStage, seed, stepSizes: { lr } } = flags;
    const { dropout, eval: evaluateEvery, evalTokens: evaluateTokens } = flags;
    const { masterWeights, rounding } = precision;
    const { algorithm, beta1, weightDecay, maxGradientNorm } = flags;
    const sample = prompt && {
      prompt,
      length: flags.sampleTokens,
      temperature: flags.temperature,
    };
    const options = {
      text,
      context,
      batch,
      accumulate,
      steps,
      tensor,
      zero,
      zeroStage,
      seed,
      lr,
      sample,
      checkpoints,
      evaluateEvery,
      evaluateTokens,
      optimizer: {
        algorithm,
        masterWeights,
        rounding,
        ...(beta1 === undefined ? {} : { beta1 }),
        ...(weightDecay === undefined ? {} : { weightDecay }),
        ...(maxGradientNorm === undefined ? {} : { maxGradientNorm }),
      },
      dropout,
      recompute: flags.recompute ? "blocks" as const : "nothing" as const,
    };
    return { model, tokenizer, precision, companions, lock, options };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    console.error(`error: ${error.message}`);
    return undefined;
  }
}

function requireVocabulary({ description }: Decoder, tokenizer: Tokenizer): void {
  const { count } = description.tokens;
  if (tokenizer.vocabularySize <= count) return;
  throw new RangeError(
    `the tokenizer (${tokenizer.name}) has ${tokenizer.vocabularySize} tokens, and the model's vocabulary has ${count}: ` +
      "give the model's own tokenizer",
  );
}

/** Tokens of a window. @throws {RangeError} if --context is more than the model supports */
function contextFor({ description: { positions } }: Decoder, { context }: TrainOptions): number {
  const most = positions.kind === "learned" ? positions.count : Infinity;
  if (context === undefined) return Math.min(DEFAULT_CONTEXT, most);
  if (context <= most) return context;
  throw new RangeError(
    `--context ${context} is more than the ${most} tokens that the model supports`,
  );
}

const DEFAULT_CONTEXT = 128;

function promptOf(text: string, tokenizer: Tokenizer): number[] {
  const tokens = tokenizer.encode(new TextEncoder().encode(text));
  if (tokens.length > 0) return [...tokens];
  throw new RangeError("--sample needs a text of at least one token to continue");
}

function describe({ model, tokenizer, precision, options }: Training, flags: TrainOptions) {
  const { tensor, zero, algorithm, stepSizes } = flags;
  const { text: { train, heldOut }, context, evaluateTokens } = options;
  const starts = heldOutStarts({ text: heldOut, context, evaluateTokens });
  const parameters = model.parameters().reduce((total, { length }) => total + length, 0);
  const order2Loss = tokenizer === byteTokenizer
    ? new Order2Baseline(Uint8Array.from(train))
      .loss({ text: Uint8Array.from(heldOut), context, starts })
    : undefined;
  const { peak: peakLr, schedule, warmup } = stepSizes;
  const { dtypes, masterWeights, rounding } = precision;
  return {
    choices: [
      `${ALGORITHMS[algorithm]}, ${describeStepSizes(stepSizes)}`,
      describePrecision(precision),
    ],
    algorithm,
    peakLr,
    schedule,
    warmup,
    dtypes,
    masterWeights,
    rounding,
    parameters,
    tensor,
    zero,
    trainTokens: train.length,
    heldOutTokens: heldOut.length,
    ...(order2Loss === undefined ? {} : { order2Loss }),
  };
}

function messageOf(
  event: LanguageTrainingEvent,
  { tokenizer, prompt }: { readonly tokenizer: Tokenizer; readonly prompt: string },
) {
  return event.kind === "sample"
    ? { kind: event.kind, prompt, text: tokenizer.decode(event.tokens) }
    : event;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
