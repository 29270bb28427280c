/**
 * Tensors, automatic differentiation, differentiable ops and layers, whole and split over tensor-parallel ranks.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { requestDevice } from "@meshfactor/adafactor";
 * import { attention, Tensor } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice();
 * // [batch, tokens, heads, features]: a token sees itself and those before it.
 * using x = Tensor.from(device, new Float32Array(2 * 3 * 8).fill(1), { shape: [2, 3, 2, 4] });
 * using y = attention(x, x, x, { visible: "causal" });
 * assert.deepEqual(await y.data(), await x.data());
 * ```
 *
 * @module
 */

// Tensors and automatic differentiation.
export type { DType, FloatType, HostArray, HostArrays, Values } from "../tensor/dtype.ts";
export { type FloatTensor, Tensor, type TensorOptions } from "../tensor/tensor.ts";
export { Parameter, type ParameterOptions } from "../tensor/parameter.ts";
export {
  type AnyTensor,
  backward,
  type GradientFunction,
  type GradientReceiver,
  type Gradients,
  type GraphNode,
  type OpNode,
  type Recomputed,
  type RecomputedNode,
} from "../tensor/autograd.ts";
export { recompute } from "../tensor/recompute.ts";
export { keep, noGrad, tidy } from "../tensor/scope.ts";

// Differentiable ops.
export { geluTanh, leakyRelu, relu, silu, tanh } from "../ops/activation.ts";
export { add, neg, sub } from "../ops/add.ts";
export { addBias } from "../ops/add_bias.ts";
export { attention, type AttentionDropout, type AttentionOptions } from "../ops/attention.ts";
export { batchedMatmul, type BatchedMatmulOptions } from "../ops/batched_matmul.ts";
export { cast } from "../ops/cast.ts";
export {
  conv1d,
  type Conv1dOptions,
  convTranspose1d,
  type ConvTranspose1dOptions,
} from "../ops/conv1d.ts";
export {
  conv2d,
  type Conv2dOptions,
  convTranspose2d,
  type ConvTranspose2dOptions,
} from "../ops/conv2d.ts";
export {
  equal,
  greater,
  greaterEqual,
  less,
  lessEqual,
  maximum,
  minimum,
  notEqual,
  where,
} from "../ops/comparison.ts";
export { crossEntropy, type CrossEntropyOptions, IGNORE_INDEX } from "../ops/cross_entropy.ts";
export { cumsum } from "../ops/cumsum.ts";
export type { DimsOptions } from "../ops/dims.ts";
export { dropout, type DropoutMask, type DropoutOptions } from "../ops/dropout.ts";
export {
  abs,
  clamp,
  type ClampOptions,
  exp,
  log,
  rsqrt,
  sigmoid,
  softplus,
  sqrt,
} from "../ops/elementary.ts";
export { einsum } from "../ops/einsum.ts";
export { embedding, type EmbeddingLookup } from "../ops/embedding.ts";
export { fourierFeatures } from "../ops/fourier_features.ts";
export { argmax, argmin, type DimOptions, max, min } from "../ops/extremes.ts";
export { expand } from "../ops/expand.ts";
export { gather, type GatherOptions, scatterAdd } from "../ops/gather.ts";
export { gelu } from "../ops/gelu.ts";
export { groupedLinear } from "../ops/grouped_linear.ts";
export { indexAdd, indexSelect } from "../ops/index_select.ts";
export { linear } from "../ops/linear.ts";
export { logSoftmax, logSumExp } from "../ops/log_sum_exp.ts";
export {
  type BceOptions,
  bceWithLogits,
  type LossOptions,
  type LossReduction,
  mseLoss,
  smoothL1,
  type SmoothL1Options,
} from "../ops/losses.ts";
export { matmul } from "../ops/matmul.ts";
export { mean } from "../ops/mean.ts";
export { div, mul, pow } from "../ops/mul.ts";
export { layerNorm, type LayerNormOptions, rmsNorm, type RmsNormOptions } from "../ops/norm.ts";
export { nllLoss, type NllOptions } from "../ops/nll_loss.ts";
export { normalizeSums } from "../ops/normalize_sums.ts";
export { oneHot } from "../ops/one_hot.ts";
export { pad, type PadOptions } from "../ops/pad.ts";
export { permute } from "../ops/permute.ts";
export {
  avgPool1d,
  avgPool2d,
  maxPool1d,
  maxPool2d,
  type Pool1dOptions,
  type Pool2dOptions,
} from "../ops/pooling.ts";
export { repeat } from "../ops/repeat.ts";
export { reshape } from "../ops/reshape.ts";
export { rotary, RotaryAngles, type RotaryOptions } from "../ops/rotary.ts";
export { scale } from "../ops/scale.ts";
export { concat, slice, type SliceRange } from "../ops/slice.ts";
export { softmax } from "../ops/softmax.ts";
export { sort, type Sorted, type SortOptions } from "../ops/sort.ts";
export { split, type SplitOptions, stack } from "../ops/stack.ts";
export { sum } from "../ops/sum.ts";
export { type LargestElements, topK } from "../ops/top_k.ts";
export { transpose } from "../ops/transpose.ts";
export { type TriangleOptions, tril, triu } from "../ops/triangle.ts";

// Layers.
export { type Layer, Module } from "./module.ts";
export { Embedding, type EmbeddingOptions, type TableLayer } from "./embedding.ts";
export { addLora, type Lora, type LoraOptions } from "./lora/add_lora.ts";
export { type LinearLayer, LoraLinear } from "./lora/lora_linear.ts";
export { ExponentialMovingAverage, type MovingAverageOptions } from "./moving_average.ts";
export { summary, type SummaryOptions } from "./summary.ts";
export { manualSeed } from "./default_random.ts";
export { Linear } from "./linear.ts";
export type { LinearOptions } from "./linear_parameters.ts";
export { Conv1d, type Conv1dSettings } from "./conv1d.ts";
export {
  Conv2d,
  type Conv2dSettings,
  ConvTranspose2d,
  type ConvTranspose2dSettings,
} from "./conv2d.ts";
export {
  ConvolutionLayer,
  type ConvolutionOptions,
  type ConvolutionParameters,
} from "./convolution_layer.ts";
export {
  Linear1DCol,
  type Linear1DColOptions,
  type Replication,
} from "./parallel/linear_1d_col.ts";
export type { SplitHeadsOptions } from "./parallel/split_rms_norm.ts";
export { Linear1DRow, type Linear1DRowOptions } from "./parallel/linear_1d_row.ts";
export {
  VocabParallelEmbedding,
  type VocabParallelOptions,
} from "./parallel/vocab_parallel_embedding.ts";
export {
  VocabParallelHead,
  type VocabParallelHeadOptions,
} from "./parallel/vocab_parallel_head.ts";
export {
  vocabParallelCrossEntropy,
  type VocabParallelCrossEntropyOptions,
} from "./parallel/vocab_parallel_cross_entropy.ts";
export { LayerNorm, type LayerNormParameters, type LayerNormSize } from "./layer_norm.ts";
export { RmsNorm, type RmsNormParameters, type RmsNormSize } from "./rms_norm.ts";
export type { NormSize } from "./norm_parameters.ts";
export { BatchNorm, type BatchNormOptions } from "./parallel/batch_norm.ts";
export { GroupNorm, type GroupNormOptions } from "./group_norm.ts";
export { Sequential, type SequentialPart } from "./sequential.ts";
export {
  type DrawnMask,
  Dropout,
  type DropoutMasks,
  type DropoutSettings,
  type PartOfRow,
} from "./dropout.ts";
export { training, type TrainingPass } from "../tensor/training_scope.ts";
export { TransposedLinear } from "./transposed_linear.ts";
export { RandomSource, RandomStream } from "./philox.ts";

export type {
  InitialParametersOptions,
  InitialValues,
  ParameterSource,
  WantedParameter,
} from "./parameter_source.ts";

// Types of other entry points that those above refer to.
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
  AllToAllOptions,
  CallOptions,
  Elements,
  ElementType,
  GroupCounters,
  Layout,
  ProcessGroup,
  Range,
  ReduceOptions,
  Reduction,
  ShardingGroup,
  Split,
} from "../distributed/mod.ts";
