// Autoregressive generation: the predicted token is appended, and the model runs on the whole text again.
//
//   greedy     the most likely token
//   sampling   token k with probability ~ e^(logits[k] / temperature), among the topK most likely if topK is given
//
// There is no key-value cache, so n tokens cost n forward passes over the growing text.

import type { Device } from "../device/device.ts";
import type { Module } from "../nn/module.ts";
import type { RandomStream } from "../nn/philox.ts";
import { slice } from "../ops/slice.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { DecoderInput } from "./decoder.ts";

/**
 * Options of {@linkcode generate}.
 *
 * @category Models
 */
export interface GenerateOptions {
  /** The device of the model. */
  readonly device: Device;
  /** The maximum number of tokens to append. */
  readonly maxNewTokens: number;
  /** Samples tokens; one random number is drawn per token. Default: the most likely token is taken. */
  readonly sampling?: Sampling;
  /** The model gets only this many of the last tokens. Default: all. */
  readonly context?: number;
  /** Tokens that end the text; they are appended, too. Default: none. */
  readonly stopTokens?: readonly number[];
}

/**
 * How tokens are sampled.
 *
 * @category Models
 */
export interface Sampling {
  /** Above 0; a lower temperature favours likely tokens. */
  readonly temperature: number;
  /** Source of random numbers: the same stream gives the same text. */
  readonly random: RandomStream;
  /** Samples only from this many of the most likely tokens. Default: all. */
  readonly topK?: number;
}

/**
 * Continues a text by predicting one token after the other.
 *
 * @returns the whole text
 * @throws {RangeError} if the text is empty, an option is out of range, or the model does not support so long a text.
 *
 * @example
 * ```ts
 * import { Decoder, generate, newModel, RandomSource, requestDevice } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * const config = { model_type: "gpt2", vocab_size: 16, n_embd: 8, n_layer: 1, n_head: 2, n_positions: 8 };
 * using model = newModel(device, config, { random: new RandomSource(1), model: Decoder });
 * const sampling = { temperature: 0.8, random: new RandomSource(2).stream() };
 * const text = await generate(model, [3, 5], { device, maxNewTokens: 4, sampling });
 * console.log(text); // 6 tokens
 * ```
 *
 * @category Models
 */
export async function generate(
  model: Module<DecoderInput>,
  tokens: readonly number[],
  options: GenerateOptions,
): Promise<number[]> {
  const { device, maxNewTokens, sampling, context = Infinity, stopTokens = [] } = options;
  checkOptions(tokens, options);
  const text = [...tokens];
  for (let k = 0; k < maxNewTokens; k++) {
    const logits = await nextLogits(model, { device, seen: text.slice(-context) });
    const token = sampling === undefined ? mostLikely(logits) : sampled(logits, sampling, k);
    text.push(token);
    if (stopTokens.includes(token)) break;
  }
  return text;
}

/** The logits of the token after `seen`. */
async function nextLogits(
  model: Module<DecoderInput>,
  { device, seen }: { readonly device: Device; readonly seen: readonly number[] },
): Promise<Float32Array> {
  const length = seen.length;
  using tokens = Tensor.from(device, seen, { shape: [1, length], dtype: "u32" });
  const logits = await model.forward({ tokens });
  using last = slice(logits, { dim: 1, begin: length - 1, end: length });
  return await last.data();
}

function mostLikely(logits: Float32Array): number {
  return logits.reduce((best, value, k) => value > logits[best] ? k : best, 0);
}

function sampled(
  logits: Float32Array,
  { temperature, random, topK = logits.length }: Sampling,
  position: number,
): number {
  const order = [...logits.keys()].sort((a, b) => logits[b] - logits[a]).slice(0, topK);
  const shares = order.map((k) => Math.exp((logits[k] - logits[order[0]]) / temperature));
  let left = random.uniform(position) * shares.reduce((a, b) => a + b);
  for (const [at, share] of shares.entries()) {
    left -= share;
    if (left < 0) return order[at];
  }
  return order.at(-1)!;
}

function checkOptions(
  tokens: readonly number[],
  { maxNewTokens, sampling, context }: GenerateOptions,
): void {
  if (tokens.length === 0) {
    throw new RangeError("generate() needs a text to continue, got no tokens: give at least one");
  }
  const atLeast = (name: string, value: number | undefined, least: number) => {
    if (value === undefined || (Number.isSafeInteger(value) && value >= least)) return;
    throw new RangeError(`generate() wants ${name} to be an integer from ${least}, got ${value}`);
  };
  atLeast("maxNewTokens", maxNewTokens, 0);
  atLeast("context", context, 1);
  atLeast("topK", sampling?.topK, 1);
  if (sampling !== undefined && !(sampling.temperature > 0 && sampling.temperature < Infinity)) {
    throw new RangeError(`generate() wants a temperature above 0, got ${sampling.temperature}`);
  }
}
