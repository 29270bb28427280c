// Trains a decoder on a text, and samples a continuation at the end.

import type { World } from "../distributed/world.ts";
import type { Decoder } from "../models/decoder.ts";
import { RandomSource } from "../nn/philox.ts";
import type { TokenSplit } from "./data/held_out.ts";
import { languageModel } from "./distributed_model.ts";
import { sampleTokens } from "./sampling.ts";
import { causalWindows } from "./tasks/causal_windows.ts";
import { train, type TrainingResult } from "./training.ts";
import type { TrainingEvent, TrainingOptions } from "./training_options.ts";

/** The options of a training on a text; equal on all ranks except for `signal` and `onEvent`. */
export interface LanguageTrainingOptions extends Omit<TrainingOptions, "onEvent"> {
  readonly text: TokenSplit;
  /** Tokens per window. */
  readonly context: number;
  /** Number of held-out tokens of an evaluation, at least one window. */
  readonly evaluateTokens: number;
  /** A text to sample at the end. */
  readonly sample?: SampledText | undefined;
  /** Receives the events of the training. */
  readonly onEvent?: (event: LanguageTrainingEvent) => void;
}

/** A text to continue. */
export interface SampledText {
  readonly prompt: readonly number[];
  readonly length: number;
  readonly temperature: number;
}

/** An event of a training on a text. */
export type LanguageTrainingEvent =
  | TrainingEvent
  | { readonly kind: "sample"; readonly tokens: readonly number[] };

/**
 * Trains `model`, which the caller owns; evaluates it before, during and after training, and samples a text at the end. If a signal
 * stops it, it neither evaluates nor samples at the end.
 *
 * @throws {Error} on every rank if ranks have different texts, options or weights.
 */
export async function trainLanguageModel(
  world: World,
  model: Decoder,
  { text, context, evaluateTokens, sample, ...options }: LanguageTrainingOptions,
): Promise<TrainingResult> {
  const { seed, onEvent } = options;
  const task = causalWindows({ ...text, context, evaluateTokens, seed });
  const result = await train(world, { ...options, model, task });
  if (sample === undefined || result.stopped) return result;
  const [{ device }] = model.parameters();
  const random = new RandomSource(seed).stream();
  const distributed = languageModel(model, result.split);
  const tokens = await sampleTokens(distributed, { device, context, random, ...sample });
  onEvent?.({ kind: "sample", tokens });
  return result;
}
