// SAM (Kirillov et al. 2023): three configs in one, of the encoder of images, that of prompts, and the decoder of masks.

import { activationCalled } from "../blocks/activations.ts";
import type { AttentionDescription } from "../blocks/block_description.ts";
import type { CheckpointNames } from "../config/checkpoint_names.ts";
import type { ModelConfig } from "../config/model_config.ts";
import type { Architecture } from "../pretrained_model.ts";
import { Sam, type SamDescription } from "../sam.ts";
import { CROSS_ATTENTION_RATE, readSam, type SamSettings } from "./sam_settings.ts";

/** `SamModel` */
export const sam: Architecture = {
  name: "SamModel",
  baseName: "SamModel",
  head: [],
  makes: Sam,
  modelType: "sam",
  fromConfig(config) {
    const description = describe(config);
    const names = namesOf(description);
    const options = { form: { config, names } };
    return { names, build: (source) => new Sam(description, { source, ...options }) };
  },
};

const POSITIONS = "shared_image_embedding.positional_embedding";
const POINT_POSITIONS = "prompt_encoder.shared_embedding.positional_embedding";

function namesOf({ sharedPositions }: SamDescription): CheckpointNames {
  const attention = (path: string, name: string) =>
    Object.fromEntries(
      Object.entries({ query: "q_proj", key: "k_proj", value: "v_proj", output: "out_proj" })
        .map(([layer, there]) => [`${path}.${layer}`, `${name}.${there}`]),
    );
  const mlp = (path: string, name: string) => ({
    [`${path}.first`]: `${name}.proj_in`,
    [`${path}.hidden.*`]: `${name}.layers.*`,
    [`${path}.last`]: `${name}.proj_out`,
  });
  const layer = "vision_encoder.layers.*";
  const twoWay = "mask_decoder.transformer.layers.*";
  const [tokens, image] = ["decoder.tokenUpdates.*", "decoder.imageUpdates.*"];
  return {
    modules: {
      "positions.projection": POSITIONS,
      "prompts.positions.projection": POINT_POSITIONS,
      "vision.embeddings.positions": "vision_encoder.pos_embed",
      "vision.embeddings.patches": "vision_encoder.patch_embed.projection",
      "vision.blocks.*.attentionNorm": `${layer}.layer_norm1`,
      "vision.blocks.*.attention.qkv": `${layer}.attn.qkv`,
      "vision.blocks.*.attention.gridPositions.rows": `${layer}.attn.rel_pos_h`,
      "vision.blocks.*.attention.gridPositions.columns": `${layer}.attn.rel_pos_w`,
      "vision.blocks.*.attention.output": `${layer}.attn.proj`,
      "vision.blocks.*.mlpNorm": `${layer}.layer_norm2`,
      "vision.blocks.*.mlp.up": `${layer}.mlp.lin1`,
      "vision.blocks.*.mlp.down": `${layer}.mlp.lin2`,
      "neck.narrow": "vision_encoder.neck.conv1",
      "neck.narrowNorm": "vision_encoder.neck.layer_norm1",
      "neck.mix": "vision_encoder.neck.conv2",
      "neck.mixNorm": "vision_encoder.neck.layer_norm2",
      "prompts.noPoint": "prompt_encoder.not_a_point_embed",
      "prompts.kinds.*": "prompt_encoder.point_embed.*",
      "prompts.noMask": "prompt_encoder.no_mask_embed",
      "prompts.masks.first": "prompt_encoder.mask_embed.conv1",
      "prompts.masks.firstNorm": "prompt_encoder.mask_embed.layer_norm1",
      "prompts.masks.second": "prompt_encoder.mask_embed.conv2",
      "prompts.masks.secondNorm": "prompt_encoder.mask_embed.layer_norm2",
      "prompts.masks.last": "prompt_encoder.mask_embed.conv3",
      "decoder.scoreToken": "mask_decoder.iou_token",
      "decoder.maskTokens": "mask_decoder.mask_tokens",
      ...attention(`${tokens}.selfAttention`, `${twoWay}.self_attn`),
      [`${tokens}.selfNorm`]: `${twoWay}.layer_norm1`,
      ...attention(`${tokens}.imageAttention`, `${twoWay}.cross_attn_token_to_image`),
      [`${tokens}.imageNorm`]: `${twoWay}.layer_norm2`,
      [`${tokens}.mlp.up`]: `${twoWay}.mlp.lin1`,
      [`${tokens}.mlp.down`]: `${twoWay}.mlp.lin2`,
      [`${tokens}.mlpNorm`]: `${twoWay}.layer_norm3`,
      ...attention(`${image}.attention`, `${twoWay}.cross_attn_image_to_token`),
      [`${image}.norm`]: `${twoWay}.layer_norm4`,
      ...attention("decoder.finalAttention", "mask_decoder.transformer.final_attn_token_to_image"),
      "decoder.finalNorm": "mask_decoder.transformer.layer_norm_final_attn",
      "decoder.enlarge": "mask_decoder.upscale_conv1",
      "decoder.enlargedNorm": "mask_decoder.upscale_layer_norm",
      "decoder.enlargeAgain": "mask_decoder.upscale_conv2",
      ...mlp("decoder.maskMlps.*", "mask_decoder.output_hypernetworks_mlps.*"),
      ...mlp("decoder.scoreMlp", "mask_decoder.iou_prediction_head"),
    },
    ...(sharedPositions ? { tied: { [POINT_POSITIONS]: POSITIONS } } : {}),
  };
}

function describe(config: ModelConfig): SamDescription {
  const given = readSam(config);
  const { vision_config: vision, prompt_encoder_config: prompts, mask_decoder_config: decoder } =
    given;
  const side = Math.floor(vision.image_size / vision.patch_size);
  const grid = { rows: side, columns: side };
  const deviation = given.initializer_range;
  const { hidden_size: width } = decoder;
  return {
    vision: describeVision(vision, grid),
    neck: { ...grid, width: vision.hidden_size, outWidth: width, eps: CHANNEL_EPS },
    prompts: {
      ...grid,
      width,
      imageSize: prompts.image_size,
      numKinds: prompts.num_point_embeddings,
      maskChannels: prompts.mask_input_channels,
      activation: activationCalled(prompts.hidden_act),
      eps: prompts.layer_norm_eps,
    },
    decoder: {
      ...grid,
      numBlocks: decoder.num_hidden_layers,
      finalAttention: twoWayAttention(decoder, {
        rate: decoder.attention_downsample_rate,
        deviation,
      }),
      numMasks: decoder.num_multimask_outputs,
      scoreWidth: decoder.iou_head_hidden_dim,
      scoreDepth: decoder.iou_head_depth,
      finalEps: FINAL_EPS,
      enlargedEps: CHANNEL_EPS,
      block: {
        width,
        norm: { kind: "layer", eps: decoder.layer_norm_eps },
        selfAttention: twoWayAttention(decoder, { rate: 1, deviation }),
        crossAttention: twoWayAttention(decoder, { rate: CROSS_ATTENTION_RATE, deviation }),
        mlp: {
          kind: "plain",
          storage: "outIn",
          bias: true,
          width: decoder.mlp_dim,
          activation: activationCalled(decoder.hidden_act),
          outputDeviation: deviation,
        },
      },
    },
    positions: {
      numFrequencies: vision.num_pos_feats,
      deviation: vision.scale ?? Math.floor(vision.hidden_size / 2),
    },
    sharedPositions: given.tie_word_embeddings,
    deviation,
  };
}

function describeVision(
  given: SamSettings["vision_config"],
  { rows, columns }: { readonly rows: number; readonly columns: number },
): SamDescription["vision"] {
  const { hidden_size: width, num_attention_heads: numHeads, initializer_range: deviation } = given;
  const headWidth = width / numHeads;
  const { image_size: size, patch_size: patch, window_size: window } = given;
  return {
    numChannels: given.num_channels,
    imageSize: [size, size],
    patchSize: [patch, patch],
    classToken: false,
    positioned: given.use_abs_pos ? "patches" : "none",
    positionShape: "grid",
    numBlocks: given.num_hidden_layers,
    globalBlocks: given.global_attn_indexes,
    finalNorm: false,
    block: {
      width,
      norm: { kind: "layer", eps: given.layer_norm_eps },
      normPlace: "before",
      attention: {
        ...headsOf({ numHeads, headWidth, deviation }),
        inputBias: given.qkv_bias,
        projections: "fused",
        dropout: given.attention_dropout,
        grid: {
          rows,
          columns,
          window: window === 0 ? undefined : window,
          relativePositions: given.use_rel_pos,
        },
      },
      mlp: {
        kind: "plain",
        storage: "outIn",
        bias: true,
        width: given.mlp_dim ?? Math.floor(width * given.mlp_ratio),
        activation: activationCalled(given.hidden_act),
        outputDeviation: deviation,
      },
    },
    deviation,
  };
}

/** Attention of the decoder, narrower than its features by `rate`. */
function twoWayAttention(
  { hidden_size: width, num_attention_heads: numHeads }: SamSettings["mask_decoder_config"],
  { rate, deviation }: { readonly rate: number; readonly deviation: number },
): AttentionDescription {
  const headWidth = Math.floor(width / rate) / numHeads;
  return {
    ...headsOf({ numHeads, headWidth, deviation }),
    inputBias: true,
    projections: "separate",
  };
}

function headsOf({ numHeads, headWidth, deviation }: {
  readonly numHeads: number;
  readonly headWidth: number;
  readonly deviation: number;
}) {
  return {
    visible: "all",
    numHeads,
    numKeyHeads: numHeads,
    headWidth,
    scale: headWidth ** -0.5,
    storage: "outIn",
    outputBias: true,
    outputDeviation: deviation,
    headNormEps: undefined,
    window: undefined,
  } as const;
}

/** Those of nn.LayerNorm and of SamLayerNorm, which no setting changes. */
const [FINAL_EPS, CHANNEL_EPS] = [1e-5, 1e-6];
