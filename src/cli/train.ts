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

import { basename } from "node:path";
import type { CompanionFile } from "../checkpoint/companions.ts";
import { savePretrained } from "../checkpoint/save_pretrained.ts";
import type { Device } from "../device/device.ts";
import { requestDevice } from "../device/request_device.ts";
import { STOPPED_CODE } from "../distributed/launcher/exit_codes.ts";
import { restartCount } from "../distributed/launcher/restart_variables.ts";
import { stepsOfEpochs } from "../train/example_order.ts";
import { train } from "../train/training.ts";
import { RefusedTrainingError } from "../train/refused_training.ts";
import type { TrainingOptions } from "../train/training_options.ts";
import { Interrupt } from "./interrupt.ts";
import { describeFrozen, type FrozenParameters, frozenParameters } from "./frozen_parameters.ts";
import { withLocalModel } from "./local_model.ts";
import { ownRank } from "./own_rank.ts";
import { dropLostOutput } from "./lost_output.ts";
import { type InputFile, inputFiles } from "./report/input_files.ts";
import { companionsFor, lockCheckpoints, requireWritableOutputs } from "./outputs.ts";
import { type PreparedTask, prepareTask } from "./prepared_task.ts";
import { describeStepSizes, type StepSizes, stepSizesOf } from "./step_sizes.ts";
import { parseTrainOptions, type TrainOptions } from "./train_options.ts";
import { TrainReport } from "./train_report.ts";
import { USAGE_CODE } from "./usage.ts";
import { describePrecision, type WeightPrecision, weightPrecision } from "./weight_precision.ts";

/** Runs one rank and returns its exit code: 0, or 130 if it was stopped. Wrong arguments end the process with 2. */
export async function main(args: readonly string[]): Promise<number> {
  dropLostOutput();
  using interrupt = new Interrupt();
  interrupt.again.addEventListener("abort", () => Deno.exit(STOPPED_CODE));
  const { signal } = interrupt;
  // Until training begins there is nothing to save.
  const leave = () => {
    console.error(`stopped by ${signal.reason} before training began: there is nothing to save`);
    Deno.exit(STOPPED_CODE);
  };
  signal.addEventListener("abort", leave);
  const { rank, worldSize, join } = ownRank();
  const flags = goingOn(parseTrainOptions(args, worldSize));
  const { device: kind } = flags;
  using device = await requestDevice(kind === "auto" ? {} : { kind });
  const training = await prepare(device, { flags, args, rank });
  if (training === undefined) return USAGE_CODE;
  const { prepared, companions, files, lock, options } = training;
  const { model, task, sample } = prepared;
  using _prepared = prepared;
  using _lock = lock;
  await using world = await join();
  signal.removeEventListener("abort", leave);
  using report = new TrainReport({
    rank: world.rank,
    log: flags.log,
    steps: options.steps,
    maxTime: flags.maxTime,
    resume: flags.resume,
    curve: flags.curve,
    title: `${basename(flags.model)} on ${flags.data.map((path) => basename(path)).join(", ")}`,
    device,
    flags: args,
    files,
  });
  report.write({ kind: "start", device: device.description, ...describe(training, flags) });

  let result;
  try {
    result = await train(world, {
      ...options,
      model,
      task,
      signal,
      onEvent: (event) => report.write(event),
    });
  } catch (error) {
    if (!(error instanceof RefusedTrainingError)) throw error;
    if (rank === 0) console.error(`error: ${error.message}`);
    return USAGE_CODE;
  }
  if (sample !== undefined && !result.stopped) {
    report.write({ kind: "sample", prompt: flags.sample!, text: await sample(result.split) });
  }
  if (flags.save !== undefined) {
    if (result.stopped) {
      report.note(`stopped after step ${result.steps}: saving the model to ${flags.save}`);
    }
    await savePretrained(model, flags.save, { rank: world.rank, companions });
    report.write({ kind: "saved", folder: flags.save });
  }
  if (result.stopped || result.endedEarly) {
    report.write({
      kind: "stopped",
      step: result.steps,
      ...(result.endedEarly ? { reason: "--max-time is over" } : {}),
    });
  }
  // All leave together: where one rank has ended, a launcher may end the others, and one of them may still be saving.
  await world.group.barrier();
  return result.stopped ? STOPPED_CODE : 0;
}

/** Where the launcher has started this job again, it goes on from its last checkpoint. */
function goingOn(flags: TrainOptions): TrainOptions {
  const isAgain = restartCount(Deno.env) > 0 && flags.checkpoints !== undefined;
  return isAgain ? { ...flags, resume: true } : flags;
}

const ALGORITHMS = { adafactor: "Adafactor", came: "CAME", adamw: "AdamW" };

/** The model, its task and the options, which are consistent with each other. */
interface Training {
  readonly prepared: PreparedTask;
  readonly frozen: FrozenParameters;
  readonly precision: WeightPrecision;
  readonly stepSizes: StepSizes;
  /** Saved beside the model. */
  readonly companions: readonly CompanionFile[];
  /** What was read, on rank 0. */
  readonly files: readonly InputFile[];
  /** Held while checkpoints are saved. */
  readonly lock: Disposable | undefined;
  readonly options: TrainingOptions;
}

/**
 * Reads the model and the data, and tries what rank 0 will write; prints an error and returns undefined if something is wrong with
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
    const prepared = scope.use(await prepareTask(device, { flags, rank }));
    const { model } = prepared;
    const steps = numStepsOf(flags, prepared);
    const stepSizes = stepSizesOf(flags, steps);
    const frozen = frozenParameters(model, flags.freeze ?? []);
    const precision = weightPrecision(model.parameters(), flags);
    const companions = await companionsFor(flags);
    if (rank === 0) await requireWritableOutputs(model, { ...flags, ...precision }, companions);
    const files = rank === 0 ? await inputFiles(flags) : [];
    const { checkpoints: folder, checkpointEvery: every, keep, keepBest, resume } = flags;
    const lock = folder !== undefined && rank === 0 ? await lockCheckpoints(folder) : undefined;
    const checkpoints = folder === undefined
      ? undefined
      : { folder, every, keep, keepBest, resume, about: { flags: args, deno: Deno.version.deno } };
    scope.move();
    const { batch, accumulate, tensor, zero, zeroStage, seed, dropout } = flags;
    const { masterWeights, rounding } = precision;
    const { algorithm, beta1, weightDecay, maxGradientNorm } = flags;
    const options = {
      batch,
      accumulate,
      steps,
      tensor,
      experts: flags.experts,
      zero,
      zeroStage,
      seed,
      lr: stepSizes.lr,
      checkpoints,
      evaluateEvery: flags.eval,
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
      frozen: frozen.paths,
      endEarly: flags.maxTime === undefined
        ? undefined
        : () => performance.now() >= 1000 * flags.maxTime!,
    };
    return { prepared, frozen, precision, stepSizes, companions, files, lock, options };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    console.error(`error: ${error.message}`);
    return undefined;
  }
}

/** Number of training steps. */
function numStepsOf(
  { steps = DEFAULT_STEPS, epochs, accumulate, batch }: TrainOptions,
  { task }: PreparedTask,
): number {
  if (epochs === undefined) return steps;
  return stepsOfEpochs({ length: task.train.length, accumulate, batch }, epochs);
}

const DEFAULT_STEPS = 100;

function describe(
  { prepared, frozen, precision, stepSizes, options }: Training,
  flags: TrainOptions,
) {
  const { tensor, zero, algorithm } = flags;
  const { model, task, data, counts } = prepared;
  const { peak: peakLr, schedule, warmup } = stepSizes;
  const { dtypes, masterWeights, rounding } = precision;
  const parameters = model.parameters().reduce((total, { length }) => total + length, 0);
  return {
    choices: [
      `${ALGORITHMS[algorithm]}, ${describeStepSizes(stepSizes)}`,
      describePrecision(precision),
      ...(frozen.paths.length === 0 ? [] : [describeFrozen(frozen, parameters)]),
    ],
    data,
    task: task.name,
    algorithm,
    peakLr,
    schedule,
    warmup,
    dtypes,
    masterWeights,
    rounding,
    parameters,
    trainedParameters: frozen.numTrained,
    tensor,
    zero,
    steps: options.steps,
    counts,
  };
}

if (import.meta.main) Deno.exit(await main(Deno.args));
