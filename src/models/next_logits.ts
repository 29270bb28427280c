// The logits of the token after each of several texts, for generate().
//
//   cached   the first call runs the texts, later ones their last tokens: a model with a cache, as long as a text fits it
//   whole    every call runs each text from its first token, or the last `context` tokens of it

import type { Device } from "../device/device.ts";
import type { Module } from "../nn/module.ts";
import { slice } from "../ops/slice.ts";
import { forwardOnly } from "../tensor/forward_only.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import type { Blip2 } from "./blip2.ts";
import { KeyValueCache } from "./cache/key_value_cache.ts";
import { Decoder, type DecoderInput } from "./decoder.ts";
import type { T5, T5Input } from "./t5.ts";
import type { Whisper } from "./whisper.ts";

/** A text that is being continued. */
export interface GrowingText {
  /** All tokens so far. */
  readonly tokens: readonly number[];
}

/** Computes logits of the next tokens. */
export interface NextLogits extends Disposable {
  /** Logits [V] of the token after each text; texts that are left out are never asked for again. */
  of(texts: readonly GrowingText[]): Promise<Float32Array[]>;
}

/** Every text from its first token on, with any module. */
export class WholeTextLogits implements NextLogits {
  readonly #model: Module<DecoderInput>;
  readonly #device: Device;
  readonly #context: number;

  /** Gives the model only the last `context` tokens of a text. */
  constructor(model: Module<DecoderInput>, { device, context }: {
    readonly device: Device;
    readonly context: number;
  }) {
    this.#model = model;
    this.#device = device;
    this.#context = context;
  }

  async of(texts: readonly GrowingText[]): Promise<Float32Array[]> {
    const all: Float32Array[] = [];
    for (const { tokens: text } of texts) {
      const seen = text.slice(-this.#context);
      using tokens = Tensor.from(this.#device, seen, { shape: [1, seen.length], dtype: "u32" });
      const logits = await this.#model.forward({ tokens });
      using last = slice(logits, { dim: 1, begin: seen.length - 1, end: seen.length });
      all.push(await last.data());
    }
    return all;
  }

  [Symbol.dispose](): void {}
}

/** The cached tokens of texts, and new ones: rows [B, T] of a model with a cache. */
interface CachedModel {
  /** The most tokens of a text. */
  readonly most: number;
  /** Logits [B, 1, V] after the last real tokens. */
  forward(input: {
    readonly tokens: Tensor<"u32">;
    readonly mask: Tensor<"u32"> | undefined;
    readonly cache: KeyValueCache;
  }): Promise<Tensor>;
}

/** The last token of every text, with a cache of those before. */
export class CachedLogits implements NextLogits {
  readonly #model: CachedModel;
  readonly #device: Device;
  readonly #whole: NextLogits | undefined;
  readonly #cache = new KeyValueCache();
  /** The text of each row of the cache. */
  #rows: readonly GrowingText[] = [];

  /** Logits of `model`; texts longer than the model's `most` are left to `whole`. */
  constructor(model: CachedModel, { device, whole }: {
    readonly device: Device;
    readonly whole: NextLogits | undefined;
  }) {
    this.#model = model;
    this.#device = device;
    this.#whole = whole;
  }

  async of(texts: readonly GrowingText[]): Promise<Float32Array[]> {
    const fits = ({ tokens }: GrowingText) =>
      this.#whole === undefined || tokens.length <= this.#model.most;
    const short = texts.filter(fits);
    const long = texts.filter((text) => !fits(text));
    const logits = new Map<GrowingText, Float32Array>();
    if (short.length > 0) (await this.#ofShort(short)).forEach((x, k) => logits.set(short[k], x));
    if (long.length > 0) (await this.#whole!.of(long)).forEach((x, k) => logits.set(long[k], x));
    return texts.map((text) => logits.get(text)!);
  }

  async #ofShort(texts: readonly GrowingText[]): Promise<Float32Array[]> {
    const isFirst = this.#cache.lengths.length === 0;
    if (!isFirst && texts.length < this.#rows.length) {
      this.#cache.keep(texts.map((text) => this.#rows.indexOf(text)));
    }
    this.#rows = texts;
    const rows = texts.map(({ tokens }) => isFirst ? tokens : tokens.slice(-1));
    const length = rows.reduce((most, row) => Math.max(most, row.length), 0);
    const shape = [rows.length, length];
    const padded = (valueAt: (row: readonly number[], at: number) => number) =>
      Tensor.from(
        this.#device,
        rows.flatMap((row) => Array.from({ length }, (_, at) => valueAt(row, at))),
        { shape, dtype: "u32" },
      );
    using tokens = padded((row, at) => row[at] ?? 0);
    const isEven = rows.every((row) => row.length === length);
    using mask = isEven ? undefined : padded((row, at) => at < row.length ? 1 : 0);
    using logits = await this.#model.forward({ tokens, mask, cache: this.#cache });
    const data = await logits.data();
    const size = data.length / rows.length;
    return rows.map((_, row) => data.slice(row * size, (row + 1) * size));
  }

  [Symbol.dispose](): void {
    this.#cache[Symbol.dispose]();
    this.#whole?.[Symbol.dispose]();
  }
}

/** Logits of a decoder, whose texts may become longer than what it can cache, or than `context`. */
export function decoderLogits(model: Decoder, { device, context }: {
  readonly device: Device;
  readonly context: number;
}): NextLogits {
  const { longestCached, description: { tokens, positions } } = model;
  const most = Math.min(longestCached, context);
  const whole = new WholeTextLogits(model, { device, context });
  const forward = async (input: Parameters<CachedModel["forward"]>[0]) => {
    const logits = await model.forward({ ...input, logits: "last" });
    requireWholeVocabulary(logits, tokens.count);
    return logits;
  };
  // A table of positions has an end, at which the model itself says so.
  const isBounded = positions.kind === "learned" && context > positions.count;
  return new CachedLogits({ most, forward }, { device, whole: isBounded ? undefined : whole });
}

/** Logits of a T5 for the sources [B, S], texts of its encoder. */
export function targetLogits(model: T5, { device, sources }: {
  readonly device: Device;
  readonly sources: readonly (readonly number[])[];
}): NextLogits {
  return logitsAfter(sources, { device, forward: (input) => model.forward(input) });
}

/** Logits of a BLIP-2 for texts [B, S] with the tokens of their images. */
export function imageTextLogits(model: Blip2, { device, texts, pixels }: {
  readonly device: Device;
  readonly texts: readonly (readonly number[])[];
  readonly pixels: FloatTensor;
}): NextLogits {
  const { language } = model;
  if (!(language instanceof Decoder)) {
    const forward = (input: T5Input) => model.forward({ ...input, pixels });
    return logitsAfter(texts, { device, forward });
  }
  const forward = async (input: Parameters<CachedModel["forward"]>[0]) => {
    const logits = await model.forward({ ...input, pixels, logits: "last" });
    requireWholeVocabulary(logits, language.description.tokens.count);
    return logits;
  };
  return new CachedLogits({ most: Infinity, forward }, { device, whole: undefined });
}

/** Logits of texts that a decoder writes after the encoder has read the sources [B, S]. */
function logitsAfter(sources: readonly (readonly number[])[], { device, forward }: {
  readonly device: Device;
  readonly forward: (input: T5Input) => Promise<Tensor>;
}): NextLogits {
  const length = sources.reduce((most, source) => Math.max(most, source.length), 0);
  const shape = [sources.length, length];
  const padded = (valueAt: (source: readonly number[], at: number) => number) =>
    Tensor.from(
      device,
      sources.flatMap((source) => Array.from({ length }, (_, at) => valueAt(source, at))),
      { shape, dtype: "u32" },
    );
  const tokens = padded((source, at) => source[at] ?? 0);
  const mask = padded((source, at) => at < source.length ? 1 : 0);
  const logits = new CachedLogits({
    most: Infinity,
    forward: ({ tokens: targets, cache }) => forward({ tokens, mask, targets, cache }),
  }, { device, whole: undefined });
  const scope = new DisposableStack();
  scope.use(tokens);
  scope.use(mask);
  scope.use(logits);
  return { of: (texts) => logits.of(texts), [Symbol.dispose]: () => scope.dispose() };
}

/** Logits of a Whisper for the features of a recording for each text [B, M, frames]; texts begin with equally many tokens. */
export function recordingLogits(model: Whisper, { device, features }: {
  readonly device: Device;
  readonly features: FloatTensor;
}): NextLogits {
  const forward = async ({ tokens, cache }: Parameters<CachedModel["forward"]>[0]) => {
    const logits = await model.forward({ features, targets: tokens, cache });
    requireWholeVocabulary(logits, model.numTokens);
    const [, length] = logits.shape;
    if (length === 1) return logits;
    return await forwardOnly(
      logits,
      (logits) => slice(logits, { dim: 1, begin: length - 1, end: length }),
    );
  };
  return new CachedLogits({ most: Infinity, forward }, { device, whole: undefined });
}

function requireWholeVocabulary(logits: Tensor, count: number): void {
  const given = logits.shape.at(-1);
  if (given === count) return;
  throw new RangeError(
    `generate() wants the logits of all ${count} tokens, got ${given}: call parallelize() without gatherLogits false`,
  );
}
