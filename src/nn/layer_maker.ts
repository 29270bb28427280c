// Makes the layers of one module of a model, with parameters from a source: a layer called `up` within `blocks.0.mlp` requests the
// parameter `blocks.0.mlp.up.weight`, so it must be assigned to the field of that name.

import type { FloatType } from "../tensor/dtype.ts";
import type { Parameter } from "../tensor/parameter.ts";
import { Conv1d, type Conv1dSettings } from "./conv1d.ts";
import {
  Conv2d,
  type Conv2dSettings,
  ConvTranspose2d,
  type ConvTranspose2dSettings,
} from "./conv2d.ts";
import { Dropout } from "./dropout.ts";
import { Embedding } from "./embedding.ts";
import { LayerNorm } from "./layer_norm.ts";
import { Linear } from "./linear.ts";
import type { ParameterSource, WantedParameter } from "./parameter_source.ts";
import { PerHeadNorm } from "./per_head_norm.ts";
import { RmsNorm } from "./rms_norm.ts";
import { TransposedLinear } from "./transposed_linear.ts";

/** Sizes of a linear layer. */
export interface LinearLayer {
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly bias: boolean;
  /** Whether the weight is [out, in], or [in, out] as in transformers' Conv1D. Default: [out, in]. */
  readonly storage?: "outIn" | "inOut";
  /** Standard deviation of initial weights. Default: that of the maker. */
  readonly deviation?: number;
  /** The type that it is stored in, whatever type is requested for the model. Default: that of the model. */
  readonly dtype?: FloatType;
}

/** Sizes of a convolution. */
export interface ConvolutionKernel {
  readonly inChannels: number;
  readonly outChannels: number;
  /** Length of the kernel in each dim. */
  readonly kernel: readonly number[];
  readonly bias: boolean;
}

/** Sizes of an embedding. */
export interface EmbeddingLayer {
  /** V */
  readonly numEmbeddings: number;
  /** D */
  readonly embeddingDim: number;
  /** Lookups of this row give no gradient. Default: there is none. */
  readonly paddingIndex?: number | undefined;
}

/** Sizes of a norm. */
export interface NormLayer {
  /** C */
  readonly features: number;
  readonly eps: number;
}

/** Options of a {@linkcode LayerMaker}. */
export interface LayerMakerOptions {
  /** Path of the module whose layers it makes; "" for the model itself. Default: "". */
  readonly path?: string;
  /** Standard deviation of initial weights. Default: 0.02. */
  readonly deviation?: number;
  /**
   * Counts the places of dropout, over all makers of one model.
   *
   * @internal
   */
  readonly sites?: { count: number };
}

/** Makes layers of the module at one path. */
export class LayerMaker {
  readonly #source: ParameterSource;
  readonly #path: string;
  readonly #sites: { count: number };
  /** Standard deviation of initial weights. */
  readonly deviation: number;

  /** Makes layers with parameters from `source`. */
  constructor(
    source: ParameterSource,
    { path = "", deviation = 0.02, sites = source.sites ?? { count: 0 } }: LayerMakerOptions = {},
  ) {
    this.#source = source;
    this.#path = path;
    this.#sites = sites;
    this.deviation = deviation;
  }

  /** A maker for the module in the field `name`, or at `blocks.0` of an array. */
  within(name: string): LayerMaker {
    const { deviation } = this;
    return new LayerMaker(this.#source, { path: this.#at(name), deviation, sites: this.#sites });
  }

  /** A linear layer: y = x W^T + b */
  linear(name: string, layer: LinearLayer): Linear | TransposedLinear {
    const { inFeatures, outFeatures, storage = "outIn", deviation = this.deviation, dtype } = layer;
    const isTransposed = storage === "inOut";
    const parameters = {
      weight: this.parameter(`${name}.weight`, {
        shape: isTransposed ? [inFeatures, outFeatures] : [outFeatures, inFeatures],
        initial: { deviation },
        dtype,
      }),
      bias: layer.bias
        ? this.parameter(`${name}.bias`, { shape: [outFeatures], initial: { every: 0 }, dtype })
        : undefined,
    };
    return isTransposed
      ? new TransposedLinear(parameters)
      : new Linear(this.#source.device, parameters);
  }

  /** A convolution of sequences. */
  conv1d(name: string, layer: ConvolutionKernel & Conv1dSettings): Conv1d {
    return new Conv1d(this.#source.device, {
      ...settingsOf(layer),
      ...this.#convolution(name, layer),
    });
  }

  /** A convolution of images. */
  conv2d(name: string, layer: ConvolutionKernel & Conv2dSettings): Conv2d {
    return new Conv2d(this.#source.device, {
      ...settingsOf(layer),
      ...this.#convolution(name, layer),
    });
  }

  /** A transposed convolution of images. */
  convTranspose2d(
    name: string,
    layer: ConvolutionKernel & ConvTranspose2dSettings,
  ): ConvTranspose2d {
    const { inChannels, outChannels } = layer;
    return new ConvTranspose2d(this.#source.device, {
      ...settingsOf(layer),
      ...this.#convolution(name, layer, [inChannels, outChannels]),
    });
  }

  /** A table with a row for every index. */
  embedding(
    name: string,
    { numEmbeddings, embeddingDim, paddingIndex }: EmbeddingLayer,
  ): Embedding {
    const weight = this.parameter(`${name}.weight`, {
      shape: [numEmbeddings, embeddingDim],
      initial: { deviation: this.deviation },
    });
    return new Embedding(this.#source.device, { weight, paddingIndex });
  }

  /** A norm that centres and scales rows, with a bias unless that is false. */
  layerNorm(
    name: string,
    { features, eps, bias = true }: NormLayer & { readonly bias?: boolean | undefined },
  ): LayerNorm {
    return new LayerNorm({
      weight: this.parameter(`${name}.weight`, { shape: [features], initial: { every: 1 } }),
      bias: bias
        ? this.parameter(`${name}.bias`, { shape: [features], initial: { every: 0 } })
        : undefined,
      eps,
    });
  }

  /** A norm that scales rows, by weights to which an offset is added, by default 0; factors are 1 initially. */
  rmsNorm(
    name: string,
    { features, eps, offset = 0 }: NormLayer & { readonly offset?: number | undefined },
  ): RmsNorm {
    const initial = { every: 1 - offset };
    const weight = this.parameter(`${name}.weight`, { shape: [features], initial });
    return new RmsNorm({ weight, eps, offset });
  }

  /** A layer norm of each head, with weights of its own and no bias. */
  perHeadNorm(
    name: string,
    { heads, features, eps }: NormLayer & { readonly heads: number },
  ): PerHeadNorm {
    const wanted = { shape: [heads, features], initial: { every: 1 } };
    return new PerHeadNorm({ weight: this.parameter(`${name}.weight`, wanted), eps });
  }

  /** A place of dropout; undefined without a probability. Places are numbered in the order of calls. */
  dropout(probability: number): Dropout;
  dropout(probability: number | undefined): Dropout | undefined;
  dropout(probability: number | undefined): Dropout | undefined {
    if (probability === undefined) return undefined;
    return new Dropout({ probability, site: this.#sites.count++ });
  }

  /** A parameter of the module itself, or of a layer of another kind. */
  parameter(name: string, wanted: WantedParameter): Parameter {
    return this.#source.parameter(this.#at(name), wanted);
  }

  /** Parameters of a convolution; the weight's first dims are channels, the second those of one group. */
  #convolution(
    name: string,
    { kernel, bias, outChannels, inChannels, groups = 1 }: ConvolutionKernel & Conv2dSettings,
    [first, second] = [outChannels, inChannels],
  ): { readonly weight: Parameter; readonly bias: Parameter | undefined } {
    return {
      weight: this.parameter(`${name}.weight`, {
        shape: [first, second / groups, ...kernel],
        initial: { deviation: this.deviation },
      }),
      bias: bias
        ? this.parameter(`${name}.bias`, { shape: [outChannels], initial: { every: 0 } })
        : undefined,
    };
  }

  #at(name: string): string {
    return this.#path === "" ? name : `${this.#path}.${name}`;
  }
}

/** What a layer of existing parameters takes beside them. */
function settingsOf<Settings extends ConvolutionKernel>(
  layer: Settings,
): Omit<Settings, keyof ConvolutionKernel> {
  const { kernel: _kernel, bias: _bias, inChannels: _in, outChannels: _out, ...settings } = layer;
  return settings;
}
