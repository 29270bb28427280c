// SAM (Kirillov et al. 2023, "Segment anything"): masks of the objects in an image that points, boxes or rough masks ask for.
//
//   pixels [B, 3, H, W] -> vision encoder with windows, neck -> image [B, C, h, w]            the same for all prompts
//   P prompts of every image -> tokens [B P, T, C]
//   both -> mask decoder -> logits of masks [B, P, M, 4 h, 4 w], scores [B, P, M]

import type { DropoutMasks } from "../nn/dropout.ts";
import { LayerMaker } from "../nn/layer_maker.ts";
import type { ParameterSource } from "../nn/parameter_source.ts";
import { asF32 } from "../ops/cast.ts";
import { permute } from "../ops/permute.ts";
import { repeat } from "../ops/repeat.ts";
import { reshape } from "../ops/reshape.ts";
import { slice } from "../ops/slice.ts";
import { formatShape, sameShape } from "../tensor/shape.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { toSequence } from "./blocks/image_layout.ts";
import { FourierPositions } from "./positions/fourier_positions.ts";
import { type CheckpointForm, PretrainedModel } from "./pretrained_model.ts";
import { countObjects, type SamPrompts } from "./prompt_points.ts";
import {
  MaskDecoder,
  type MaskDecoderDescription,
  type MaskDecoderInput,
} from "./sam_mask_decoder.ts";
import { type PromptDescription, PromptEncoder } from "./sam_prompts.ts";
import { planAttention, planBlocks, planMlp } from "./splitting/split_blocks.ts";
import type { SplitPlan } from "./splitting/split_plan.ts";
import { type VisionDescription, VisionEncoder } from "./vision_encoder.ts";
import { type NeckDescription, VisionNeck } from "./vision_neck.ts";

/**
 * The configuration of a SAM model.
 *
 * @category Models
 */
export interface SamDescription {
  /** The encoder of images. */
  readonly vision: VisionDescription;
  /** The layers after it. */
  readonly neck: NeckDescription;
  /** The encoder of prompts. */
  readonly prompts: PromptDescription;
  /** The decoder of masks. */
  readonly decoder: MaskDecoderDescription;
  /** Positions of the image, and of points: half of their features, and the standard deviation of initial frequencies. */
  readonly positions: { readonly numFrequencies: number; readonly deviation: number };
  /** Whether points have the positions of the image, or their own. */
  readonly sharedPositions: boolean;
  /** Standard deviation of initial weights, but for the vision encoder's. */
  readonly deviation: number;
}

/**
 * Images and what is asked for in them.
 *
 * @category Models
 */
export interface SamInput extends SamPrompts {
  /** [B, 3, H, W]: images of the model's size, as `samImage()` makes them. */
  readonly pixels?: FloatTensor | undefined;
  /** [B, C, h, w]: encoded images, instead of pixels, for several passes with other prompts. */
  readonly encoded?: Tensor | undefined;
  /** The masks that are wanted: all but the first, for prompts that may mean several things, or the first. Default: "several". */
  readonly outputs?: "several" | "one";
  /** Masks of dropout, in training. Default: nothing is dropped. */
  readonly dropout?: DropoutMasks | undefined;
}

/**
 * Masks of B images with P prompts each. The tensors share what they were computed from: dispose of both.
 *
 * @category Models
 */
export interface Segmentation {
  /** Logits [B, P, M, 4 h, 4 w], above 0 within the object. */
  readonly masks: Tensor;
  /** How well each mask is expected to overlap with the object, as intersection over union [B, P, M]. */
  readonly scores: Tensor;
}

/**
 * Segments images.
 *
 * @example
 * ```ts
 * import { newModel, RandomSource, requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { Sam } from "@meshfactor/adafactor/models";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * const image = { image_size: 8, patch_size: 4 };
 * const config = {
 *   model_type: "sam",
 *   vision_config: {
 *     ...image,
 *     hidden_size: 8,
 *     num_hidden_layers: 1,
 *     num_attention_heads: 2,
 *     output_channels: 16,
 *     num_pos_feats: 8,
 *   },
 *   prompt_encoder_config: { ...image, hidden_size: 16 },
 *   mask_decoder_config: { hidden_size: 16, num_attention_heads: 2, mlp_dim: 16 },
 * };
 * using model = newModel(device, config, { random: new RandomSource(1), model: Sam });
 * using pixels = Tensor.from(device, new Float32Array(3 * 8 * 8), { shape: [1, 3, 8, 8] });
 * using masks = await model.forward({ pixels, points: [[[[3, 5]]]], outputs: "one" });
 * console.log(masks.shape); // [1, 1, 1, 8, 8]
 * ```
 *
 * @category Models
 */
export class Sam extends PretrainedModel<SamInput> {
  /** Its configuration. */
  readonly description: SamDescription;
  /** Features of positions in the image. */
  readonly positions: FourierPositions;
  /** Encodes images. */
  readonly vision: VisionEncoder;
  /** The layers after it. */
  readonly neck: VisionNeck;
  /** Encodes prompts. */
  readonly prompts: PromptEncoder;
  /** Decodes masks. */
  readonly decoder: MaskDecoder;

  /** A model with parameters from `source`. @throws {Error} if the source lacks one of the requested shape */
  constructor(description: SamDescription, { source, form }: {
    readonly source: ParameterSource;
    readonly form: CheckpointForm;
  }) {
    super(form);
    const { vision, neck, prompts, decoder, positions, sharedPositions } = description;
    const make = new LayerMaker(source, description);
    const makeVision = new LayerMaker(source, vision);
    this.description = description;
    this.positions = new FourierPositions(make.within("positions"), positions);
    this.vision = new VisionEncoder(makeVision.within("vision"), vision);
    this.neck = new VisionNeck(makeVision.within("neck"), neck);
    this.prompts = new PromptEncoder(make.within("prompts"), {
      ...prompts,
      positions: sharedPositions
        ? this.positions
        : new FourierPositions(make.within("prompts.positions"), positions),
    });
    this.decoder = new MaskDecoder(make.within("decoder"), decoder);
  }

  /**
   * Images and prompts -> logits of masks [B, P, M, 4 h, 4 w]. P is 1 without points and boxes.
   *
   * @throws {TypeError} unless there are either pixels or encoded images.
   * @throws {RangeError} if the shapes or lists do not fit.
   */
  override async forward(input: SamInput): Promise<Tensor> {
    const { counts, ...decoded } = await this.#decoderInput(input);
    return wanted(await this.decoder.forward(decoded), { ...input, counts });
  }

  /** As {@linkcode Sam.forward}, with scores of the masks. */
  async segment(input: SamInput): Promise<Segmentation> {
    const { counts, ...decoded } = await this.#decoderInput(input);
    const { masks, scores } = await this.decoder.decode(decoded);
    const options = { ...input, counts };
    return { masks: wanted(masks, options), scores: wanted(scores, options) };
  }

  /**
   * pixels [B, 3, H, W] -> encoded images [B, C, h, w]. A `copy()` of them is a leaf that serves any number of passes.
   *
   * @throws {RangeError} if images are not of the model's size.
   */
  async encode({ pixels, dropout }: {
    readonly pixels: FloatTensor;
    readonly dropout?: DropoutMasks | undefined;
  }): Promise<Tensor> {
    return await this.neck.forward(await this.vision.forward({ pixels, dropout }));
  }

  /**
   * Splits the blocks of the vision encoder, and of the decoder those layers of attention that have a head for every rank. The other
   * layers are whole on every rank.
   */
  override async planSplit(plan: SplitPlan): Promise<void> {
    await planBlocks(plan, this.vision.blocks);
    const { tokenUpdates, imageUpdates, finalAttention } = this.decoder;
    const attentions = [
      ...tokenUpdates.flatMap((
        { selfAttention, imageAttention },
      ) => [selfAttention, imageAttention]),
      ...imageUpdates.map(({ attention }) => attention),
      finalAttention,
    ];
    for (const attention of attentions) {
      if (attention.description.numHeads < plan.processGroup.size) continue;
      await planAttention(plan, attention);
    }
    for (const { mlp } of tokenUpdates) planMlp(plan, mlp);
  }

  async #decoderInput(
    input: SamInput,
  ): Promise<MaskDecoderInput & { readonly counts: readonly [number, number] }> {
    const { rows, columns, width } = this.description.prompts;
    const objects = countObjects(input);
    const encoded = await this.#encoded(input);
    const [images] = encoded.shape;
    if (!sameShape(encoded.shape, [images, width, rows, columns])) {
      throw new RangeError(
        `SAM wants encoded images of [B, ${width}, ${rows}, ${columns}], got ${
          formatShape(encoded.shape)
        }`,
      );
    }
    if (objects !== undefined && objects.images !== images) {
      throw new RangeError(
        `SAM wants prompts of every image, got ${images} images and prompts of ${objects.images}`,
      );
    }
    const ofImage = objects?.ofImage ?? 1;
    const image = await this.prompts.withMasks(toSequence(encoded), input.masks);
    return {
      prompts: objects === undefined ? undefined : await this.prompts.forward(input),
      image: ofImage === 1 ? image : repeatedEach(image, ofImage),
      imagePositions: await this.positions.ofGrid({ rows, columns }),
      counts: [images, ofImage],
    };
  }

  async #encoded({ pixels, encoded, dropout }: SamInput): Promise<Tensor> {
    if ((pixels === undefined) === (encoded === undefined)) {
      throw new TypeError("SAM wants either pixels or encoded images");
    }
    return encoded ?? await this.encode({ pixels: pixels!, dropout });
  }
}

/** All but the first mask or score of every object, or the first: [N, M, ...] -> [B, P, m, ...] */
function wanted(x: Tensor, { outputs = "several", counts }: {
  readonly outputs?: "several" | "one" | undefined;
  readonly counts: readonly [number, number];
}): Tensor {
  const [, all, ...rest] = x.shape;
  const range = outputs === "one" ? { begin: 0, end: 1 } : { begin: 1, end: all };
  const chosen = slice(x, { dim: 1, ...range });
  return asF32(reshape(chosen, [...counts, range.end - range.begin, ...rest]));
}

/** Every image of [B, S, C] so many times in a row: [B times, S, C] */
function repeatedEach(image: Tensor, times: number): Tensor {
  const [batch, length, width] = image.shape;
  const rows = reshape(repeat(image, times), [times, batch, length * width]);
  return reshape(permute(rows, [1, 0, 2]), [batch * times, length, width]);
}
