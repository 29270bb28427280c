// From the features of an image's patches to those of another width, with a look at the neighbours (Li et al. 2022):
//
//   x [B, h w, D] -> convolution 1 x 1 -> norm -> convolution 3 x 3 -> norm -> [B, C, h, w]       norms of the channels at every place

import type { LayerMaker } from "../nn/layer_maker.ts";
import { type Layer, Module } from "../nn/module.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { normalizedChannels, toImage } from "./blocks/image_layout.ts";

/**
 * The configuration of a neck.
 *
 * @category Models
 */
export interface NeckDescription {
  /** D */
  readonly width: number;
  /** C */
  readonly outWidth: number;
  /** h */
  readonly rows: number;
  /** w */
  readonly columns: number;
  /** Added under the square root of the norms. */
  readonly eps: number;
}

/**
 * The layers between a vision encoder and what uses its features.
 *
 * @category Models
 */
export class VisionNeck extends Module {
  /** D -> C channels. */
  readonly narrow: Layer;
  /** After it. */
  readonly narrowNorm: Layer;
  /** C -> C channels, of 3 x 3 places. */
  readonly mix: Layer;
  /** After it. */
  readonly mixNorm: Layer;
  readonly #description: NeckDescription;

  /** A neck with layers from `make`. */
  constructor(make: LayerMaker, description: NeckDescription) {
    super();
    const { width, outWidth, eps } = description;
    const convolution = { outChannels: outWidth, bias: false };
    const norm = { features: outWidth, eps };
    this.narrow = make.conv2d("narrow", { ...convolution, inChannels: width, kernel: [1, 1] });
    this.narrowNorm = make.layerNorm("narrowNorm", norm);
    this.mix = make.conv2d("mix", {
      ...convolution,
      inChannels: outWidth,
      kernel: [3, 3],
      padding: 1,
    });
    this.mixNorm = make.layerNorm("mixNorm", norm);
    this.#description = description;
  }

  /** x [B, h w, D] -> [B, C, h, w] */
  override async forward(x: Tensor): Promise<Tensor> {
    const narrowed = await this.narrow.forward(toImage(x, this.#description));
    const mixed = await this.mix.forward(await normalizedChannels(narrowed, this.narrowNorm));
    return await normalizedChannels(mixed, this.mixNorm);
  }
}
