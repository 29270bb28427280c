// Samples the continuation of a text, token by token:
//
//   p_i = e^(x_i / temperature) / sum_j e^(x_j / temperature)       x: logits at the last token
//
// The sampled token is the first at which the sum of p passes a random number. All ranks have the same logits and the same random
// numbers, so they sample the same text. The whole window is computed for each token: there is no key-value cache.

import type { Device } from "../device/device.ts";
import type { RandomStream } from "../nn/philox.ts";
import { slice } from "../ops/slice.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { LanguageModel } from "./distributed_model.ts";

/** Options of {@linkcode sampleTokens}. */
export interface SampleOptions {
  readonly device: Device;
  /** Tokens to continue, at least one. */
  readonly prompt: readonly number[];
  /** Number of tokens to sample. */
  readonly length: number;
  /** The model gets this many of the last tokens. */
  readonly context: number;
  /** 1 for the model's own probabilities, less to favour likely tokens; 0 always takes the most likely token. */
  readonly temperature: number;
  readonly random: RandomStream;
}

/** Samples the tokens after the prompt. */
export async function sampleTokens(
  model: LanguageModel,
  { device, prompt, length, context, temperature, random }: SampleOptions,
): Promise<number[]> {
  const tokens = [...prompt];
  for (let position = 0; position < length; position++) {
    const seen = Uint32Array.from(tokens.slice(-context));
    using input = Tensor.from(device, seen, { shape: [1, seen.length] });
    using last = slice(await model.logits(input), {
      dim: 1,
      begin: seen.length - 1,
      end: seen.length,
    });
    const uniform = random.uniform(position);
    tokens.push(drawToken(await last.data(), { temperature, uniform }));
  }
  return tokens.slice(prompt.length);
}

/** The token at which the sum of probabilities passes `uniform`, from 0 to 1. */
export function drawToken(
  logits: Float32Array,
  { temperature, uniform }: { readonly temperature: number; readonly uniform: number },
): number {
  const largest = logits.reduce((a, b) => Math.max(a, b));
  if (temperature === 0) return logits.indexOf(largest);
  const weights = Array.from(logits, (logit) => Math.exp((logit - largest) / temperature));
  let rest = uniform * weights.reduce((a, b) => a + b, 0);
  const index = weights.findIndex((weight) => (rest -= weight) < 0);
  return index < 0 ? weights.length - 1 : index;
}
