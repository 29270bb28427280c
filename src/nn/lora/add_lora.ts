// Low-rank additions to the linear layers of a model: put in, merged into the weights, or taken out.

import { add } from "../../ops/add.ts";
import { cast } from "../../ops/cast.ts";
import { matmul } from "../../ops/matmul.ts";
import { reshape } from "../../ops/reshape.ts";
import { scale } from "../../ops/scale.ts";
import { transpose } from "../../ops/transpose.ts";
import type { FloatType } from "../../tensor/dtype.ts";
import { kindOf } from "../../tensor/argument_checks.ts";
import { checkOptions } from "../../tensor/option_names.ts";
import { Parameter } from "../../tensor/parameter.ts";
import { noGrad } from "../../tensor/scope.ts";
import { defaultRandom } from "../default_random.ts";
import { Dropout } from "../dropout.ts";
import { Linear } from "../linear.ts";
import { Module } from "../module.ts";
import type { RandomSource } from "../philox.ts";
import { TransposedLinear } from "../transposed_linear.ts";
import { LoraLinear } from "./lora_linear.ts";
import { chosenPlaces, type LinearPlace } from "./linear_places.ts";

/**
 * Options of {@linkcode addLora}.
 *
 * @category Layers
 */
export interface LoraOptions {
  /** r: the rank of the additions. */
  readonly rank: number;
  /** The addition's factor is alpha / r. Default: r, which makes it 1. */
  readonly alpha?: number;
  /** Whether the factor is alpha / sqrt(r) instead (rsLoRA). Default: false. */
  readonly rankStabilized?: boolean;
  /**
   * Which linear layers get an addition: those at these paths, or with these last words of it, such as "query", or whose path a pattern
   * matches. Default: all linear layers but the one in the model's field `head`, which computes logits, and those whose weight is another
   * module's too.
   */
  readonly targets?: readonly string[] | RegExp;
  /** Within `training()`, the probability of dropping inputs of the additions. Default: no dropout. */
  readonly dropout?: number;
  /** Source of the initial values of A: takes one stream for each layer. Default: that of `manualSeed()`. */
  readonly random?: RandomSource;
  /** How A and B are stored. Default: f32. */
  readonly dtype?: FloatType;
}

/**
 * Adds low-rank matrices to linear layers of a model and freezes all other parameters, so that only the additions are trained: an
 * optimizer is given `lora.parameters()`. `parallelize()` splits them with the layers that they belong to.
 *
 * @throws {RangeError} if the rank is no positive integer.
 * @throws {TypeError} if there is no such layer, it has an addition already, it is split over ranks, or its weight is that of another
 *   module too, as of a tied head.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { addLora, gelu, Linear, requestDevice, Sequential, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using model = new Sequential([
 *   new Linear(device, { inFeatures: 4, outFeatures: 8 }),
 *   gelu,
 *   new Linear(device, { inFeatures: 8, outFeatures: 2 }),
 * ]);
 * const lora = addLora(model, { rank: 2, targets: ["layers.0"] });
 * assert.deepEqual(lora.parameters().map(({ name }) => name), ["layers.0.a.weight", "layers.0.b.weight"]);
 * // ... train lora.parameters() ...
 * await lora.merge(); // the model is as it was, with other weights
 * assert.ok(model.layers[0] instanceof Linear);
 * ```
 *
 * @category Layers
 */
export function addLora(model: Module<never>, options: LoraOptions): Lora {
  checkOptions("addLora()", options, [
    "rank",
    "alpha",
    "rankStabilized",
    "targets",
    "dropout",
    "random",
    "dtype",
  ]);
  if (!(model instanceof Module)) {
    throw new TypeError(`addLora() wants a model, which is a Module, got ${kindOf(model)}`);
  }
  const { rank, alpha = rank, rankStabilized = false, dropout, dtype = "f32" } = options;
  const { targets, random = defaultRandom() } = options;
  if (!Number.isSafeInteger(rank) || rank < 1) {
    throw new RangeError(`addLora() wants a rank from 1, an integer, got ${rank}`);
  }
  if (!Number.isFinite(alpha)) throw new RangeError(`addLora() wants a number alpha, got ${alpha}`);
  const places = chosenPlaces(model, targets);
  const wasTrained = new Map(
    model.parameters().map((parameter) => [parameter, parameter.requiresGrad]),
  );
  const layers = new Map<string, LoraLinear>();
  for (const { path, layer: base } of places) {
    const storage = base instanceof TransposedLinear ? "inOut" : "outIn";
    const { shape } = base.weight;
    const [outFeatures, inFeatures] = storage === "outIn" ? shape : shape.toReversed();
    const { device } = base.weight;
    const a = new Linear(device, { inFeatures, outFeatures: rank, bias: false, random, dtype });
    const b = new Linear(device, {
      weight: new Parameter(device, new Float32Array(outFeatures * rank), {
        shape: [outFeatures, rank],
        dtype,
      }),
      bias: undefined,
    });
    const factor = alpha / (rankStabilized ? Math.sqrt(rank) : rank);
    const place = dropout === undefined ? undefined : new Dropout({ probability: dropout });
    layers.set(
      path,
      new LoraLinear({ base, a, b, rank, scale: factor, dropout: place, storage }),
    );
  }
  for (const parameter of wasTrained.keys()) parameter.requiresGrad = false;
  for (const { path, replace } of places) replace(layers.get(path)!);
  // Names the new parameters by their paths.
  model.namedParameters();
  return new Lora({ model, layers, places, wasTrained, rank, alpha, rankStabilized });
}

/**
 * The low-rank additions of a model: what {@linkcode addLora} returns.
 *
 * @category Layers
 */
export class Lora {
  /** The layers with an addition, by path. */
  readonly layers: ReadonlyMap<string, LoraLinear>;
  /** r */
  readonly rank: number;
  /** The additions' factor is alpha / r. */
  readonly alpha: number;
  /** Whether it is alpha / sqrt(r) instead. */
  readonly rankStabilized: boolean;
  readonly #model: Module<never>;
  readonly #places: readonly LinearPlace[];
  readonly #wasTrained: ReadonlyMap<Parameter, boolean>;

  /**
   * Use {@linkcode addLora}.
   *
   * @internal
   */
  constructor({ model, layers, places, wasTrained, rank, alpha, rankStabilized }: {
    readonly model: Module<never>;
    readonly layers: ReadonlyMap<string, LoraLinear>;
    readonly places: readonly LinearPlace[];
    readonly wasTrained: ReadonlyMap<Parameter, boolean>;
    readonly rank: number;
    readonly alpha: number;
    readonly rankStabilized: boolean;
  }) {
    this.layers = layers;
    this.rank = rank;
    this.alpha = alpha;
    this.rankStabilized = rankStabilized;
    this.#model = model;
    this.#places = places;
    this.#wasTrained = wasTrained;
  }

  /** The parameters of the additions, in the order of the model's, named by their paths. */
  parameters(): Parameter[] {
    const own = new Set([...this.layers.values()].flatMap(({ a, b }) => [a.weight, b.weight]));
    return this.#model.parameters().filter((parameter) => own.has(parameter));
  }

  /**
   * Adds each addition to its base's weight, rounded to the type that it is stored in, and takes the additions out: the model computes
   * the same as before within that rounding. On a mesh every rank merges its own parts.
   */
  async merge(): Promise<void> {
    for (const layer of this.layers.values()) await mergeInto(layer);
    this.remove();
  }

  /** Takes the additions out, without merging them, and releases them; parameters that were trained before are so again. */
  remove(): void {
    for (const { path, replace } of this.#places) {
      const layer = this.layers.get(path)!;
      replace(layer.base);
      layer.a[Symbol.dispose]();
      layer.b[Symbol.dispose]();
    }
    for (const parameter of this.#model.parameters()) {
      parameter.requiresGrad = this.#wasTrained.get(parameter) ?? true;
    }
  }
}

/** W += s B A, where W may be [parts, O, I], or transposed. */
async function mergeInto(
  { base: { weight }, a, b, scale: factor, storage }: LoraLinear,
): Promise<void> {
  using merged = noGrad(() => {
    const rank = a.weight.shape[0];
    const rows = reshape(b.weight, [b.weight.length / rank, rank]);
    const product = storage === "outIn"
      ? matmul(rows, a.weight)
      : matmul(transpose(a.weight), transpose(rows));
    const sum = add(weight, reshape(scale(product, factor), weight.shape));
    return cast(sum, weight.dtype);
  });
  weight.writeBytes(await merged.bytes());
}
