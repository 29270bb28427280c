// ViT (Dosovitskiy et al. 2020): an image as a sequence of patches, with a class token before them.
//
//   image [B, C, h p, w q] -> patches [B, h w, C p q] -> linear [B, h w, D] -> class token first, + positions [B, 1 + h w, D]
//   -> blocks with norms before -> norm -> classifier of the class token [B, L]
//
// The linear layer is a convolution whose stride is its kernel size [D, C, p, q], and is stored as one.

import type { Dropout, DropoutMasks } from "../nn/dropout.ts";
import { LayerMaker } from "../nn/layer_maker.ts";
import { type Layer, Module } from "../nn/module.ts";
import type { ParameterSource } from "../nn/parameter_source.ts";
import { asF32 } from "../ops/cast.ts";
import { addBias } from "../ops/add_bias.ts";
import { embeddingAt } from "../ops/embedding.ts";
import { linear } from "../ops/linear.ts";
import { permute } from "../ops/permute.ts";
import { reshape } from "../ops/reshape.ts";
import { concat, slice } from "../ops/slice.ts";
import type { Parameter } from "../tensor/parameter.ts";
import { formatShape, sameShape } from "../tensor/shape.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { Block, type BlockOptions, makeNorm } from "./blocks/block.ts";
import type { ProblemType } from "./losses/classification_loss.ts";
import { firstOfSequence } from "./blocks/first_of_sequence.ts";
import { type CheckpointForm, type PlanSplitOptions, PretrainedModel } from "./pretrained_model.ts";
import { planBlocks } from "./splitting/split_blocks.ts";
import { requireGatheredLogits, type SplitPlan } from "./splitting/split_plan.ts";

/**
 * The configuration of a ViT model.
 *
 * @category Models
 */
export interface VitDescription {
  /** C: such as 3 for red, green and blue. */
  readonly numChannels: number;
  /** Height and width. */
  readonly imageSize: readonly [number, number];
  /** p and q: height and width of a patch. The rest of the image at the bottom and the right is ignored. */
  readonly patchSize: readonly [number, number];
  /** Number of blocks. */
  readonly numBlocks: number;
  /** The configuration of every block. */
  readonly block: BlockOptions;
  /** L */
  readonly numClasses: number;
  /** The kind of labels, if the config says so: for `classificationLoss()`. */
  readonly problemType?: ProblemType | undefined;
  /** Standard deviation of initial weights. */
  readonly deviation: number;
  /** In training, the probability of dropping features of embeddings. */
  readonly dropout: number;
}

/**
 * Input of a {@linkcode VitClassifier}.
 *
 * @category Models
 */
export interface VitInput {
  /** [B, C, height, width] */
  readonly pixels: FloatTensor;
  /** Masks of dropout, in training. Default: nothing is dropped. */
  readonly dropout?: DropoutMasks | undefined;
}

/**
 * Classifies images.
 *
 * @example
 * ```ts
 * import { newModel, RandomSource, requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { VitClassifier } from "@meshfactor/adafactor/models";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * const config = {
 *   model_type: "vit",
 *   hidden_size: 8,
 *   num_hidden_layers: 1,
 *   num_attention_heads: 2,
 *   intermediate_size: 16,
 *   image_size: 4,
 *   patch_size: 2,
 *   num_labels: 3,
 * };
 * using model = newModel(device, config, { random: new RandomSource(1), model: VitClassifier });
 * using pixels = Tensor.from(device, new Float32Array(3 * 4 * 4), { shape: [1, 3, 4, 4] });
 * using logits = await model.forward({ pixels });
 * console.log(logits.shape); // [1, 3]
 * ```
 *
 * @category Models
 */
export class VitClassifier extends PretrainedModel<VitInput> {
  /** Its configuration. */
  readonly description: VitDescription;
  /** Turns images into sequences. */
  readonly embeddings: VitEmbeddings;
  /** The blocks, in order. */
  readonly blocks: readonly Block[];
  /** The norm after the last block. */
  readonly norm: Layer;
  /** [B, D] -> [B, L] */
  classifier: Layer;
  readonly #dropout: Dropout;

  /** A model with parameters from `source`. @throws {Error} if the source lacks one of the requested shape */
  constructor(description: VitDescription, { source, form }: {
    readonly source: ParameterSource;
    readonly form: CheckpointForm;
  }) {
    super(form);
    const { numBlocks, block, numClasses } = description;
    const { width, norm } = block;
    const make = new LayerMaker(source, description);
    this.description = description;
    this.embeddings = new VitEmbeddings(make.within("embeddings"), description);
    this.#dropout = make.dropout(description.dropout);
    this.blocks = Array.from(
      { length: numBlocks },
      (_, index) => new Block(make.within(`blocks.${index}`), block),
    );
    this.norm = makeNorm(make, { name: "norm", width, norm });
    this.classifier = make.linear("classifier", {
      inFeatures: width,
      outFeatures: numClasses,
      bias: true,
    });
  }

  /** pixels [B, C, height, width] -> logits [B, L]. @throws {RangeError} if images are not of the model's size */
  override async forward({ pixels, dropout }: VitInput): Promise<Tensor> {
    let x = this.#dropout.apply(await this.embeddings.forward(pixels), dropout);
    for (const block of this.blocks) x = await block.forward({ x, dropout });
    return asF32(await this.classifier.forward(firstOfSequence(await this.norm.forward(x))));
  }

  /** Blocks are split, and the classifier by input features. */
  override async planSplit(plan: SplitPlan, { gatherLogits }: PlanSplitOptions): Promise<void> {
    requireGatheredLogits(this, gatherLogits);
    await planBlocks(plan, this.blocks);
    const { processGroup } = plan;
    plan.rowParallel(this, "classifier", { processGroup, parallelInput: false });
  }
}

/**
 * Turns images into sequences.
 *
 * @category Models
 */
export class VitEmbeddings extends Module<FloatTensor> {
  readonly #description: VitDescription;
  /** The class token [1, 1, D] */
  readonly classToken: Parameter;
  /** The position embeddings [1, 1 + h w, D] */
  readonly positions: Parameter;
  /** The linear layer of patches. */
  readonly patches: PatchKernel;

  /** Embeddings with parameters from `make`. */
  constructor(make: LayerMaker, description: VitDescription) {
    super();
    const { numChannels, imageSize, patchSize, block: { width } } = description;
    const [rows, columns] = gridOf({ imageSize, patchSize });
    const initial = { deviation: make.deviation };
    this.#description = description;
    this.classToken = make.parameter("classToken", { shape: [1, 1, width], initial });
    this.positions = make.parameter("positions", {
      shape: [1, 1 + rows * columns, width],
      initial,
    });
    this.patches = new PatchKernel(make.within("patches"), { width, numChannels, patchSize });
  }

  /** pixels [B, C, height, width] -> [B, 1 + h w, D] */
  override async forward(pixels: FloatTensor): Promise<Tensor> {
    const { numChannels, imageSize, patchSize, block: { width } } = this.#description;
    const wanted = [numChannels, ...imageSize];
    if (!sameShape(pixels.shape.slice(1), wanted)) {
      throw new RangeError(
        `The model wants images of [B, ${wanted.join(", ")}], got ${formatShape(pixels.shape)}: ` +
          "scale them to that size",
      );
    }
    const batch = pixels.shape[0];
    const patches = await this.patches.forward(toPatches(pixels, patchSize));
    // The class token is the one row of a table, looked up for every image.
    const table = reshape(this.classToken, [1, width]);
    const first = embeddingAt(table, new Uint32Array(batch), { shape: [batch, 1] });
    const sequence = concat([first, patches], { dim: 1 });
    // A sequence as one row, as all sequences get the same positions.
    const rows = reshape(sequence, [batch, this.positions.length]);
    return reshape(addBias(rows, reshape(this.positions, [this.positions.length])), sequence.shape);
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
  /** [D] */
  readonly bias: Parameter;

  /** A layer of D features with parameters from `make`. */
  constructor(make: LayerMaker, { width, numChannels, patchSize }: {
    readonly width: number;
    readonly numChannels: number;
    readonly patchSize: readonly [number, number];
  }) {
    super();
    const shape = [width, numChannels, ...patchSize];
    this.weight = make.parameter("weight", { shape, initial: { deviation: make.deviation } });
    this.bias = make.parameter("bias", { shape: [width], initial: { every: 0 } });
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
  { imageSize, patchSize }: Pick<VitDescription, "imageSize" | "patchSize">,
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
