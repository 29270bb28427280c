// The flags of the training command. They are checked together, and an error says what to give instead.

import { Command, Option } from "commander";
import type { DeviceKind } from "../device/device.ts";
import type { ExpertSplit } from "../models/splitting/split_plan.ts";
import type { FloatType } from "../tensor/dtype.ts";
import type { TaskName } from "../train/task.ts";
import type { Algorithm } from "../train/training_optimizer.ts";
import { type ClassFlags, PROBLEMS } from "./class_flags.ts";
import { deviceOption } from "./device_flags.ts";
import { expertsConflict, expertsOption } from "./expert_flags.ts";
import {
  above,
  atLeast,
  dropout,
  duration,
  names,
  notNegative,
  probability,
  share,
} from "./flag_values.ts";
import { FINE_TUNING_RATE, FINE_TUNING_WARMUP, SCHEDULES, stepSizeConflict } from "./step_sizes.ts";
import { TASK_NAMES } from "./task_choice.ts";
import { endAfterUsage, parseFlags, USAGE_CODE } from "./usage.ts";
import { precisionConflict } from "./weight_precision.ts";

/** The options of the training command. */
export interface TrainOptions extends ClassFlags {
  /** A folder, or a model's id on the hub. */
  readonly model: string;
  /** A branch, tag or commit on the hub. */
  readonly revision?: string;
  readonly fromScratch: boolean;
  readonly data: readonly string[];
  /** Data to evaluate on. */
  readonly evalData?: readonly string[];
  readonly task?: TaskName;
  /** "bytes" or a path. */
  readonly tokenizer: string;
  readonly tensor: number;
  /** What each of those ranks has of a mixture of experts. */
  readonly experts?: ExpertSplit;
  readonly zero: number;
  readonly zeroStage: 1 | 2;
  /** Undefined: as in the files. */
  readonly dtype: FloatType | undefined;
  /** Undefined: for 16-bit weights that are rounded to the nearest. */
  readonly masterWeights?: boolean;
  readonly rounding?: "nearest" | "stochastic";
  readonly algorithm: Algorithm;
  readonly beta1?: number;
  readonly weightDecay?: number;
  readonly maxGradientNorm?: number;
  readonly recompute: boolean;
  /** "config", or a probability. */
  readonly dropout: "config" | number;
  readonly accumulate: number;
  readonly batch: number;
  /** Default: all that the model supports, at most 128. */
  readonly context?: number;
  /** Default: 100, unless there are epochs. */
  readonly steps?: number;
  /** Passes over the data, instead of steps. */
  readonly epochs?: number;
  readonly lr?: number;
  readonly schedule?: keyof typeof SCHEDULES;
  readonly warmup?: number;
  readonly eval: number;
  readonly evalTokens: number;
  readonly seed: number;
  readonly sample?: string;
  readonly sampleTokens: number;
  readonly temperature: number;
  readonly topK?: number;
  readonly topP?: number;
  /** Patterns of names of parameters that are not trained. */
  readonly freeze?: readonly string[];
  /** Seconds. */
  readonly maxTime?: number;
  readonly save?: string;
  /** A folder for checkpoints. */
  readonly checkpoints?: string;
  readonly checkpointEvery: number;
  readonly keep: number;
  readonly keepBest: boolean;
  readonly resume: boolean;
  readonly log?: string;
  /** A file for a picture of the losses. */
  readonly curve?: string;
  readonly device: DeviceKind | "auto";
}

/** The flags before they are checked together. */
interface ParsedFlags extends
  Omit<
    TrainOptions,
    "dtype" | "tokenizer" | "zero" | "zeroStage" | "checkpointEvery" | "keep"
  > {
  readonly checkpointEvery?: number;
  readonly keep?: number;
  readonly tokenizer?: string;
  readonly dtype?: FloatType;
  readonly zero?: number;
  readonly zeroStage: "1" | "2";
}

/**
 * Parses the flags of one of `worldSize` ranks; prints help or an error and exits, with code 2 after an error.
 */
export function parseTrainOptions(args: readonly string[], worldSize: number): TrainOptions {
  const command = trainCommand();
  const given = parseFlags<ParsedFlags>(command, args, {
    "--model": "the folder of a model, or its id on the hub",
    "--data": "files and folders to train on, or - for stdin",
  });
  const zero = given.zero ?? Math.max(1, Math.floor(worldSize / given.tensor));
  const conflict = conflictOf({ ...given, zero, worldSize });
  if (conflict !== undefined) command.error(`error: ${conflict}`, { exitCode: USAGE_CODE });
  return {
    ...given,
    checkpointEvery: given.checkpointEvery ?? 100,
    keep: given.keep ?? 2,
    tokenizer: given.tokenizer ?? `${given.model}/tokenizer.json`,
    zero,
    zeroStage: given.zeroStage === "1" ? 1 : 2,
    // New weights are in f32, as they are to be learned from nothing.
    dtype: given.dtype ?? (given.fromScratch ? "f32" : undefined),
  };
}

function trainCommand(): Command {
  return new Command("train")
    .description(
      "Trains a model with Adafactor, CAME or AdamW: a decoder, such as GPT-2 or Llama, on text, prompts and completions, or chats; " +
        "a BERT, ALBERT or ModernBERT on text, or on texts or words with labels; a T5 on inputs and targets; a ViT, DINOv2 or SigLIP " +
        "on images in folders.\n\n" +
        "On one rank:    deno run -P=train src/cli/train.ts --model gpt2 --data book.txt\n" +
        "On four:        deno run -P=train src/cli/launch.ts --ranks 4 src/cli/train.ts --zero 4 --model gpt2 --data book.txt\n\n" +
        "A tenth of the data is held out for evaluations before, during and after training.",
    )
    .option(
      "--model <folder or id>",
      "folder with config.json and model.safetensors, in the format of Hugging Face; or a model on its hub, such as " +
        "HuggingFaceTB/SmolLM2-135M, which is downloaded",
    )
    .option("--revision <name>", "branch, tag or commit of a model on the hub (default: main)")
    .option("--from-scratch", "start from random weights: only config.json is read", false)
    .option(
      "--data <paths...>",
      'files and folders: text, or JSON Lines, JSON, CSV or Parquet with the columns of a task, or images; "-" for stdin',
    )
    .option(
      "--eval-data <paths...>",
      "data to evaluate on (default: a tenth of --data, which is then not trained on)",
    )
    .addOption(
      new Option("--task <name>", "what to learn (default: what fits the model and the data)")
        .choices(TASK_NAMES),
    )
    .option(
      "--labels <names>",
      "names of the classes, with commas between them, in their order (default: those of the model, if it is a classifier that " +
        "has all of them; else those in the data, sorted)",
      names,
    )
    .addOption(
      new Option(
        "--problem <kind>",
        "what labels of texts are: a single class, multiple ones, or a number (default: as the model or the data has them)",
      ).choices(Object.keys(PROBLEMS)),
    )
    .option(
      "--tokenizer <file>",
      'a tokenizer.json, or "bytes" for a token per byte (default: tokenizer.json of the model)',
    )
    .option("--tensor <n>", "number of ranks that split the model's layers", atLeast(1), 1)
    .addOption(expertsOption())
    .option(
      "--zero <n>",
      "number of ranks that split the batch and the optimizer's state (default: all ranks / --tensor)",
      atLeast(1),
    )
    .addOption(
      new Option("--zero-stage <n>", "what those ranks split: 1, optimizer state; 2, gradients too")
        .choices(["1", "2"]).default("1"),
    )
    .addOption(
      new Option(
        "--dtype <type>",
        "type in which weights are stored and saved (default: as in the files; f32 from scratch)",
      ).choices(["f32", "bf16", "f16"]),
    )
    .option(
      "--master-weights",
      "with bf16 or f16: update f32 copies of the weights (default, unless --rounding is stochastic)",
    )
    .option("--no-master-weights", "with bf16 or f16: update the weights themselves")
    .addOption(
      new Option(
        "--rounding <how>",
        "with bf16 or f16 without master weights: rounding of updates (default: nearest)",
      ).choices(["nearest", "stochastic"]),
    )
    .addOption(
      new Option("--algorithm <name>", "update rule")
        .choices(["adafactor", "came", "adamw"]).default("adafactor"),
    )
    .option(
      "--beta1 <x>",
      "decay of momentum (default: 0.9; Adafactor: no momentum)",
      probability,
    )
    .option(
      "--weight-decay <x>",
      "decoupled weight decay, times the step size (default: 0; AdamW: 0.01)",
      notNegative,
    )
    .option(
      "--max-gradient-norm <x>",
      "scale gradients down to this norm over all weights (default: never)",
      above(0),
    )
    .option(
      "--dropout <p>",
      'dropout probability in training: a number for all layers, 0 for none, or "config" for the probabilities of config.json, ' +
        "as in transformers",
      dropout,
      "config",
    )
    .option(
      "--freeze <patterns...>",
      'do not train parameters with these names, as in the files: "model.embed_tokens.*", "model.layers.[0-9].*"',
    )
    .option(
      "--recompute",
      "activation checkpointing: keep only the inputs of blocks for backward; saves memory, takes a third more time",
      false,
    )
    .option("--batch <n>", "windows per micro-batch, over all ranks", atLeast(1), 8)
    .option("--accumulate <n>", "micro-batches per step (gradient accumulation)", atLeast(1), 1)
    .option(
      "--context <n>",
      "tokens per window (default: 128, or the most that the model supports)",
      atLeast(1),
    )
    .option(
      "--lr <x>",
      `learning rate (default: ${FINE_TUNING_RATE} after a warm-up; from scratch Adafactor's relative step, scaled by the RMS of each ` +
        "parameter)",
      above(0),
    )
    .addOption(
      new Option(
        "--schedule <name>",
        "schedule of the learning rate after the warmup (default: constant)",
      )
        .choices(Object.keys(SCHEDULES)),
    )
    .option(
      "--warmup <n>",
      `steps in which the learning rate grows from 0 (default: 0; without --lr ${FINE_TUNING_WARMUP}, or half of --steps)`,
      atLeast(0),
    )
    .option("--steps <n>", "number of training steps (default: 100)", atLeast(0))
    .option(
      "--epochs <x>",
      "passes over the data instead of --steps: 3, or 0.5 for half of it",
      above(0),
    )
    .option(
      "--max-time <duration>",
      "end after the step in which this time since the start is over, such as 90s, 30m or 2h, evaluate and save",
      duration,
    )
    .option("--eval <n>", "steps between evaluations; 0: only before and after", atLeast(0), 0)
    .option("--eval-tokens <n>", "number of held-out tokens per evaluation", atLeast(1), 16384)
    .option("--seed <n>", "seed of windows, initial weights, rounding and sampling", atLeast(0), 1)
    .option("--sample <text>", "text to continue after training")
    .option("--sample-tokens <n>", "number of tokens to sample", atLeast(1), 100)
    .option(
      "--temperature <x>",
      "sampling temperature; 0: always the most likely token",
      notNegative,
      1,
    )
    .option("--top-k <n>", "sample from the n most likely tokens (default: from all)", atLeast(0))
    .option(
      "--top-p <x>",
      "sample from the most likely tokens that have this probability together (default: 1, all)",
      share,
    )
    .option("--save <folder>", "where to save the trained model, in the format of Hugging Face")
    .option("--checkpoints <folder>", "where to save checkpoints, to go on from after a crash")
    .option(
      "--checkpoint-every <n>",
      "steps between checkpoints; there is one after the last step and after Ctrl-C, too (default: 100)",
      atLeast(1),
    )
    .option("--keep <n>", "how many of the latest checkpoints stay (default: 2)", atLeast(1))
    .option("--keep-best", "also keep the checkpoint of the lowest held-out loss", false)
    .option(
      "--resume",
      "go on from the latest whole checkpoint in --checkpoints, if there is one",
      false,
    )
    .option("--log <file>", "where to write JSON lines (default: stdout if it is not a terminal)")
    .option("--curve <file>", "where to draw the losses at the end, as a picture in SVG")
    .addOption(deviceOption())
    .showHelpAfterError("(--help explains the options)")
    .allowExcessArguments(false)
    .exitOverride(endAfterUsage);
}

/** The error for flags that are valid on their own but not together; undefined if there is none. */
function conflictOf(
  { worldSize, ...flags }: Omit<ParsedFlags, "zero"> & {
    readonly zero: number;
    readonly worldSize: number;
  },
): string | undefined {
  const { tensor, zero, batch, dtype, masterWeights, rounding, steps, epochs } = flags;
  if (tensor * zero !== worldSize) {
    return `a mesh of --tensor ${tensor} x --zero ${zero} needs ${tensor * zero} ranks, and there ${
      worldSize === 1 ? "is 1" : `are ${worldSize}`
    }: start as many with src/cli/launch.ts --ranks ${tensor * zero}`;
  }
  const split = expertsConflict(flags);
  if (split !== undefined) return split;
  if (batch < zero) {
    return `--batch ${batch} windows cannot be shared by ${zero} ranks: give at least ${zero}`;
  }
  const precision = precisionConflict({
    masterWeights,
    rounding,
    dtype: dtype ?? (flags.fromScratch ? "f32" : undefined),
  });
  if (precision !== undefined) return precision;
  const { checkpoints, checkpointEvery, keep, keepBest, resume } = flags;
  if (checkpoints === undefined) {
    const given = { "--checkpoint-every": checkpointEvery, "--keep": keep };
    const flag = Object.entries(given).find(([_, value]) => value !== undefined)?.[0] ??
      (keepBest ? "--keep-best" : resume ? "--resume" : undefined);
    if (flag !== undefined) return `${flag} needs --checkpoints, the folder that they are in`;
  }
  if (worldSize > 1 && [...flags.data, ...flags.evalData ?? []].includes("-")) {
    return "--data - is for one rank, as standard input can be read once: write it to a file, and give that";
  }
  const { sample, topK, topP } = flags;
  if (sample === undefined && (topK !== undefined || topP !== undefined)) {
    return `${topK === undefined ? "--top-p" : "--top-k"} is for the text of --sample: give one`;
  }
  if (steps !== undefined && epochs !== undefined) {
    return `--steps ${steps} and --epochs ${epochs} both say how long to train: leave one of them out`;
  }
  return stepSizeConflict(flags);
}
