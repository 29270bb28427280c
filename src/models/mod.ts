/**
 * Transformers of several families, loaded from and saved to folders in the format of Hugging Face, and split over ranks by
 * `parallelize()`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { RandomSource, requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { BertClassifier, newModel } from "@meshfactor/adafactor/models";
 *
 * using device = await requestDevice();
 * const config = {
 *   architectures: ["BertForSequenceClassification"],
 *   model_type: "bert",
 *   vocab_size: 32,
 *   hidden_size: 8,
 *   num_hidden_layers: 1,
 *   num_attention_heads: 2,
 *   intermediate_size: 16,
 * };
 * using model = newModel(device, config, { random: new RandomSource(1), model: BertClassifier });
 * using tokens = Tensor.from(device, Uint32Array.of(1, 2, 3), { shape: [1, 3] });
 * using logits = await model.forward({ tokens });
 * assert.deepEqual(logits.shape, [1, 2]);
 * ```
 *
 * @module
 */

export { modelFolder, type ModelFolderOptions } from "../checkpoint/hub/model_folder.ts";
export type { DownloadProgress } from "../checkpoint/hub/hub_download.ts";
export { type LoadOptions, loadPretrained, type LoadReport } from "../checkpoint/pretrained.ts";
export type { CompanionFile } from "../checkpoint/companions.ts";
export { type SaveOptions, savePretrained } from "../checkpoint/save_pretrained.ts";
export type { StorageOptions } from "../checkpoint/checkpoint_parameters.ts";
export { alibiBias, type AlibiOptions, alibiSlopes } from "./positions/alibi.ts";
export { newModel, type NewModelOptions } from "./new_model.ts";
export { type CheckpointForm, type PlanSplitOptions, PretrainedModel } from "./pretrained_model.ts";
export type { CheckpointNames } from "./config/checkpoint_names.ts";
export { ModelConfig } from "./config/model_config.ts";
export { Decoder, type DecoderInput } from "./decoder.ts";
export { KeyValueCache } from "./cache/key_value_cache.ts";
export type {
  DecoderDescription,
  PositionDescription,
  TokenDescription,
} from "./decoder_description.ts";
export type {
  AttentionDescription,
  BlockDescription,
  ExpertsDescription,
  GridDescription,
  HeadNormDescription,
  LatentAttentionDescription,
  MlpDescription,
  NormDescription,
  NormPlace,
  RoutingDescription,
} from "./blocks/block_description.ts";
export type { Block, BlockInput, BlockOptions } from "./blocks/block.ts";
export {
  MultiHeadAttention,
  type MultiHeadAttentionOptions,
  TransformerBlock,
  type TransformerBlockOptions,
} from "./blocks/own_blocks.ts";
export type { Attention, AttentionInput } from "./blocks/attention.ts";
export type { LayerScale } from "./blocks/layer_scale.ts";
export type { LatentAttention } from "./blocks/latent_attention.ts";
export type { Mlp, MlpInput } from "./blocks/mlp.ts";
export type { Experts } from "./blocks/experts.ts";
export type { ExpertRouter, Routing } from "./blocks/expert_router.ts";
export type { RoutedTokens } from "./blocks/expert_stack.ts";
export {
  type BalanceLossOptions,
  type BlockRouting,
  RoutingRecord,
} from "./blocks/routing_record.ts";
export type { LearnedPositions, PositionedInput } from "./positions/learned_positions.ts";
export type { Activation } from "./blocks/activations.ts";
export type { GridPositions, GridPositionsOptions } from "./positions/grid_positions.ts";
export type { RotaryByLayer } from "./positions/rotary_by_layer.ts";
export type { RotaryFrequencies, RotarySettings } from "./positions/rotary_frequencies.ts";
export { causalLoss } from "./losses/causal_loss.ts";
export { vocabParallelCausalLoss } from "./losses/vocab_parallel_causal_loss.ts";
export { parallelize, type ParallelizeOptions } from "./parallelize.ts";
export type { ExpertSplit, LayerOwner, SplitPlan } from "./splitting/split_plan.ts";
export {
  type BertDescription,
  type BertEncoder,
  type BertInput,
  BertMaskedLm,
  type MaskedLmInput,
  type MaskedLmOptions,
} from "./bert.ts";
export { BertClassifier, type ClassifierOptions } from "./bert_classifier.ts";
export { BertTokenClassifier } from "./bert_token_classifier.ts";
export {
  type EmbeddedSource,
  EncoderDecoder,
  type EncoderDecoderDescription,
  type EncoderDecoderInput,
  type TargetInput,
} from "./encoder_decoder.ts";
export { T5, type T5Input, type T5Source } from "./t5.ts";
export {
  Whisper,
  type WhisperDescription,
  type WhisperInput,
  type WhisperSource,
} from "./whisper.ts";
export { type Blip2ImageOptions, readBlip2Image } from "../train/data/blip2_image.ts";
export { Blip2, type Blip2Description, type Blip2Input } from "./blip2.ts";
export type { QFormer, QFormerDescription, QFormerInput } from "./qformer.ts";
export { SpeechFeatures } from "./speech/speech_features.ts";
export { readWav, type Recording } from "./speech/wav.ts";
export type {
  RelativeBias,
  Stack,
  StackDescription,
  StackInput,
  StackPass,
  StackPositions,
} from "./stack.ts";
export type { RelativeBuckets } from "./positions/relative_positions.ts";
export type { ShiftTokens } from "./shift_right.ts";
export type { ImageDescription, PatchKernel, VisionEmbeddings } from "./vision_embeddings.ts";
export type { VisionDescription, VisionEncoder, VisionInput } from "./vision_encoder.ts";
export { readImage, writeMask } from "../train/data/image_file.ts";
export type { RgbImage } from "../train/data/image_resize.ts";
export type { ImageSize } from "../train/data/image_pixels.ts";
export type { Plane } from "../train/data/bilinear.ts";
export { readSamImage, SamImage, type SamImageOptions } from "../train/data/sam_image.ts";
export { Sam, type SamDescription, type SamInput, type Segmentation } from "./sam.ts";
export type { Box, Point, SamPrompts } from "./prompt_points.ts";
export type { MaskEncoder, PromptDescription, PromptEncoder } from "./sam_prompts.ts";
export type {
  DecodedMasks,
  MaskDecoder,
  MaskDecoderDescription,
  MaskDecoderInput,
} from "./sam_mask_decoder.ts";
export type { NeckDescription, VisionNeck } from "./vision_neck.ts";
export type { ImageUpdate, TokenUpdate, TwoWayDescription, TwoWayInput } from "./blocks/two_way.ts";
export type { LayeredMlp } from "./blocks/layered_mlp.ts";
export type { FourierPositions } from "./positions/fourier_positions.ts";
export { VitClassifier, type VitDescription } from "./vit.ts";
export {
  type ClassificationLabels,
  classificationLoss,
  type ProblemType,
} from "./losses/classification_loss.ts";
export {
  generate,
  generateBatch,
  type GeneratedToken,
  type GenerateOptions,
  generateTokens,
  type Generator,
  type Sampling,
} from "./generate.ts";
export type { SamplingRules } from "./generation/next_token.ts";
export type { AttendedKeys, CachedPass, PassStore } from "./cache/cached_pass.ts";
export type { LayerCache, NewKeys, SourceKeys } from "./cache/layer_cache.ts";

// Types of other entry points that the declarations above refer to.
export type {
  Device,
  DeviceBuffer,
  DeviceKind,
  DeviceStatistics,
  KernelBindings,
  KernelName,
  KernelParams,
  kernels,
} from "../device/mod.ts";
export type {
  AnyTensor,
  DropoutMasks,
  DType,
  Embedding,
  FloatTensor,
  FloatType,
  GradientFunction,
  Gradients,
  GraphNode,
  HostArray,
  HostArrays,
  InitialParametersOptions,
  InitialValues,
  Layer,
  Linear1DColOptions,
  Linear1DRowOptions,
  Module,
  OpNode,
  Parameter,
  ParameterSource,
  RandomSource,
  RandomStream,
  Recomputed,
  RecomputedNode,
  Replication,
  RotaryAngles,
  SplitHeadsOptions,
  TableLayer,
  Tensor,
  Values,
  VocabParallelCrossEntropyOptions,
  WantedParameter,
} from "../nn/mod.ts";
export type {
  AllToAllOptions,
  Axes,
  CallOptions,
  Elements,
  ElementType,
  GroupCounters,
  Indices,
  Layout,
  ProcessGroup,
  ProcessGroupMesh,
  Range,
  ReduceOptions,
  Reduction,
  ShardingGroup,
  Split,
} from "../distributed/mod.ts";
