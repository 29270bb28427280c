// The flags of the training command, checked together: what a wrong one is told is what to give instead.

import { Command, InvalidArgumentError, Option } from "commander";
import type { DeviceKind } from "../device/device.ts";
import {
  constantSchedule,
  cosineSchedule,
  inverseSquareRootSchedule,
  linearSchedule,
  type Schedule,
} from "../optim/options/schedule.ts";
import type { FloatType } from "../tensor/dtype.ts";
import { endAfterUsage, USAGE_CODE } from "./usage.ts";

/** The flags. */
export interface TrainOptions {
  readonly model: string;
  readonly fromScratch: boolean;
  readonly data: readonly string[];
  /** "bytes" or a path. */
  readonly tokenizer: string;
  readonly tensor: number;
  readonly zero: number;
  readonly zeroStage: 1 | 2;
  readonly dtype: FloatType;
  readonly masterWeights: boolean;
  readonly rounding: "nearest" | "stochastic";
  readonly recompute: boolean;
  /** "config", or a probability. */
  readonly dropout: "config" | number;
  readonly accumulate: number;
  readonly batch: number;
  /** Default: what the model can see, at most 128. */
  readonly context?: number;
  readonly steps: number;
  /** Step sizes; undefined for Adafactor's own. */
  readonly lr: Schedule | undefined;
  readonly eval: number;
  readonly evalTokens: number;
  readonly seed: number;
  readonly sample?: string;
  readonly sampleTokens: number;
  readonly temperature: number;
  readonly save?: string;
  readonly log?: string;
  readonly device: DeviceKind | "auto";
}

/** Flags as they are given. */
interface GivenFlags extends Omit<TrainOptions, "lr" | "tokenizer" | "zero" | "zeroStage"> {
  readonly tokenizer?: string;
  readonly zero?: number;
  readonly zeroStage: "1" | "2";
  readonly lr?: number;
  readonly schedule?: keyof typeof SCHEDULES | undefined;
  readonly warmup?: number | undefined;
}

/** Parses the flags of one of `worldSize` ranks; prints help or what is wrong and ends the process, with code 2 if it is wrong. */
export function parseTrainOptions(args: readonly string[], worldSize: number): TrainOptions {
  const command = trainCommand();
  command.parse([...args], { from: "user" });
  const { schedule, warmup, ...given } = command.opts<GivenFlags>();
  const zero = given.zero ?? Math.max(1, Math.floor(worldSize / given.tensor));
  const complaint = wrongTogether({ ...given, zero, schedule, warmup, worldSize });
  if (complaint !== undefined) command.error(`error: ${complaint}`, { exitCode: USAGE_CODE });
  const { lr: peak, steps } = given;
  const shape = SCHEDULES[schedule ?? "constant"];
  return {
    ...given,
    tokenizer: given.tokenizer ?? `${given.model}/tokenizer.json`,
    zero,
    zeroStage: given.zeroStage === "1" ? 1 : 2,
    // A schedule that ends does so after the last step: no step has size 0.
    lr: peak === undefined
      ? undefined
      : shape.make(peak, { steps: steps + 1, warmup: warmup ?? 0 }),
  };
}

function trainCommand(): Command {
  return new Command("train")
    .description(
      "Trains a decoder (GPT-2, Llama, Mistral, Qwen2, Qwen3, OPT) on text with Adafactor.\n\n" +
        "On one rank:    deno run -P=train src/cli/train.ts --model gpt2 --data book.txt\n" +
        "On four:        deno run -P=train src/cli/launch.ts --ranks 4 src/cli/train.ts --zero 4 --model gpt2 --data book.txt\n\n" +
        "The last tenth of the text is held out, and judged by before, on the way and after.",
    )
    .requiredOption(
      "--model <folder>",
      "config.json and model.safetensors, as Hugging Face has them",
    )
    .option("--from-scratch", "begin with random weights: only config.json is read", false)
    .requiredOption("--data <paths...>", "text files, or folders of them")
    .option(
      "--tokenizer <file>",
      'a tokenizer.json, or "bytes" for a token per byte (default: tokenizer.json of the model)',
    )
    .option("--tensor <n>", "ranks that split the model's layers", atLeast(1), 1)
    .option(
      "--zero <n>",
      "ranks that split the batch and the optimizer's state (default: all ranks / --tensor)",
      atLeast(1),
    )
    .addOption(
      new Option("--zero-stage <n>", "what they split: 1, state; 2, gradients too")
        .choices(["1", "2"]).default("1"),
    )
    .addOption(
      new Option("--dtype <type>", "how weights are stored and saved")
        .choices(["f32", "bf16", "f16"]).default("f32"),
    )
    .option("--master-weights", "with bf16 or f16: step f32 copies of the weights", false)
    .addOption(
      new Option("--rounding <how>", "with bf16 or f16 and no copies: how steps are rounded")
        .choices(["nearest", "stochastic"]).default("nearest"),
    )
    .option(
      "--dropout <p>",
      'how likely activations are dropped in training: a probability for all, 0 for none, or "config" for those of ' +
        "config.json, as transformers does",
      (text) => text === "config" ? text : probability(text),
      "config",
    )
    .option(
      "--recompute",
      "keep the inputs of blocks only, and compute the rest again in backward: less memory, a third more time",
      false,
    )
    .option("--batch <n>", "windows of a micro-batch, over all ranks", atLeast(1), 8)
    .option("--accumulate <n>", "micro-batches of a step", atLeast(1), 1)
    .option(
      "--context <n>",
      "tokens of a window (default: 128, or all that the model can see if they are fewer)",
      atLeast(1),
    )
    .option(
      "--lr <x>",
      "step size, as it is (default: Adafactor's relative step, times the RMS of each parameter)",
      above(0),
    )
    .addOption(
      new Option("--schedule <name>", "how --lr goes on after the warm-up (default: constant)")
        .choices(Object.keys(SCHEDULES)),
    )
    .option("--warmup <n>", "steps in which --lr grows from 0 (default: 0)", atLeast(0))
    .option("--steps <n>", "steps of training", atLeast(0), 100)
    .option("--eval <n>", "steps between evaluations; 0: before and after only", atLeast(0), 0)
    .option("--eval-tokens <n>", "held-out tokens of an evaluation", atLeast(1), 16384)
    .option("--seed <n>", "of windows, random weights and rounding, and the sample", atLeast(0), 1)
    .option("--sample <text>", "text to go on from at the end")
    .option("--sample-tokens <n>", "how many tokens to write", atLeast(1), 100)
    .option("--temperature <x>", "1: by the model's chances; 0: the likeliest token", above(-1), 1)
    .option("--save <folder>", "where to write the trained model, for transformers too")
    .option("--log <file>", "where to write JSON lines (default: stdout if it is no terminal)")
    .addOption(
      new Option("--device <kind>", "where to compute; auto takes a real GPU if there is one")
        .choices(["auto", "wasm", "webgpu"]).default("auto"),
    )
    .showHelpAfterError("(--help explains the options)")
    .allowExcessArguments(false)
    .exitOverride(endAfterUsage);
}

/** What is wrong with flags that are right by themselves. */
function wrongTogether(
  { worldSize, ...flags }: Omit<GivenFlags, "zero"> & {
    readonly zero: number;
    readonly worldSize: number;
  },
): string | undefined {
  const { tensor, zero, batch, dtype, masterWeights, rounding, lr, schedule, warmup, steps } =
    flags;
  if (tensor * zero !== worldSize) {
    return `a mesh of --tensor ${tensor} x --zero ${zero} needs ${tensor * zero} ranks, and there ${
      worldSize === 1 ? "is 1" : `are ${worldSize}`
    }: start as many with src/cli/launch.ts --ranks ${tensor * zero}`;
  }
  if (batch < zero) {
    return `--batch ${batch} windows cannot be shared by ${zero} ranks: give at least ${zero}`;
  }
  if (masterWeights && rounding === "stochastic") {
    return "--master-weights lose nothing by rounding: leave them or --rounding stochastic out";
  }
  if (dtype === "f32" && (masterWeights || rounding === "stochastic")) {
    const flag = masterWeights ? "--master-weights" : "--rounding stochastic";
    return `${flag} is for weights of 16 bits, and f32 needs none: give --dtype bf16 or f16 with it`;
  }
  const shape = schedule ?? (warmup === undefined ? undefined : "constant");
  if (lr === undefined && shape !== undefined) {
    const flag = schedule === undefined ? "--warmup" : "--schedule";
    return `${flag} needs --lr: without it Adafactor's relative step has a schedule of its own`;
  }
  if (shape !== undefined && SCHEDULES[shape].ends && (warmup ?? 0) >= steps) {
    return `--schedule ${shape} ends with the last step, so --warmup ${
      warmup ?? 0
    } must be less than --steps ${steps}`;
  }
  return undefined;
}

const SCHEDULES = {
  constant: { make: constantSchedule, ends: false },
  linear: { make: linearSchedule, ends: true },
  cosine: { make: cosineSchedule, ends: true },
  "inverse-sqrt": { make: inverseSquareRootSchedule, ends: false },
} as const;

function atLeast(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isInteger(value) || value < least || value > 2 ** 32 - 1) {
      throw new InvalidArgumentError(`It must be an integer >= ${least}.`);
    }
    return value;
  };
}

function probability(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && value < 1) return value;
  throw new InvalidArgumentError('It must be a number from 0 to below 1, or "config".');
}

function above(limit: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isFinite(value) || value <= limit) {
      throw new InvalidArgumentError(`It must be a number > ${limit}.`);
    }
    return value;
  };
}
