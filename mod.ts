/**
 * Meshfactor: distributed Adafactor for Deno. Models split over tensor-parallel x ZeRO ranks train as on one device.
 *
 * @example
 * ```ts
 * import { Adafactor, Linear, mean, mul, RandomSource, requestDevice, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice();
 * using layer = new Linear(device, { inFeatures: 4, outFeatures: 2, random: new RandomSource(1) });
 * using optim = new Adafactor(layer.parameters(), { lr: 0.1 });
 * using x = Tensor.from(device, [1, 2, 3, 4], { shape: [1, 4] });
 * const y = await layer.forward(x);
 * using loss = mean(mul(y, y));
 * await optim.backward(loss);
 * await optim.step();
 * ```
 *
 * @module
 */

// Ranks: how processes find each other, and the grid they form.
export { launch, launchFromEnv } from "./src/distributed/launch.ts";
export type { World } from "./src/distributed/world.ts";
export type { WorldOptions } from "./src/distributed/membership/world_options.ts";
export type { TlsIdentity } from "./src/distributed/wire/tls.ts";
export type { Dump, GroupDump } from "./src/distributed/records/dump.ts";
export type { CallRecord, CallState } from "./src/distributed/records/call_recorder.ts";
export type { MessageRecord } from "./src/distributed/records/message_recorder.ts";
export { PeerLostError } from "./src/distributed/failures/failure.ts";
export {
  type Axes,
  type Indices,
  ProcessGroupMesh,
  type RavelMode,
} from "./src/distributed/mesh.ts";
export type {
  AllToAllOptions,
  CallOptions,
  Elements,
  GroupCounters,
  ProcessGroup,
  ReduceOptions,
} from "./src/distributed/group.ts";
export type { AlgorithmOptions, TabledOp } from "./src/distributed/calls/algorithm_table.ts";
export type { Dtype, Reduction } from "./src/distributed/wire/frame.ts";
export {
  Layout,
  type LayoutOptions,
  type Range,
  type ShardingGroup,
  shardRange,
  type Split,
  unitRange,
} from "./src/distributed/layout.ts";

// Devices and tensors.
export type { KernelBindings, KernelName, KernelParams, kernels } from "./src/device/kernels.ts";
export type { Device, DeviceBuffer, DeviceKind, DeviceStatistics } from "./src/device/device.ts";
export {
  DeviceUnavailableError,
  requestDevice,
  type RequestDeviceOptions,
} from "./src/device/request_device.ts";
export type { DType, FloatType, HostArray, HostArrays, Values } from "./src/tensor/dtype.ts";
export { type FloatTensor, Tensor, type TensorOptions } from "./src/tensor/tensor.ts";
export { Parameter, type ParameterOptions } from "./src/tensor/parameter.ts";
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
} from "./src/tensor/autograd.ts";
export { recompute } from "./src/tensor/recompute.ts";

// Differentiable ops.
export { geluTanh, relu, silu, tanh } from "./src/ops/activation.ts";
export { add } from "./src/ops/add.ts";
export { addBias } from "./src/ops/add_bias.ts";
export { attention, type AttentionDropout, type AttentionOptions } from "./src/ops/attention.ts";
export { batchedMatmul } from "./src/ops/batched_matmul.ts";
export { cast } from "./src/ops/cast.ts";
export { crossEntropy, type CrossEntropyOptions, IGNORE_INDEX } from "./src/ops/cross_entropy.ts";
export { dropout, type DropoutOptions, type Dropping } from "./src/ops/dropout.ts";
export { embedding, type EmbeddingLookup } from "./src/ops/embedding.ts";
export { gelu } from "./src/ops/gelu.ts";
export { linear } from "./src/ops/linear.ts";
export { matmul } from "./src/ops/matmul.ts";
export { mean } from "./src/ops/mean.ts";
export { mul } from "./src/ops/mul.ts";
export { layerNorm, type LayerNormOptions, rmsNorm, type RmsNormOptions } from "./src/ops/norm.ts";
export { permute } from "./src/ops/permute.ts";
export { reshape } from "./src/ops/reshape.ts";
export { rotary, RotaryAngles, type RotaryOptions } from "./src/ops/rotary.ts";
export { scale } from "./src/ops/scale.ts";
export { concat, slice, type SliceRange } from "./src/ops/slice.ts";
export { softmax } from "./src/ops/softmax.ts";
export { sum } from "./src/ops/sum.ts";

// Layers.
export { type Layer, Module } from "./src/nn/module.ts";
export { Embedding, type EmbeddingOptions, type TableLayer } from "./src/nn/embedding.ts";
export { Linear } from "./src/nn/linear.ts";
export type { LinearOptions } from "./src/nn/linear_parameters.ts";
export { Linear1DCol, type Linear1DColOptions, type Replication } from "./src/nn/linear_1d_col.ts";
export { Linear1DRow, type Linear1DRowOptions } from "./src/nn/linear_1d_row.ts";
export {
  VocabParallelEmbedding,
  type VocabParallelOptions,
} from "./src/nn/vocab_parallel_embedding.ts";
export { VocabParallelHead, type VocabParallelHeadOptions } from "./src/nn/vocab_parallel_head.ts";
export {
  vocabParallelCrossEntropy,
  type VocabParallelCrossEntropyOptions,
} from "./src/nn/vocab_parallel_cross_entropy.ts";
export { LayerNorm, type LayerNormParameters } from "./src/nn/layer_norm.ts";
export { RmsNorm, type RmsNormParameters } from "./src/nn/rms_norm.ts";
export type { DropoutMasks } from "./src/nn/dropout.ts";
export { TransposedLinear } from "./src/nn/transposed_linear.ts";
export { RandomSource, RandomStream } from "./src/nn/philox.ts";

// Transformers, from and to the files of Hugging Face.
export {
  type LoadOptions,
  loadPretrained,
  type SaveOptions,
  savePretrained,
} from "./src/checkpoint/pretrained.ts";
export type { StorageOptions } from "./src/checkpoint/checkpoint_parameters.ts";
export { alibiBias, type AlibiOptions, alibiSlopes } from "./src/models/alibi.ts";
export { newModel, type NewModelOptions } from "./src/models/new_model.ts";
export { type CheckpointForm, PretrainedModel } from "./src/models/pretrained_model.ts";
export type { CheckpointNames } from "./src/models/checkpoint_names.ts";
export { ModelConfig } from "./src/models/model_config.ts";
export { Decoder, type DecoderInput } from "./src/models/decoder.ts";
export type {
  AttentionDescription,
  BlockDescription,
  DecoderDescription,
  MlpDescription,
  NormDescription,
  PositionDescription,
  TokenDescription,
} from "./src/models/decoder_description.ts";
export type { Block, BlockInput, BlockOptions } from "./src/models/block.ts";
export type { Attention, AttentionInput } from "./src/models/attention.ts";
export type { Mlp, MlpInput } from "./src/models/mlp.ts";
export type { LearnedPositions, PositionedInput } from "./src/models/learned_positions.ts";
export type { Activation } from "./src/models/activations.ts";
export type { RotaryFrequencies, RotarySettings } from "./src/models/rotary_frequencies.ts";
export type {
  InitialParametersOptions,
  InitialValues,
  ParameterSource,
  WantedParameter,
} from "./src/nn/parameter_source.ts";
export { causalLoss } from "./src/models/causal_loss.ts";
export { vocabParallelCausalLoss } from "./src/models/vocab_parallel_causal_loss.ts";
export { parallelize, type ParallelizeOptions } from "./src/models/parallelize.ts";
export {
  BertClassifier,
  type BertDescription,
  type BertEncoder,
  type BertInput,
  BertMaskedLm,
  type ClassifierOptions,
  type MaskedLmOptions,
} from "./src/models/bert.ts";
export {
  type RelativeBias,
  T5,
  type T5Description,
  type T5Input,
  type T5Stack,
  type T5StackDescription,
  type T5StackInput,
} from "./src/models/t5.ts";
export type { RelativeBuckets } from "./src/models/relative_positions.ts";
export type { ShiftTokens } from "./src/models/shift_right.ts";
export {
  type PatchKernel,
  VitClassifier,
  type VitDescription,
  type VitEmbeddings,
  type VitInput,
} from "./src/models/vit.ts";
export {
  type ClassificationLabels,
  classificationLoss,
  type ProblemType,
} from "./src/models/classification_loss.ts";
export { generate, type GenerateOptions, type Sampling } from "./src/models/generate.ts";

// Optimizers.
export { Adafactor, type StepOptions } from "./src/optim/adafactor.ts";
export type { WholeParameters } from "./src/optim/whole_parameters.ts";
export type {
  AdafactorOptions,
  Hyperparameters,
  WeightDecayScale,
} from "./src/optim/options/hyperparameters.ts";
export type { OptimizerOptions, ParameterGroup } from "./src/optim/options/parameter_groups.ts";
export type { LossScaleOptions } from "./src/optim/options/loss_scaler.ts";
export { presets } from "./src/optim/options/presets.ts";
export {
  constantSchedule,
  cosineSchedule,
  type DecayOptions,
  inverseSquareRootSchedule,
  linearSchedule,
  type Schedule,
  type WarmupOptions,
} from "./src/optim/options/schedule.ts";
export type { DimRole, Factoring, MemoryOrder } from "./src/optim/factoring/dim_roles.ts";
export type { DimView, FactoredView, PaddedRuns } from "./src/optim/factoring/factored_view.ts";
export type { OptimizerState, ParameterState } from "./src/optim/state/parameter_state.ts";
export {
  type HuggingFaceState,
  importHuggingFaceState,
  importTorchState,
  type TorchState,
} from "./src/optim/state/import_state.ts";
export type { GradientBlock } from "./src/optim/step/passes.ts";
export type { HostGradient, ParameterDiagnostics } from "./src/optim/step/diagnostics.ts";
export { NonFiniteGradientError } from "./src/optim/step/non_finite.ts";
export {
  DistributedAdaFactor,
  type DistributedSetup,
  type StepTraffic,
} from "./src/optim/distributed_adafactor.ts";
