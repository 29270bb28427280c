// y[..., :] = table[index, :],  table [V, D]        V embeddings of D features; initially normally distributed, as PyTorch's
//
// The row of a padding index is looked up as any other, but gets no gradient.

import { checkOptions } from "../tensor/option_names.ts";
import type { Device } from "../device/device.ts";
import { Layout } from "../distributed/layout.ts";
import { embedding } from "../ops/embedding.ts";
import type { FloatType } from "../tensor/dtype.ts";
import { Parameter } from "../tensor/parameter.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { defaultRandom } from "./default_random.ts";
import { normalValues } from "./initial_values.ts";
import { Module } from "./module.ts";
import { requireParameters, requireRandom } from "./parameter_checks.ts";
import type { RandomSource } from "./philox.ts";

/**
 * Sizes and initial values of an embedding.
 *
 * @category Layers
 */
export interface EmbeddingOptions {
  /** V: indices are less than this. */
  readonly numEmbeddings: number;
  /** D: length of the last dim of the output. */
  readonly embeddingDim: number;
  /** Source of the initial values: takes one stream. Default: that of `manualSeed()`. */
  readonly random?: RandomSource;
  /** How the table is stored. Default: f32. */
  readonly dtype?: FloatType;
  /** How its gradient is stored. Default: as the table is. */
  readonly gradientDtype?: FloatType;
}

/** An existing table. */
export interface EmbeddingParameters {
  /** [V, D]. */
  readonly weight: Parameter;
  /** Lookups of this row give no gradient. Default: there is none. */
  readonly paddingIndex?: number | undefined;
}

/**
 * A layer that looks indices up in a table, whole or split over ranks.
 *
 * @category Layers
 */
export type TableLayer = Module<Tensor<"u32">> & {
  /** [V, D], or this rank's part of it. */
  readonly weight: Parameter;
};

/**
 * Looks up a row of a table for every index.
 *
 * @example
 * ```ts
 * import { Embedding, RandomSource, requestDevice, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using layer = new Embedding(device, { numEmbeddings: 10, embeddingDim: 4, random: new RandomSource(1) });
 * using tokens = Tensor.from(device, [3, 5], { shape: [1, 2], dtype: "u32" });
 * using y = await layer.forward(tokens);
 * console.log(y.shape); // [1, 2, 4]
 * ```
 *
 * @category Layers
 */
export class Embedding extends Module<Tensor<"u32">> {
  /** [V, D]. */
  readonly weight: Parameter;
  /** Lookups of this row give no gradient. */
  readonly paddingIndex: number | undefined;

  /** Makes a new table of V rows, or takes an existing one. @throws {RangeError} if V or D is not a positive integer. */
  constructor(device: Device, options: EmbeddingOptions | EmbeddingParameters) {
    super();
    const names = "weight" in Object(options)
      ? ["weight", "paddingIndex"]
      : ["numEmbeddings", "embeddingDim", "random", "dtype", "gradientDtype"];
    checkOptions("Embedding", options, names);
    if ("weight" in options) {
      requireParameters("Embedding", options);
      this.weight = options.weight;
      this.paddingIndex = options.paddingIndex;
      return;
    }
    const { numEmbeddings, embeddingDim, random = defaultRandom() } = options;
    requireRandom("Embedding", random);
    const { dtype = "f32", gradientDtype = dtype } = options;
    for (const [name, value] of Object.entries({ numEmbeddings, embeddingDim })) {
      if (!Number.isInteger(value) || value < 1) {
        throw new RangeError(`Embedding wants ${name} to be a positive integer, got ${value}`);
      }
    }
    const layout = new Layout<never>([numEmbeddings, embeddingDim]);
    const values = normalValues(layout, random.stream());
    this.weight = new Parameter(device, values, { layout, dtype, gradientDtype });
  }

  /** indices [...] -> [..., D]. @throws {RangeError} if an index is not under V. */
  override forward(indices: Tensor<"u32">): Promise<Tensor> {
    return Promise.try(embedding, this.weight, indices, { paddingIndex: this.paddingIndex });
  }
}
