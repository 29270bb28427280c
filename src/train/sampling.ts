// Samples the continuation of a text, token by token, by the rules of models/generation/next_token.ts. All ranks have the same logits and
// the same random numbers, so they sample the same text. A cache keeps the keys and values of the tokens before, until the text is
// longer than the context: from then on the whole window is computed for each token, as all of its positions change.

import type { Device } from "../device/device.ts";
import type { RandomStream } from "../nn/philox.ts";
import { drawToken, mostLikely } from "../models/generation/next_token.ts";
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
  /** Samples only from the most likely tokens that have this probability together. Default: 1, all. */
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
    const logits = await last.data();
    const uniform = random.uniform(position);
    tokens.push(
      rules.temperature === 0 ? mostLikely(logits) : drawToken(logits, { ...rules, uniform }),
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
