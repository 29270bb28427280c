// The flags of the classification command.

import { Command } from "commander";
import type { DeviceKind } from "../device/device.ts";
import type { FloatType } from "../tensor/dtype.ts";
import { deviceOption, dtypeOption } from "./device_flags.ts";
import { atLeast } from "./flag_values.ts";
import { endAfterUsage, parseFlags, USAGE_CODE } from "./usage.ts";

/** The options of the classification command. */
export interface ClassifyFlags {
  /** A folder, or a model's id on the hub. */
  readonly model: string;
  /** A branch, tag or commit on the hub. */
  readonly revision?: string;
  /** Texts to classify. */
  readonly text?: readonly string[];
  /** Files and folders of texts, records or images, or "-". */
  readonly data?: readonly string[];
  /** A path. */
  readonly tokenizer: string;
  /** Texts or images that are classified together. */
  readonly batch: number;
  readonly context?: number;
  /** Default: as the files have them. */
  readonly dtype?: FloatType;
  readonly device: DeviceKind | "auto";
}

/** Parses the flags; prints help or an error and exits, with code 2 after an error. */
export function parseClassifyFlags(args: readonly string[]): ClassifyFlags {
  const command = classifyCommand();
  const flags = parseFlags<ClassifyFlags>(command, args, {
    "--model": "the folder of a model, or its id on the hub",
  });
  const { text, data } = flags;
  if ((text === undefined) === (data === undefined)) {
    const what = text === undefined
      ? 'there is nothing to classify: give --text "...", or --data with files or - for stdin'
      : "--text and --data both say what to classify: leave one of them out";
    command.error(`error: ${what}`, { exitCode: USAGE_CODE });
  }
  return { ...flags, tokenizer: flags.tokenizer ?? `${flags.model}/tokenizer.json` };
}

function classifyCommand(): Command {
  return new Command("classify")
    .description(
      "Classifies texts, words of texts, or images, with a BERT, ALBERT, ModernBERT, ViT, DINOv2 or SigLIP that has a classifier.\n\n" +
        'deno run -P=train src/cli/classify.ts --model reviews --text "A good film."\n' +
        "deno run -P=train src/cli/classify.ts --model reviews --data texts.jsonl > labels.jsonl\n\n" +
        "Labels and their probabilities are printed as a table in a terminal, else as JSON lines, in the order of the data.",
    )
    .option(
      "--model <folder or id>",
      "folder with config.json and model.safetensors, in the format of Hugging Face; or a model on its hub, which is downloaded",
    )
    .option("--revision <name>", "branch, tag or commit of a model on the hub (default: main)")
    .option("--text <texts...>", "texts to classify")
    .option(
      "--data <paths...>",
      'text files with a text on each line; JSON Lines, CSV or Parquet with a column "text" ("sentence1" and "sentence2" for ' +
        'pairs, "tokens" for words); or images, and folders of them; "-": stdin',
    )
    .option("--tokenizer <file>", "a tokenizer.json (default: that of the model)")
    .option("--batch <n>", "how many are classified together", atLeast(1), 16)
    .option(
      "--context <n>",
      "the model gets at most this many tokens of a text (default: as many as it supports)",
      atLeast(1),
    )
    .addOption(dtypeOption())
    .addOption(deviceOption())
    .showHelpAfterError("(--help explains the options)")
    .allowExcessArguments(false)
    .exitOverride(endAfterUsage);
}
