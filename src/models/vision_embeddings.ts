// An image as a sequence of patches, with a class token before them if there is one:
//
//   image [B, C, h p, w q] -> patches [B, h w, C p q] -> linear [B, h w, D] -> class token first, + positions [B, T, D]
//
// T is 1 + h w with a class token, else h w. Positions are those of all T, or of the patches alone, before the class token is added. The
// linear layer is a convolution whose stride is its kernel size [D, C, p, q], and is stored as one.

import type { LayerMaker } from "../nn/layer_maker.ts";
import { Module } from "../nn/module.ts";
import { addBias } from "../ops/add_bias.ts";
import { embeddingAt } from "../ops/embedding.ts";
import { linear } from "../ops/linear.ts";
import { permute } from "../ops/permute.ts";
import { reshape } from "../ops/reshape.ts";
import { concat, slice } from "../ops/slice.ts";
import type { Parameter } from "../tensor/parameter.ts";
import { formatShape, sameShape } from "../tensor/shape.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";

/**
 * How images become sequences of D features.
 *
 * @category Models
 */
export interface ImageDescription {
  /** C: such as 3 for red, green and blue. */
  readonly numChannels: number;
  /** Height and width. */
  readonly imageSize: readonly [number, number];
  /** p and q: height and width of a patch. The rest of the image at the bottom and the right is ignored. */
  readonly patchSize: readonly [number, number];
  /** Whether the layer of patches has a bias. Default: true. */
  readonly patchBias?: boolean;
  /** Whether a class token comes before the patches. Default: true. */
  readonly classToken?: boolean;
  /** Which tokens have a position embedding. Default: all. */
  readonly positioned?: "all" | "patches" | "none";
  /** The shape of the positions as a parameter: [1, T, D], [T, D] or [1, h, w, D]. Default: [1, T, D]. */
  readonly positionShape?: "sequence" | "matrix" | "grid";
}

/**
 * Turns images into sequences.
 *
 * @category Models
 */
export class VisionEmbeddings extends Module<FloatTensor> {
  /** The class token [1, 1, D], if there is one. */
  readonly classToken: Parameter | undefined;
  /** The position embeddings [1, T, D], [T, D] or [1, h, w, D], if there are any. */
  readonly positions: Parameter | undefined;
  /** The linear layer of patches. */
  readonly patches: PatchKernel;
  readonly #description: ImageDescription;

  /** Embeddings of D features, `width`, with parameters from `make`. */
  constructor(make: LayerMaker, description: ImageDescription & { readonly width: number }) {
    super();
    const { width, numChannels, patchSize, patchBias: bias = true } = description;
    const { classToken = true, positioned = "all", positionShape = "sequence" } = description;
    const [rows, columns] = gridOf(description);
    const initial = { deviation: make.deviation };
    this.#description = description;
    this.classToken = classToken
      ? make.parameter("classToken", { shape: [1, 1, width], initial })
      : undefined;
    const count = rows * columns + (classToken && positioned === "all" ? 1 : 0);
    const shapes = {
      sequence: [1, count, width],
      matrix: [count, width],
      grid: [1, rows, columns, width],
    };
    this.positions = positioned === "none"
      ? undefined
      : make.parameter("positions", { shape: shapes[positionShape], initial });
    this.patches = new PatchKernel(make.within("patches"), { width, numChannels, patchSize, bias });
  }

  /** pixels [B, C, height, width] -> [B, T, D]. @throws {RangeError} if images are not of the model's size */
  override async forward(pixels: FloatTensor): Promise<Tensor> {
    const { numChannels, imageSize, patchSize, positioned = "all" } = this.#description;
    const wanted = [numChannels, ...imageSize];
    if (pixels.shape.length !== 4 || !sameShape(pixels.shape.slice(1), wanted)) {
      throw new RangeError(
        `The model wants images of [B, ${wanted.join(", ")}], got ${formatShape(pixels.shape)}: ` +
          "scale them to that size",
      );
    }
    const patches = await this.patches.forward(toPatches(pixels, patchSize));
    return positioned === "all"
      ? this.#positioned(this.#withClassToken(patches))
      : this.#withClassToken(this.#positioned(patches));
  }

  #withClassToken(patches: Tensor): Tensor {
    if (this.classToken === undefined) return patches;
    const [batch, , width] = patches.shape;
    // The class token is the one row of a table, looked up for every image.
    const table = reshape(this.classToken, [1, width]);
    const first = embeddingAt(table, new Uint32Array(batch), { shape: [batch, 1] });
    return concat([first, patches], { dim: 1 });
  }

  /** A sequence as one row, as all sequences get the same positions. */
  #positioned(sequence: Tensor): Tensor {
    const { positions } = this;
    if (positions === undefined) return sequence;
    const rows = reshape(sequence, [sequence.shape[0], positions.length]);
    return reshape(addBias(rows, reshape(positions, [positions.length])), sequence.shape);
  }
}

/**
 * The linear layer of patches, stored as the kernel of a convolution.
 *
 * @category Models
 */
export class PatchKernel extends Module<FloatTensor> {
  /** [D, C, p, q] */
  readonly weight: Parameter;
  /** [D], if there is one. */
  readonly bias: Parameter | undefined;

  /** A layer of D features with parameters from `make`. */
  constructor(make: LayerMaker, { width, numChannels, patchSize, bias }: {
    readonly width: number;
    readonly numChannels: number;
    readonly patchSize: readonly [number, number];
    readonly bias: boolean;
  }) {
    super();
    const shape = [width, numChannels, ...patchSize];
    this.weight = make.parameter("weight", { shape, initial: { deviation: make.deviation } });
    this.bias = bias
      ? make.parameter("bias", { shape: [width], initial: { every: 0 } })
      : undefined;
  }

  /** patches [B, N, C p q] -> [B, N, D] */
  override forward(patches: FloatTensor): Promise<Tensor> {
    const { weight, bias } = this;
    const [width, ...patch] = weight.shape;
    const matrix = [width, patch.reduce((a, b) => a * b, 1)];
    return Promise.try(() => linear(patches, reshape(weight, matrix), bias));
  }
}

/** Number of rows and columns of patches. */
function gridOf(
  { imageSize, patchSize }: Pick<ImageDescription, "imageSize" | "patchSize">,
): readonly [number, number] {
  return [Math.floor(imageSize[0] / patchSize[0]), Math.floor(imageSize[1] / patchSize[1])];
}

/** [B, C, h p + ..., w q + ...] -> [B, h w, C p q], with a patch's elements in the order of a kernel. */
function toPatches(pixels: FloatTensor, patchSize: readonly [number, number]): Tensor {
  const [batch, channels, height, width] = pixels.shape;
  const [p, q] = patchSize;
  const [h, w] = gridOf({ imageSize: [height, width], patchSize });
  const rows = h * p === height ? pixels : slice(pixels, { dim: 2, begin: 0, end: h * p });
  const whole = w * q === width ? rows : slice(rows, { dim: 3, begin: 0, end: w * q });
  // Six dims, of which permute() takes four at a time: first the elements of each patch become adjacent, then its channels.
  const inPieces = permute(reshape(whole, [batch * channels * h, p, w, q]), [0, 2, 1, 3]);
  const ofChannels = reshape(inPieces, [batch, channels, h * w, p * q]);
  return reshape(permute(ofChannels, [0, 2, 1, 3]), [batch, h * w, channels * p * q]);
}
