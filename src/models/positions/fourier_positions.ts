// Random Fourier features of positions in an image (Tancik et al. 2020), as of SAM's points and places:
//
//   (x, y) in [-1, 1]^2  ->  u = (x, y) P, P [2, F] random  ->  [sin 2 pi u, cos 2 pi u] of 2 F features

import type { LayerMaker } from "../../nn/layer_maker.ts";
import { Module } from "../../nn/module.ts";
import { fourierFeatures } from "../../ops/fourier_features.ts";
import { matmul } from "../../ops/matmul.ts";
import { constantNumbers } from "../../ops/constant.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import type { FloatTensor, Tensor } from "../../tensor/tensor.ts";

/**
 * Encodes points of an image.
 *
 * @category Models
 */
export class FourierPositions extends Module<FloatTensor> {
  /** P [2, F] */
  readonly projection: Parameter;

  /** An encoding with 2 F features, whose frequencies have the given standard deviation. */
  constructor(make: LayerMaker, { numFrequencies, deviation }: {
    readonly numFrequencies: number;
    readonly deviation: number;
  }) {
    super();
    this.projection = make.parameter("projection", {
      shape: [2, numFrequencies],
      initial: { deviation },
    });
  }

  /** points [..., 2], x and y from -1 to 1, -> [..., 2 F] */
  override forward(points: FloatTensor): Promise<Tensor> {
    return Promise.try(() => fourierFeatures(matmul(points, this.projection)));
  }

  /** The features of points with x and y from 0 to 1, flat: [n, 2 F] */
  async at(points: Float32Array): Promise<Tensor> {
    const centred = points.map((coordinate) => 2 * coordinate - 1);
    const { device } = this.projection;
    return await this.forward(constantNumbers(device, centred, [points.length / 2, 2]));
  }

  /** The features of the centres of all places of a grid, row by row: [rows columns, 2 F] */
  async ofGrid(
    { rows, columns }: { readonly rows: number; readonly columns: number },
  ): Promise<Tensor> {
    const centres = Float32Array.from({ length: 2 * rows * columns }, (_, at) => {
      const place = Math.floor(at / 2);
      return at % 2 === 0
        ? (place % columns + 0.5) / columns
        : (Math.floor(place / columns) + 0.5) / rows;
    });
    return await this.at(centres);
  }
}
