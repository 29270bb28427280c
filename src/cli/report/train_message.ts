// What is reported of a training: the lines of its log, and what they are made of.

import type { FloatType } from "../../tensor/dtype.ts";
import type { TaskName } from "../../train/task.ts";
import type { TrainingEvent } from "../../train/training_options.ts";
import type { Algorithm } from "../../train/training_optimizer.ts";
import type { InputFile } from "./input_files.ts";
import type { MemoryInUse } from "./progress_bar.ts";

/** A line of the log; sampled tokens are text here. */
export type TrainMessage =
  | {
    readonly kind: "start";
    readonly device: string;
    /** The command's arguments. */
    readonly flags: readonly string[];
    /** Of this package and of Deno. */
    readonly versions: { readonly meshfactor: string; readonly deno: string };
    /** What was read. */
    readonly files: readonly InputFile[];
    /** What was chosen, by flags or by default: step sizes, and how weights are stored and updated. */
    readonly choices: readonly string[];
    readonly algorithm: Algorithm;
    /** The learning rate after the warm-up. */
    readonly peakLr: number | "relative";
    readonly schedule: string;
    readonly warmup: number;
    readonly dtypes: readonly FloatType[];
    readonly masterWeights: boolean;
    readonly rounding: "nearest" | "stochastic";
    /** Number of elements of all parameters. */
    readonly parameters: number;
    /** Of those that are not frozen. */
    readonly trainedParameters: number;
    readonly tensor: number;
    readonly zero: number;
    readonly task: TaskName;
    readonly steps: number;
    /** What the data is, in words. */
    readonly data: string;
    /** Its counts, which are fields of their own in the log, such as `trainTokens`. */
    readonly counts: Readonly<Record<string, number>>;
  }
  | StepEvent & { readonly memory: MemoryInUse }
  | Exclude<TrainingEvent, StepEvent>
  | { readonly kind: "sample"; readonly prompt: string; readonly text: string }
  | { readonly kind: "saved"; readonly folder: string }
  | {
    readonly kind: "stopped";
    readonly step: number;
    /** Why it ended before its last step, if no signal ended it. */
    readonly reason?: string;
  };

type StepEvent = Extract<TrainingEvent, { readonly kind: "step" }>;

/** The fields that the report adds to messages. */
type Added = "flags" | "versions" | "files" | "memory";

/** A message as the training gives it. */
export type TrainEvent = DistributiveOmit<TrainMessage, Added>;

type DistributiveOmit<Union, Keys extends string> = Union extends unknown ? Omit<Union, Keys>
  : never;
