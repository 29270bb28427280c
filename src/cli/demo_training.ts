// The training of the demo: a small GPT-2 on bytes, with settings for both its ranks and the program that starts them.
//
// Chosen so that trainings on four ranks and then on one take a minute on two cores, and beat the n-gram baseline. Such a model learns
// fast with few positions and with larger initial weights than GPT-2's.

import type { Device } from "../device/device.ts";
import { Decoder } from "../models/decoder.ts";
import { newModel } from "../models/new_model.ts";
import { RandomSource } from "../nn/philox.ts";
import { linearSchedule } from "../optim/options/schedule.ts";
import type { Corpus } from "../train/corpus.ts";
import { tokensInMemory } from "../train/token_sequence.ts";
import type { LanguageTrainingOptions } from "../train/language_training.ts";

/** The flags of the demo that concern its training. */
export interface DemoTrainingOptions {
  readonly steps: number;
  readonly tensor: number;
  readonly zero: number;
  readonly seed: number;
}

/** Default number of training steps: enough to beat the order-2 byte model on the default text. */
export const DEFAULT_STEPS = 800;

/** Windows of a step, over all ranks. */
export const BATCH = 16;

/** Attention heads, which tensor-parallel ranks divide among themselves. */
export const HEADS = 4;

/** Tokens of a window; each is a byte. */
const CONTEXT = 32;

/** Without dropout, so that the model learns enough in a minute. */
const GPT2 = {
  model_type: "gpt2",
  architectures: ["GPT2LMHeadModel"],
  vocab_size: 256,
  n_positions: CONTEXT,
  n_embd: 64,
  n_layer: 2,
  n_head: HEADS,
  initializer_range: 0.1,
  resid_pdrop: 0,
  embd_pdrop: 0,
  attn_pdrop: 0,
};

/** The model before training, the same for the same seed; the caller disposes of it. */
export function demoModel(device: Device, seed: number): Decoder {
  return newModel(device, GPT2, { random: new RandomSource(seed), model: Decoder });
}

/** The options of its training on `text`. */
export function demoTraining(
  { steps, tensor, zero, seed }: DemoTrainingOptions,
  text: Corpus,
): LanguageTrainingOptions {
  return {
    text: { train: tokensInMemory(text.train), heldOut: tokensInMemory(text.heldOut) },
    context: CONTEXT,
    batch: BATCH,
    accumulate: 1,
    steps,
    seed,
    tensor,
    zero,
    zeroStage: 2,
    optimizer: { beta1: 0.9 },
    lr: linearSchedule(8e-3, { steps: steps + 1, warmup: Math.min(30, steps) }),
    evaluateEvery: 0,
    evaluateTokens: 32768,
    sample: { prompt: [...text.heldOut.subarray(0, CONTEXT)], length: 240, temperature: 0.8 },
  };
}
