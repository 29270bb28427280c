// Samples the continuation of a text, token by token:
//
//   p_i = e^(x_i / temperature) / sum_j e^(x_j / temperature)       x: logits at the last token
//
// The sampled token is the first at which the sum of p passes a random number; with topK and topP, the first of the most likely ones in
// their order, which needs them sorted. All ranks have the same logits and the same random
// numbers, so they sample the same text. A cache keeps the keys and values of the tokens before, until the text is longer than the
// context: from then on the whole window is computed for each token, as all of its positions change.

import type { Device } from "../device/device.ts";
import type { RandomStream } from "../nn/philox.ts";
import { drawToken as drawFiltered } from "../models/generation/next_token.ts";
import { KeyValueCache } from "../models/cache/key_value_cache.ts";
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
  /** Samples only from this many of the most likely tokens. Default: from all. */
  readonly topK?: number | undefined;
  /** Samples only from the most likely tokens that have this probability together. Default: from all. */
  readonly topP?: number | undefined;
  readonly random: RandomStream;
}

/** Samples the tokens after the prompt. */
export async function sampleTokens(
  model: LanguageModel,
  { device, prompt, length, context, random, ...rules }: SampleOptions,
): Promise<number[]> {
  const tokens = [...prompt];
  const most = Math.min(context, model.longestCached);
  using cache = new KeyValueCache();
  for (let position = 0; position < length; position++) {
    using last = tokens.length <= most
      ? await afterCached(model, {
        device,
        tokens: position === 0 ? tokens : tokens.slice(-1),
        cache,
      })
      : await afterWindow(model, { device, tokens: tokens.slice(-context) });
    const { temperature, topK, topP } = rules;
    const options = { temperature, uniform: random.uniform(position) };
    const isFiltered = temperature > 0 && (topK !== undefined || topP !== undefined);
    const logits = await last.data();
    tokens.push(
      isFiltered ? drawFiltered(logits, { ...options, topK, topP }) : drawToken(logits, options),
    );
  }
  return tokens.slice(prompt.length);
}

/** Logits [1, 1, V] after `tokens`, which follow those in the cache. */
async function afterCached(
  model: LanguageModel,
  { device, tokens, cache }: {
    readonly device: Device;
    readonly tokens: readonly number[];
    readonly cache: KeyValueCache;
  },
): Promise<Tensor> {
  using input = Tensor.from(device, Uint32Array.from(tokens), { shape: [1, tokens.length] });
  return await model.nextLogits(input, cache);
}

/** Logits [1, 1, V] after a whole window, released with it. */
async function afterWindow(
  model: LanguageModel,
  { device, tokens }: { readonly device: Device; readonly tokens: readonly number[] },
): Promise<Tensor> {
  const { length } = tokens;
  using input = Tensor.from(device, Uint32Array.from(tokens), { shape: [1, length] });
  return slice(await model.logits(input), { dim: 1, begin: length - 1, end: length });
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
