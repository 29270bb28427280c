// Attention and transformer blocks for models of one's own: the parts that all models here are made of, from a few sizes.

import type { Device } from "../../device/device.ts";
import { defaultRandom } from "../../nn/default_random.ts";
import { LayerMaker } from "../../nn/layer_maker.ts";
import { InitialParameters } from "../../nn/parameter_source.ts";
import type { RandomSource } from "../../nn/philox.ts";
import { gelu } from "../../ops/gelu.ts";
import type { FloatType } from "../../tensor/dtype.ts";
import { checkOptions } from "../../tensor/option_names.ts";
import type { FloatTensor, Tensor } from "../../tensor/tensor.ts";
import { trainingPass } from "../../tensor/training_scope.ts";
import type { Activation } from "./activations.ts";
import { Attention, type AttentionInput } from "./attention.ts";
import { Block, type BlockInput } from "./block.ts";
import type { AttentionDescription } from "./block_description.ts";

/**
 * Sizes of a {@linkcode MultiHeadAttention}.
 *
 * @category Models
 */
export interface MultiHeadAttentionOptions {
  /** D: features of the input and of the output, a multiple of `heads`. */
  readonly width: number;
  /** Heads of queries. */
  readonly heads: number;
  /** Heads of keys and values, a divisor of `heads`. Default: as many. */
  readonly keyHeads?: number;
  /** Whether a position attends to itself and those before it only. Default: true. */
  readonly causal?: boolean;
  /** Whether layers have biases. Default: true. */
  readonly bias?: boolean;
  /** Within `training()`, the probability of dropping weights of the softmax. Default: no dropout. */
  readonly dropout?: number;
  /** Source of the initial values. Default: that of `manualSeed()`. */
  readonly random?: RandomSource;
  /** How parameters are stored. Default: f32. */
  readonly dtype?: FloatType;
  /** How their gradients are stored. Default: as the parameters are. */
  readonly gradientDtype?: FloatType;
}

/**
 * Sizes of a {@linkcode TransformerBlock}. Its dropout is of the outputs of both parts, too.
 *
 * @category Models
 */
export interface TransformerBlockOptions extends MultiHeadAttentionOptions {
  /** Hidden features of the MLP. Default: 4 `width`. */
  readonly mlpWidth?: number;
  /** Of the hidden features. Default: gelu. */
  readonly activation?: Activation;
  /** Whether the MLP has a gate: down(activation(gate x) * up x). Default: false. */
  readonly gated?: boolean;
  /** Layer norms, or RMS norms without biases. Default: "layer". */
  readonly norm?: "layer" | "rms";
  /** Norms before each part, or after the sum with its input. Default: "before". */
  readonly normPlace?: "before" | "after";
}

/**
 * Multi-head attention of a sequence to itself, or to a source.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { MultiHeadAttention } from "@meshfactor/adafactor/models";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using layer = new MultiHeadAttention(device, { width: 8, heads: 2 });
 * using x = Tensor.from(device, new Float32Array(2 * 3 * 8).fill(1), { shape: [2, 3, 8] });
 * using y = await layer.forward(x);
 * console.log(y.shape); // [2, 3, 8]
 * ```
 *
 * @category Models
 */
export class MultiHeadAttention extends Attention {
  /** Makes a new layer. @throws {RangeError} if a size is no positive integer, or the heads do not divide */
  constructor(device: Device, options: MultiHeadAttentionOptions) {
    checkOptions("MultiHeadAttention", options, ATTENTION_OPTIONS);
    checkSizes("MultiHeadAttention", options);
    super(makerOf(device, options), {
      width: options.width,
      description: attentionOf(options),
    });
  }

  /** x [B, T, D], or with a source and masks, -> [B, T, D]. */
  override async forward(input: AttentionInput | FloatTensor): Promise<Tensor> {
    const given = "x" in input ? input : { x: input as Tensor };
    return await super.forward({ dropout: trainingPass(), ...given });
  }
}

/**
 * A transformer block: attention and an MLP, each with a norm and a residual sum.
 *
 * @example
 * ```ts
 * import { requestDevice, Sequential, Tensor } from "@meshfactor/adafactor";
 * import { TransformerBlock } from "@meshfactor/adafactor/models";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * const block = () => new TransformerBlock(device, { width: 8, heads: 2 });
 * using model = new Sequential([block(), block()]);
 * using x = Tensor.from(device, new Float32Array(2 * 3 * 8).fill(1), { shape: [2, 3, 8] });
 * using y = await model.forward(x);
 * console.log(y.shape); // [2, 3, 8]
 * ```
 *
 * @category Models
 */
export class TransformerBlock extends Block {
  /** Makes a new block. @throws {RangeError} if a size is no positive integer, or the heads do not divide */
  constructor(device: Device, options: TransformerBlockOptions) {
    checkOptions("TransformerBlock", options, BLOCK_OPTIONS);
    checkSizes("TransformerBlock", options);
    const { width, mlpWidth = 4 * width, activation = gelu, gated = false } = options;
    const { norm = "layer", normPlace = "before", bias = true, dropout } = options;
    super(makerOf(device, options), {
      width,
      norm: { kind: norm, eps: norm === "layer" ? 1e-5 : 1e-6 },
      normPlace,
      attention: attentionOf(options),
      mlp: {
        kind: gated ? "gated" : "plain",
        width: mlpWidth,
        activation,
        bias,
        storage: "outIn",
        outputDeviation: DEVIATION,
      },
      ...(dropout === undefined ? {} : { dropout }),
    });
  }

  /** x [B, T, D], or with masks, -> [B, T, D]. */
  override async forward(input: BlockInput | FloatTensor): Promise<Tensor> {
    const given = "x" in input ? input : { x: input as Tensor };
    return await super.forward({ dropout: trainingPass(), ...given });
  }
}

function attentionOf(
  { width, heads, keyHeads = heads, causal = true, bias = true, dropout }:
    MultiHeadAttentionOptions,
): AttentionDescription {
  const headWidth = width / heads;
  return {
    visible: causal ? "causal" : "all",
    numHeads: heads,
    numKeyHeads: keyHeads,
    headWidth,
    projections: "separate",
    storage: "outIn",
    inputBias: bias,
    outputBias: bias,
    window: undefined,
    scale: 1 / Math.sqrt(headWidth),
    outputDeviation: DEVIATION,
    ...(dropout === undefined ? {} : { dropout }),
  };
}

function makerOf(device: Device, options: MultiHeadAttentionOptions): LayerMaker {
  const { random = defaultRandom(), dtype = "f32", gradientDtype = dtype } = options;
  const source = new InitialParameters(device, { random, dtype, gradientDtype });
  return new LayerMaker(source, { deviation: DEVIATION, sites });
}

function checkSizes(
  owner: string,
  { width, heads, keyHeads = heads, mlpWidth = width }: TransformerBlockOptions,
): void {
  for (const [name, value] of Object.entries({ width, heads, keyHeads, mlpWidth })) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw new RangeError(`${owner} wants ${name} to be an integer from 1, got ${value}`);
  }
  if (width % heads === 0 && heads % keyHeads === 0) return;
  throw new RangeError(
    `${owner} wants heads to divide width and keyHeads to divide heads, got width ${width}, heads ${heads}, keyHeads ${keyHeads}`,
  );
}

/** Standard deviation of initial weights. */
const DEVIATION = 0.02;

/** Counts the places of dropout in all of them, so that no two drop the same elements; models number theirs from 0. */
const sites = { count: 2 ** 30 };

const ATTENTION_OPTIONS = [
  "width",
  "heads",
  "keyHeads",
  "causal",
  "bias",
  "dropout",
  "random",
  "dtype",
  "gradientDtype",
];
const BLOCK_OPTIONS = [
  ...ATTENTION_OPTIONS,
  "mlpWidth",
  "activation",
  "gated",
  "norm",
  "normPlace",
];
