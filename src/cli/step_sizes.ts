// Step sizes from --lr, --schedule and --warmup. Without --lr a model from scratch takes Adafactor's relative steps, 1e-2 times the RMS
// of each parameter at first. To loaded weights they do harm: those get a small constant rate after a warm-up.

import {
  constantSchedule,
  cosineSchedule,
  inverseSquareRootSchedule,
  linearSchedule,
  type Schedule,
} from "../optim/options/schedule.ts";
import type { Algorithm } from "../train/training_optimizer.ts";

/** The schedules by the names of --schedule, and whether they end with the last step. */
export const SCHEDULES = {
  constant: { make: constantSchedule, ends: false },
  linear: { make: linearSchedule, ends: true },
  cosine: { make: cosineSchedule, ends: true },
  "inverse-sqrt": { make: inverseSquareRootSchedule, ends: false },
} as const;

/** The flags that step sizes follow from. */
export interface StepSizeFlags {
  readonly lr?: number | undefined;
  readonly schedule?: keyof typeof SCHEDULES | undefined;
  readonly warmup?: number | undefined;
  readonly fromScratch: boolean;
  readonly algorithm: Algorithm;
}

/** Step sizes, and what they are for the log. */
export interface StepSizes {
  /** Undefined for Adafactor's relative step. */
  readonly lr: Schedule | undefined;
  readonly peak: number | "relative";
  readonly schedule: keyof typeof SCHEDULES;
  readonly warmup: number;
  /** Whether the rate is the default of loaded weights. */
  readonly isDefault: boolean;
}

/** The default rate of loaded weights: over the first steps held-out loss falls on prose, code and other languages alike. */
export const FINE_TUNING_RATE = 5e-5;
/** Its warm-up, or half of the steps if they are fewer. */
export const FINE_TUNING_WARMUP = 10;

/** The step sizes of `steps` steps from consistent flags. @throws {RangeError} if the schedule ends during the warm-up */
export function stepSizesOf(
  { lr, schedule = "constant", warmup, fromScratch }: StepSizeFlags,
  steps: number,
): StepSizes {
  if (SCHEDULES[schedule].ends && (warmup ?? 0) >= steps) {
    throw new RangeError(
      `--schedule ${schedule} ends with the last step, so --warmup ${warmup ?? 0} must be less ` +
        `than the number of steps, ${steps}`,
    );
  }
  if (lr === undefined && fromScratch) {
    return { lr: undefined, peak: "relative", schedule, warmup: 0, isDefault: false };
  }
  const isDefault = lr === undefined;
  const peak = lr ?? FINE_TUNING_RATE;
  const ownWarmup = isDefault ? Math.min(FINE_TUNING_WARMUP, Math.floor(steps / 2)) : 0;
  const shape = { steps: steps + 1, warmup: warmup ?? ownWarmup };
  // A schedule that ends does so one step after the last one, so that no step has size 0.
  const make = SCHEDULES[schedule].make;
  return { lr: make(peak, shape), peak, schedule, warmup: shape.warmup, isDefault };
}

/** The error for flags that are valid on their own but not together; undefined if there is none. */
export function stepSizeConflict(
  { lr, schedule, warmup, fromScratch, algorithm }: StepSizeFlags,
): string | undefined {
  if (lr === undefined && fromScratch && algorithm !== "adafactor") {
    return `--algorithm ${algorithm} from scratch needs --lr: only Adafactor has a relative step`;
  }
  // Its first updates are about ten times as large as those of the others, until its averages have filled.
  if (lr === undefined && algorithm === "came") {
    return "--algorithm came needs --lr: it has no default, and wants about a tenth of AdamW's";
  }
  const shape = schedule ?? (warmup === undefined ? undefined : "constant");
  if (shape === undefined) return undefined;
  if (lr === undefined && fromScratch) {
    const flag = schedule === undefined ? "--warmup" : "--schedule";
    return `${flag} needs --lr: without it Adafactor's relative step has a schedule of its own`;
  }
  return undefined;
}

/** For people: "learning rate 0.001, cosine after a warm-up of 5 steps". */
export function describeStepSizes({ peak, schedule, warmup, isDefault }: StepSizes): string {
  if (peak === "relative") return "relative step, scaled by the RMS of each parameter";
  const after = warmup === 0 ? "" : ` after a warm-up of ${warmup} steps`;
  const why = isDefault ? " (default for loaded weights; --lr sets another)" : "";
  return `learning rate ${peak}, ${schedule}${after}${why}`;
}
