// The flags of the generation command. They are checked before a model is loaded, and an error says what to give instead.

import { Command } from "commander";
import type { DeviceKind } from "../device/device.ts";
import type { ExpertSplit } from "../models/splitting/split_plan.ts";
import type { FloatType } from "../tensor/dtype.ts";
import { deviceOption, dtypeOption } from "./device_flags.ts";
import { expertsConflict, expertsOption } from "./expert_flags.ts";
import { above, atLeast, notNegative, share } from "./flag_values.ts";
import { endAfterUsage, parseFlags, USAGE_CODE } from "./usage.ts";

/** The options of the generation command. */
export interface GenerateFlags {
  /** A folder, or a model's id on the hub. */
  readonly model: string;
  /** A branch, tag or commit on the hub. */
  readonly revision?: string;
  /** The texts of --prompt. */
  readonly prompt?: readonly string[];
  /** A file of prompts. */
  readonly prompts?: string;
  readonly chat: boolean;
  readonly system?: string;
  /** "bytes" or a path. */
  readonly tokenizer: string;
  readonly maxNewTokens?: number;
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly repetitionPenalty?: number;
  readonly seed: number;
  readonly stop: readonly string[];
  /** Whether the model's end tokens end a text. */
  readonly eos: boolean;
  readonly context?: number;
  /** Prompts that are continued together. */
  readonly batch: number;
  readonly tensor: number;
  /** What each of those ranks has of a mixture of experts. */
  readonly experts?: ExpertSplit;
  /** Default: as the files have them. */
  readonly dtype?: FloatType;
  readonly device: DeviceKind | "auto";
}

/** Parses the flags of one of `worldSize` ranks; prints help or an error and exits, with code 2 after an error. */
export function parseGenerateFlags(args: readonly string[], worldSize: number): GenerateFlags {
  const command = generateCommand();
  const flags = parseFlags<Omit<GenerateFlags, "tokenizer"> & { readonly tokenizer?: string }>(
    command,
    args,
    { "--model": "the folder of a model, or its id on the hub" },
  );
  const conflict = conflictOf(flags, worldSize);
  if (conflict !== undefined) command.error(`error: ${conflict}`, { exitCode: USAGE_CODE });
  return { ...flags, tokenizer: flags.tokenizer ?? `${flags.model}/tokenizer.json` };
}

function generateCommand(): Command {
  return new Command("generate")
    .description(
      "Continues text with a decoder, such as GPT-2 or Llama, or answers it with T5 or a chat model.\n\n" +
        'deno run -P=train src/cli/generate.ts --model gpt2 --prompt "Once upon a time"\n' +
        'deno run -P=train src/cli/generate.ts --model SmolLM2 --chat --prompt "Who was Ada Lovelace?" --temperature 0.7\n' +
        "echo To be or not to be | deno run -P=train src/cli/generate.ts --model gpt2\n\n" +
        "The new text of a single prompt is printed as it is generated; of several prompts, as one JSON line each, in their order.\n" +
        "What no flag says is taken from the model's generation_config.json. Without sampling there, and without --temperature,\n" +
        "--top-k and --top-p, the most likely token is taken.",
    )
    .option(
      "--model <folder or id>",
      "folder with config.json and model.safetensors, in the format of Hugging Face; or a model on its hub, such as " +
        "HuggingFaceTB/SmolLM2-135M-Instruct, which is downloaded",
    )
    .option("--revision <name>", "branch, tag or commit of a model on the hub (default: main)")
    .option("--prompt <texts...>", "texts to continue (default: all of stdin)")
    .option(
      "--prompts <file>",
      'a file of texts to continue, one a line; of .jsonl, objects with "prompt", or "messages" with --chat',
    )
    .option("--chat", "the prompt is a message, put into the model's chat template", false)
    .option("--system <text>", "with --chat: the system message")
    .option(
      "--tokenizer <file>",
      'a tokenizer.json, or "bytes" for a token per byte (default: tokenizer.json of the model)',
    )
    .option("--max-new-tokens <n>", "most tokens to append (default: 128)", atLeast(1))
    .option(
      "--temperature <x>",
      "sampling temperature, less than 1 for likelier text; 0: always the most likely token",
      notNegative,
    )
    .option("--top-k <n>", "sample from the n most likely tokens; 0: from all", atLeast(0))
    .option(
      "--top-p <x>",
      "sample from the most likely tokens that have this probability together",
      share,
    )
    .option(
      "--repetition-penalty <x>",
      "more than 1 makes tokens of the text so far less likely",
      above(0),
    )
    .option("--seed <n>", "seed of sampling", atLeast(0), 1)
    .option("--stop <texts...>", "texts that end the new text, which is cut before them", [])
    .option("--no-eos", "go on after the model's end tokens")
    .option("--context <n>", "the model gets at most this many of the last tokens", atLeast(1))
    .option("--batch <n>", "of several prompts, how many are continued together", atLeast(1), 8)
    .option("--tensor <n>", "ranks that split the model, started by the launcher", atLeast(1), 1)
    .addOption(expertsOption())
    .addOption(dtypeOption())
    .addOption(deviceOption())
    .showHelpAfterError("(--help explains the options)")
    .allowExcessArguments(false)
    .exitOverride(endAfterUsage);
}

/** The error for flags that are valid on their own but not together; undefined if there is none. */
function conflictOf(
  { prompt, prompts, chat, system, tensor, experts, tokenizer }:
    & Omit<GenerateFlags, "tokenizer">
    & {
      readonly tokenizer?: string;
    },
  worldSize: number,
): string | undefined {
  if (prompt !== undefined && prompts !== undefined) {
    return "--prompt and --prompts both give texts: leave one of them out";
  }
  if (system !== undefined && !chat) return "--system is a message of a chat: give --chat with it";
  if (chat && tokenizer === "bytes") {
    return "--chat needs the chat template of a model's tokenizer, and --tokenizer bytes has none";
  }
  if (tensor !== worldSize) {
    return `--tensor ${tensor} needs ${tensor} ranks, and there ${
      worldSize === 1 ? "is 1" : `are ${worldSize}`
    }: start as many with src/cli/launch.ts --ranks ${tensor}`;
  }
  return expertsConflict({ experts, tensor });
}
