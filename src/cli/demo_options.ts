// The demo's flags, the same for the program that starts the ranks and for the ranks.

import { Command, Option } from "commander";
import type { DeviceKind } from "../device/device.ts";
import { BATCH, DEFAULT_STEPS, type DemoTrainingOptions, HEADS } from "./demo_training.ts";
import { atLeast } from "./flag_values.ts";
import { endAfterUsage, parseFlags, USAGE_CODE } from "./usage.ts";

/** The demo's flags. */
export interface DemoOptions extends DemoTrainingOptions {
  readonly ranks: number;
  readonly device: DeviceKind | "auto";
  readonly data: readonly string[];
}

/** The flags before they are checked together. */
interface ParsedFlags extends Omit<DemoOptions, "tensor" | "zero" | "data"> {
  readonly tensor?: number;
  readonly zero?: number;
  readonly data?: readonly string[];
}

/** Parses flags; prints help or an error and exits, as is usual for command lines. */
export function parseDemoOptions(args: readonly string[]): DemoOptions {
  const command = new Command("demo")
    .description(
      "Trains a small GPT-2 on the bytes of text on several ranks, each a process of its own, and compares the losses with those " +
        "of one rank and of an order-2 byte model (n-gram baseline).",
    )
    .option("--steps <n>", "number of training steps", atLeast(1), DEFAULT_STEPS)
    .option("--ranks <n>", "number of ranks to start", atLeast(1), 4)
    .option(
      "--tensor <n>",
      "number of ranks that split the model's layers (default: 2, or 1 if --ranks is odd)",
      atLeast(1),
    )
    .option(
      "--zero <n>",
      "number of ranks that split the batch and the optimizer's state (default: ranks / tensor)",
      atLeast(1),
    )
    .addOption(
      new Option("--device <kind>", "compute device; auto takes a real GPU if there is one")
        .choices(["auto", "wasm", "webgpu"]).default("auto"),
    )
    .option(
      "--data <paths...>",
      "text files or folders (default: this project's Markdown and TypeScript)",
    )
    .option("--seed <n>", "seed of initial values, batches and the sample", atLeast(0), 1)
    .showHelpAfterError("(--help explains the options)")
    .allowExcessArguments(false)
    .exitOverride(endAfterUsage);
  const given = parseFlags<ParsedFlags>(command, args);
  const tensor = given.tensor ?? (given.ranks % 2 === 0 ? 2 : 1);
  const zero = given.zero ?? Math.floor(given.ranks / tensor);
  if (tensor * zero !== given.ranks) {
    command.error(
      `error: a mesh of tensor ${tensor} x ZeRO ${zero} needs ${
        tensor * zero
      } ranks, and --ranks is ${given.ranks}: give numbers whose product is that of the ranks`,
      { exitCode: USAGE_CODE },
    );
  }
  if (tensor > HEADS) {
    command.error(
      `error: --tensor ${tensor} is more than the model's ${HEADS} heads: give at most ${HEADS}`,
      { exitCode: USAGE_CODE },
    );
  }
  if (zero > BATCH) {
    command.error(
      `error: --zero ${zero} is more than the ${BATCH} windows of a batch: give at most ${BATCH}`,
      { exitCode: USAGE_CODE },
    );
  }
  return { ...given, tensor, zero, data: given.data ?? [] };
}

/** The flags that parse to these options. */
export function demoFlags({ data, ...numbers }: DemoOptions): string[] {
  const flags = Object.entries(numbers).flatMap(([name, value]) => [`--${name}`, String(value)]);
  return data.length === 0 ? flags : [...flags, "--data", ...data];
}
