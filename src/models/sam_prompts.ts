// SAM's encoder of prompts (Kirillov et al. 2023, section 3): points and boxes become tokens, masks become an image.
//
//   point   features of its position + a row for its label; an ignored point is zeros, a label -1 a row alone
//   box     its two corners, with a row for each
//   mask    [B, 1, 4 h, 4 w] -> convolutions -> [B, C, h, w];  without one, a row for every place

import type { LayerMaker } from "../nn/layer_maker.ts";
import { type Layer, Module } from "../nn/module.ts";
import type { Embedding } from "../nn/embedding.ts";
import { add } from "../ops/add.ts";
import { addBias } from "../ops/add_bias.ts";
import { constantNumbers } from "../ops/constant.ts";
import { NO_ROW, partialEmbeddingAt } from "../ops/embedding.ts";
import { mul } from "../ops/mul.ts";
import { reshape } from "../ops/reshape.ts";
import { concat } from "../ops/slice.ts";
import { formatShape, sameShape } from "../tensor/shape.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import type { Activation } from "./blocks/activations.ts";
import { normalizedChannels, toSequence } from "./blocks/image_layout.ts";
import { type PromptPoint, promptPoints, type SamPrompts } from "./prompt_points.ts";
import type { FourierPositions } from "./positions/fourier_positions.ts";

/**
 * The configuration of the prompts' encoder.
 *
 * @category Models
 */
export interface PromptDescription {
  /** C */
  readonly width: number;
  /** h: places of the image, down. */
  readonly rows: number;
  /** w: places of the image, across. */
  readonly columns: number;
  /** Height and width of the image, in pixels. */
  readonly imageSize: number;
  /** Number of rows for kinds of points: not of the object, of the object, upper left corner, lower right corner. */
  readonly numKinds: number;
  /** Channels between the convolutions of masks, a multiple of 4. */
  readonly maskChannels: number;
  /** Between those convolutions. */
  readonly activation: Activation;
  /** Added under the square root of their norms. */
  readonly eps: number;
}

/**
 * Encodes points and boxes as tokens.
 *
 * @category Models
 */
export class PromptEncoder extends Module<SamPrompts> {
  /** Features of positions. */
  readonly positions: FourierPositions;
  /** The row of a point with label -1. */
  readonly noPoint: Embedding;
  /** The rows for kinds of points. */
  readonly kinds: readonly Embedding[];
  /** The row of every place where no mask is given. */
  readonly noMask: Embedding;
  /** The convolutions of masks. */
  readonly masks: MaskEncoder;
  readonly #description: PromptDescription;

  /** An encoder with parameters from `make`, and positions that it may share. */
  constructor(
    make: LayerMaker,
    { positions, ...description }: PromptDescription & { readonly positions: FourierPositions },
  ) {
    super();
    const { width, numKinds } = description;
    const row = (name: string) => make.embedding(name, { numEmbeddings: 1, embeddingDim: width });
    this.positions = positions;
    this.noPoint = row("noPoint");
    this.kinds = Array.from({ length: numKinds }, (_, kind) => row(`kinds.${kind}`));
    this.noMask = row("noMask");
    this.masks = new MaskEncoder(make.within("masks"), description);
    this.#description = description;
  }

  /**
   * Points and boxes -> tokens [B P, T, C].
   *
   * @throws {RangeError} if lists differ in length, a label is none, or the model has no rows for boxes.
   */
  override async forward(prompts: SamPrompts): Promise<Tensor> {
    if (prompts.boxes !== undefined && this.kinds.length < 4) {
      throw new RangeError(
        `The model has ${this.kinds.length} kinds of points and none for corners of boxes: give points`,
      );
    }
    const objects = promptPoints(prompts);
    const points = objects.flat();
    const { imageSize, width } = this.#description;
    const places = Float32Array.from(
      points.flatMap(({ at }) => at),
      (coordinate) => Math.fround(coordinate + 0.5) / imageSize,
    );
    const positions = await this.positions.at(places);
    const isPlaced = new Float32Array(points.length * width);
    for (const [at, { kind }] of points.entries()) {
      if (typeof kind === "number") isPlaced.fill(1, at * width, (at + 1) * width);
    }
    const placed = mul(positions, constantNumbers(positions.device, isPlaced, positions.shape));
    const tokens = add(placed, this.#rows(points, prompts));
    return reshape(tokens, [objects.length, objects[0].length, width]);
  }

  /** The row of every point's kind; rows of kinds that no prompt of this form has take no part, and get no gradient. */
  #rows(points: readonly PromptPoint[], { points: given, boxes }: SamPrompts): Tensor {
    const { noPoint, kinds } = this;
    const used = new Map<PromptPoint["kind"], Embedding>();
    if (given !== undefined) used.set("none", noPoint).set(0, kinds[0]).set(1, kinds[1]);
    if (boxes !== undefined) used.set(2, kinds[2]).set(3, kinds[3]);
    const table = concat([...used.values()].map(({ weight }) => weight), { dim: 0 });
    const order = [...used.keys()];
    const rows = Uint32Array.from(
      points,
      ({ kind }) => kind === "ignored" ? NO_ROW : order.indexOf(kind),
    );
    return partialEmbeddingAt(table, rows, { shape: [points.length] });
  }

  /** The image [B, h w, C] with the mask of each, or with the row of no mask. @throws {RangeError} if masks have another shape */
  async withMasks(image: Tensor, masks: FloatTensor | undefined): Promise<Tensor> {
    const { rows, columns, width } = this.#description;
    if (masks === undefined) return addBias(image, reshape(this.noMask.weight, [width]));
    const wanted = [image.shape[0], 1, 4 * rows, 4 * columns];
    if (!sameShape(masks.shape, wanted)) {
      throw new RangeError(
        `SAM wants masks of ${formatShape(wanted)}, one for each image, got ${
          formatShape(masks.shape)
        }`,
      );
    }
    return add(image, toSequence(await this.masks.forward(masks)));
  }
}

/**
 * Encodes masks as features of places.
 *
 * @category Models
 */
export class MaskEncoder extends Module<FloatTensor> {
  /** 1 -> M / 4 channels, of 2 x 2 places. */
  readonly first: Layer;
  /** After it. */
  readonly firstNorm: Layer;
  /** M / 4 -> M channels, of 2 x 2 places. */
  readonly second: Layer;
  /** After it. */
  readonly secondNorm: Layer;
  /** M -> C channels. */
  readonly last: Layer;
  readonly #activation: Activation;

  /** Convolutions with parameters from `make`. */
  constructor(
    make: LayerMaker,
    { width, maskChannels, activation, eps }: Pick<
      PromptDescription,
      "width" | "maskChannels" | "activation" | "eps"
    >,
  ) {
    super();
    const few = maskChannels / 4;
    const halving = { kernel: [2, 2], stride: 2, bias: true };
    this.first = make.conv2d("first", { ...halving, inChannels: 1, outChannels: few });
    this.firstNorm = make.layerNorm("firstNorm", { features: few, eps });
    this.second = make.conv2d("second", { ...halving, inChannels: few, outChannels: maskChannels });
    this.secondNorm = make.layerNorm("secondNorm", { features: maskChannels, eps });
    this.last = make.conv2d("last", {
      kernel: [1, 1],
      inChannels: maskChannels,
      outChannels: width,
      bias: true,
    });
    this.#activation = activation;
  }

  /** masks [B, 1, 4 h, 4 w] -> [B, C, h, w] */
  override async forward(masks: FloatTensor): Promise<Tensor> {
    const first = await normalizedChannels(await this.first.forward(masks), this.firstNorm);
    const half = await this.second.forward(this.#activation(first));
    const second = await normalizedChannels(half, this.secondNorm);
    return await this.last.forward(this.#activation(second));
  }
}
