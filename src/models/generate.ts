// Autoregressive generation: the chosen token is appended to its text, and the model predicts the one after it.
//
// Decoders, T5, BLIP-2 and Whisper keep the keys and values of the tokens before in a cache, so that a token costs one token's work
// (next_logits.ts);
// other modules, and texts longer than `context`, run the whole text again. How a token is chosen is in generation/next_token.ts.
//
// On a model that is split over ranks, all ranks call the same function with the same texts and options: they have the same logits and
// random numbers, so they choose the same tokens.

import type { Device } from "../device/device.ts";
import { Module } from "../nn/module.ts";
import type { RandomStream } from "../nn/philox.ts";
import { kindOf } from "../tensor/argument_checks.ts";
import { requireObject } from "../tensor/option_names.ts";
import type { FloatTensor } from "../tensor/tensor.ts";
import { Blip2 } from "./blip2.ts";
import { Decoder, type DecoderInput } from "./decoder.ts";
import {
  drawToken,
  mostLikely,
  penalizeRepetition,
  type SamplingRules,
  suppress,
} from "./generation/next_token.ts";
import {
  decoderLogits,
  imageTextLogits,
  type NextLogits,
  recordingLogits,
  targetLogits,
  WholeTextLogits,
} from "./next_logits.ts";
import { T5 } from "./t5.ts";
import { checkTranscription, Whisper } from "./whisper.ts";

/**
 * A model that predicts the next token: a `Decoder`, a module with the same input, a `T5`, which continues the text of its decoder
 * after reading another text, a `Blip2`, which does either after looking at an image, or a `Whisper`, which continues a text after
 * hearing a recording.
 *
 * @category Models
 */
export type Generator = Module<DecoderInput> | T5 | Blip2 | Whisper;

/**
 * Options of {@linkcode generate}.
 *
 * @category Models
 */
export interface GenerateOptions {
  /** The device of the model. */
  readonly device: Device;
  /** Of a `Blip2`, which needs it: an image for each text [B, C, height, width], which has the tokens of its image. */
  readonly pixels?: FloatTensor | undefined;
  /** Of a `Whisper`, which needs it: the features of a recording for each text [B, M, frames]. */
  readonly features?: FloatTensor | undefined;
  /** The maximum number of tokens to append. */
  readonly maxNewTokens: number;
  /** Samples tokens; one random number is drawn per token. Default: the most likely token is taken. */
  readonly sampling?: Sampling | undefined;
  /** The model gets only this many of the last tokens; not for a `Blip2` or a `Whisper`. Default: all. */
  readonly context?: number | undefined;
  /** Tokens that end the text; they are appended, too. Default: none. */
  readonly stopTokens?: readonly number[] | undefined;
  /** Called after each token with the new tokens of its text, which ends if this returns true. Default: never. */
  readonly stopWhen?: ((newTokens: readonly number[], row: number) => boolean) | undefined;
  /** Tokens that are never appended. Default: none. */
  readonly suppressTokens?: readonly number[] | undefined;
  /** Tokens that are not the first to be appended to a text. Default: none. */
  readonly beginSuppressTokens?: readonly number[] | undefined;
  /** Above 0; more than 1 makes tokens of the text so far less likely. Default: 1. */
  readonly repetitionPenalty?: number | undefined;
}

/**
 * How tokens are sampled.
 *
 * @category Models
 */
export interface Sampling extends SamplingRules {
  /** Source of random numbers: the same stream gives the same text. */
  readonly random: RandomStream;
}

/**
 * A token that was appended to a text.
 *
 * @category Models
 */
export interface GeneratedToken {
  /** The index of its text. */
  readonly row: number;
  /** The token. */
  readonly token: number;
  /** Whether its text ends with it. */
  readonly isLast: boolean;
}

/**
 * Continues a text by predicting one token after the other.
 *
 * @param tokens The text to continue; for a T5, the text of its encoder; for a Blip2, with the tokens of its image; for a Whisper, the
 *   prompt: start, language and task.
 * @returns the whole text; of a T5, the decoder's, with its start token
 * @throws {TypeError} if images are given to another model than a Blip2, or none to it
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
  model: Generator,
  tokens: readonly number[],
  options: GenerateOptions,
): Promise<number[]> {
  checkTokens(tokens);
  const [text] = await generateBatch(model, [tokens], options);
  return text;
}

/**
 * Continues several texts together, which may differ in length; each ends by itself, and none changes another.
 *
 * @returns the whole texts, as {@linkcode generate}
 * @throws {RangeError} as {@linkcode generate}
 *
 * @example
 * ```ts
 * import { Decoder, newModel, RandomSource, requestDevice } from "@meshfactor/adafactor";
 * import { generateBatch } from "@meshfactor/adafactor/models";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * const config = { model_type: "gpt2", vocab_size: 16, n_embd: 8, n_layer: 1, n_head: 2, n_positions: 8 };
 * using model = newModel(device, config, { random: new RandomSource(1), model: Decoder });
 * const texts = await generateBatch(model, [[3, 5], [7]], { device, maxNewTokens: 4 });
 * console.log(texts.map(({ length }) => length)); // 6, 5
 * ```
 *
 * @category Models
 */
export async function generateBatch(
  model: Generator,
  texts: readonly (readonly number[])[],
  options: GenerateOptions,
): Promise<number[][]> {
  checkArguments(model, texts, options);
  const whole = texts.map((tokens) => beginOf(model, tokens));
  for await (const { row, token } of generateTokens(model, texts, options)) whole[row].push(token);
  return whole;
}

/**
 * As {@linkcode generateBatch}, one token at a time: the next token of the first text, of the second, ..., then those after them. To end
 * early, leave the loop.
 *
 * Of a text with index `row`, token k is drawn with the random number at 2^32 row + k of the stream.
 *
 * @throws {RangeError} as {@linkcode generate}
 *
 * @example
 * ```ts
 * import { Decoder, newModel, RandomSource, requestDevice } from "@meshfactor/adafactor";
 * import { generateTokens } from "@meshfactor/adafactor/models";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * const config = { model_type: "gpt2", vocab_size: 16, n_embd: 8, n_layer: 1, n_head: 2, n_positions: 8 };
 * using model = newModel(device, config, { random: new RandomSource(1), model: Decoder });
 * for await (const { token } of generateTokens(model, [[3, 5]], { device, maxNewTokens: 4 })) {
 *   console.log(token);
 * }
 * ```
 *
 * @category Models
 */
export async function* generateTokens(
  model: Generator,
  texts: readonly (readonly number[])[],
  options: GenerateOptions,
): AsyncGenerator<GeneratedToken> {
  checkArguments(model, texts, options);
  checkOptions(texts, options);
  checkImages(model, options);
  if (model instanceof Whisper) checkTranscription(model, texts, options);
  else if (options.features !== undefined) {
    throw new TypeError(`A ${model.constructor.name} hears no recordings: leave features out`);
  }
  const { maxNewTokens, stopTokens = [], stopWhen } = options;
  if (maxNewTokens === 0 || texts.length === 0) return;
  const rows = texts.map((tokens, row) => {
    const begin = beginOf(model, tokens);
    return { row, tokens: begin, numGiven: begin.length };
  });
  using nextLogits = logitsOf(model, { texts, options });
  for (let active = rows; active.length > 0;) {
    const logits = await nextLogits.of(active);
    const ended = new Set<number>();
    for (const [k, { row, tokens, numGiven }] of active.entries()) {
      const position = tokens.length - numGiven;
      const token = chosen(logits[k], { tokens, row, position, options });
      tokens.push(token);
      const isStopped = stopWhen?.(tokens.slice(numGiven), row) ?? false;
      const isLast = isStopped || position + 1 === maxNewTokens || stopTokens.includes(token);
      if (isLast) ended.add(row);
      yield { row, token, isLast };
    }
    active = active.filter(({ row }) => !ended.has(row));
  }
}

/** The text that is continued: a T5 begins one after reading `tokens`. */
function beginOf(model: Generator, tokens: readonly number[]): number[] {
  const writer = model instanceof Blip2 ? model.language : model;
  return writer instanceof T5 ? [writer.startToken] : [...tokens];
}

function logitsOf(
  model: Generator,
  { texts, options: { device, pixels, features, context = Infinity } }: {
    readonly texts: readonly (readonly number[])[];
    readonly options: GenerateOptions;
  },
): NextLogits {
  if (model instanceof Blip2) return imageTextLogits(model, { device, texts, pixels: pixels! });
  if (model instanceof T5) {
    return targetLogits(model, { device, sources: texts.map((text) => text.slice(-context)) });
  }
  if (model instanceof Whisper) return recordingLogits(model, { device, features: features! });
  if (model instanceof Decoder) return decoderLogits(model, { device, context });
  return new WholeTextLogits(model, { device, context });
}

function chosen(
  logits: Float32Array,
  { tokens, row, position, options }: {
    readonly tokens: readonly number[];
    readonly row: number;
    readonly position: number;
    readonly options: GenerateOptions;
  },
): number {
  const { sampling, repetitionPenalty: penalty = 1 } = options;
  const { suppressTokens = [], beginSuppressTokens = [] } = options;
  const left = suppress(
    penalizeRepetition(logits, { seen: tokens, penalty }),
    position === 0 ? [...suppressTokens, ...beginSuppressTokens] : suppressTokens,
  );
  if (sampling === undefined) return mostLikely(left);
  const { random, ...rules } = sampling;
  return drawToken(left, { ...rules, uniform: random.uniform(2 ** 32 * row + position) });
}

/** @throws {TypeError} if an argument is of another kind */
function checkArguments(model: Generator, texts: readonly unknown[], options: object): void {
  if (!(model instanceof Module)) {
    throw new TypeError(`generate() wants a model that predicts tokens, got ${kindOf(model)}`);
  }
  if (!Array.isArray(texts)) {
    throw new TypeError(`generateBatch() wants an array of texts, got ${kindOf(texts)}`);
  }
  texts.forEach(checkTokens);
  requireObject("generate()", options, "device");
}

function checkTokens(tokens: unknown): void {
  if (Array.isArray(tokens) || ArrayBuffer.isView(tokens)) return;
  throw new TypeError(
    `generate() wants a text as an array of tokens, as a tokenizer encodes it, got ${
      kindOf(tokens)
    }`,
  );
}

function checkImages(model: Generator, { pixels, context }: GenerateOptions): void {
  if (!(model instanceof Blip2)) {
    if (pixels === undefined) return;
    throw new TypeError(`A ${model.constructor.name} sees no images: leave pixels out`);
  }
  if (pixels === undefined) throw new TypeError("A Blip2 needs images: give pixels");
  if (context === undefined) return;
  throw new TypeError("A Blip2 reads whole texts, with the tokens of images: leave context out");
}

function checkOptions(
  texts: readonly (readonly number[])[],
  { maxNewTokens, sampling, context, repetitionPenalty = 1 }: GenerateOptions,
): void {
  if (texts.some(({ length }) => length === 0)) {
    throw new RangeError("generate() needs a text to continue, got no tokens: give at least one");
  }
  const atLeast = (name: string, value: number | undefined, least: number) => {
    if (value === undefined || (Number.isSafeInteger(value) && value >= least)) return;
    throw new RangeError(`generate() wants ${name} to be an integer from ${least}, got ${value}`);
  };
  const above0 = (name: string, value: number) => {
    if (value > 0 && value < Infinity) return;
    throw new RangeError(`generate() wants ${name} above 0, got ${value}`);
  };
  atLeast("maxNewTokens", maxNewTokens, 0);
  atLeast("context", context, 1);
  atLeast("topK", sampling?.topK, 1);
  above0("a repetitionPenalty", repetitionPenalty);
  if (sampling === undefined) return;
  above0("a temperature", sampling.temperature);
  const { topP = 1 } = sampling;
  if (!(topP > 0 && topP <= 1)) {
    throw new RangeError(`generate() wants topP to be above 0 and at most 1, got ${topP}`);
  }
}
