/**
 * Meshfactor: distributed Adafactor for Deno. Models split over tensor-parallel x ZeRO ranks train as on one device.
 *
 * Here is what programs use first. The rest is in `@meshfactor/adafactor/nn` (all ops and layers), `/models`, `/checkpoint`, `/optim`,
 * `/distributed` and `/device`; `/train`, `/generate`, `/launch` and `/analyse` are commands.
 *
 * @example
 * ```ts
 * import { Adafactor, Linear, mean, mul } from "@meshfactor/adafactor";
 * import { RandomSource, requestDevice, Tensor } from "@meshfactor/adafactor";
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

// Ranks: how processes find each other, and the mesh that they form.
export {
  launch,
  launchFromEnv,
  Layout,
  type LayoutOptions,
  type MpiOptions,
  PeerLostError,
  type ProcessGroup,
  ProcessGroupMesh,
  type ReduceOptions,
  type ShardingGroup,
  type Split,
  type Transport,
  type World,
  type WorldOptions,
} from "./src/distributed/mod.ts";

// Devices.
export {
  type Device,
  type DeviceKind,
  DeviceUnavailableError,
  requestDevice,
  type RequestDeviceOptions,
} from "./src/device/mod.ts";

// Tensors and gradients.
export {
  backward,
  type DType,
  type FloatTensor,
  keep,
  noGrad,
  Parameter,
  type ParameterOptions,
  recompute,
  Tensor,
  type TensorOptions,
  tidy,
} from "./src/nn/mod.ts";

// Differentiable ops.
export {
  add,
  addBias,
  crossEntropy,
  type CrossEntropyOptions,
  type DimsOptions,
  dropout,
  type DropoutOptions,
  gelu,
  IGNORE_INDEX,
  matmul,
  mean,
  mul,
  relu,
  scale,
  softmax,
  sum,
} from "./src/nn/mod.ts";

// Layers, and the random numbers that they begin with.
export {
  Embedding,
  type EmbeddingOptions,
  type Layer,
  LayerNorm,
  type LayerNormParameters,
  Linear,
  Linear1DCol,
  type Linear1DColOptions,
  Linear1DRow,
  type Linear1DRowOptions,
  type LinearOptions,
  Module,
  RandomSource,
  type RandomStream,
  RmsNorm,
  type RmsNormParameters,
  vocabParallelCrossEntropy,
  type VocabParallelCrossEntropyOptions,
  VocabParallelEmbedding,
  VocabParallelHead,
  type VocabParallelHeadOptions,
  type VocabParallelOptions,
} from "./src/nn/mod.ts";

// Transformers, from and to Hugging Face's files.
export {
  causalLoss,
  type CompanionFile,
  Decoder,
  type DecoderInput,
  type DownloadProgress,
  generate,
  generateBatch,
  type GeneratedToken,
  type GenerateOptions,
  generateTokens,
  KeyValueCache,
  type LoadOptions,
  loadPretrained,
  type LoadReport,
  modelFolder,
  type ModelFolderOptions,
  newModel,
  type NewModelOptions,
  parallelize,
  type ParallelizeOptions,
  type PretrainedModel,
  type ProblemType,
  RoutingRecord,
  type Sampling,
  type SaveOptions,
  savePretrained,
  type StorageOptions,
  vocabParallelCausalLoss,
} from "./src/models/mod.ts";

// Training checkpoints, to go on from after a crash.
export {
  type CheckpointContent,
  CheckpointWriteError,
  loadCheckpoint,
  type LoadCheckpointOptions,
  type LoadedCheckpoint,
  type OptimizerWithState,
  saveCheckpoint,
  type TrainingState,
} from "./src/checkpoint/mod.ts";

// Optimizers.
export {
  Adafactor,
  type AdafactorOptions,
  AdamW,
  type AdamWDiagnostics,
  type AdamWOptimizerOptions,
  type AdamWOptions,
  type AdamWParameterGroup,
  type AdamWState,
  constantSchedule,
  cosineSchedule,
  type DecayOptions,
  DistributedAdaFactor,
  DistributedAdamW,
  type DistributedSetup,
  inverseSquareRootSchedule,
  linearSchedule,
  type LossScaleOptions,
  NonFiniteGradientError,
  type OptimizerOptions,
  type OptimizerState,
  type ParameterDiagnostics,
  type ParameterGroup,
  presets,
  type Schedule,
  type StepInBackwardOptions,
  type StepOptions,
  type StepTraffic,
  type WarmupOptions,
} from "./src/optim/mod.ts";

// Types that those above refer to and that programs rarely name.
export type {
  AlgorithmOptions,
  AllToAllOptions,
  Axes,
  CallOptions,
  CallRecord,
  CallState,
  Compared,
  Dtype,
  Dump,
  Elements,
  ElementType,
  GroupCounters,
  GroupDump,
  Indices,
  Integrity,
  MessageRecord,
  Range,
  Reduction,
  TabledOp,
  TlsIdentity,
} from "./src/distributed/mod.ts";
export type {
  DeviceBuffer,
  DeviceStatistics,
  KernelBindings,
  KernelName,
  KernelParams,
  kernels,
} from "./src/device/mod.ts";
export type {
  AnyTensor,
  DropoutMask,
  DropoutMasks,
  FloatType,
  GradientFunction,
  GradientReceiver,
  Gradients,
  GraphNode,
  HostArray,
  HostArrays,
  InitialParametersOptions,
  OpNode,
  Recomputed,
  RecomputedNode,
  Replication,
  RotaryAngles,
  Values,
} from "./src/nn/mod.ts";
export type {
  Activation,
  AttendedKeys,
  Attention,
  AttentionDescription,
  AttentionInput,
  BalanceLossOptions,
  Block,
  BlockDescription,
  BlockInput,
  BlockOptions,
  BlockRouting,
  CachedPass,
  CheckpointForm,
  CheckpointNames,
  DecoderDescription,
  EmbeddedSource,
  EncoderDecoder,
  EncoderDecoderDescription,
  EncoderDecoderInput,
  ExpertRouter,
  Experts,
  ExpertsDescription,
  ExpertSplit,
  Generator,
  GridDescription,
  GridPositions,
  GridPositionsOptions,
  LatentAttention,
  LatentAttentionDescription,
  LayerCache,
  LayerOwner,
  LayerScale,
  LearnedPositions,
  Mlp,
  MlpDescription,
  MlpInput,
  ModelConfig,
  NewKeys,
  NormDescription,
  NormPlace,
  PassStore,
  PlanSplitOptions,
  PositionDescription,
  PositionedInput,
  RelativeBias,
  RelativeBuckets,
  RotaryByLayer,
  RotaryFrequencies,
  RotarySettings,
  RoutedTokens,
  Routing,
  RoutingDescription,
  SamplingRules,
  ShiftTokens,
  SourceKeys,
  SplitPlan,
  Stack,
  StackDescription,
  StackInput,
  StackPass,
  StackPositions,
  T5,
  T5Input,
  T5Source,
  TargetInput,
  TokenDescription,
} from "./src/models/mod.ts";
export type {
  AdafactorMeasures,
  AdamWHyperparameters,
  AdamWMeasures,
  AdamWParameterState,
  DescribedOptimizer,
  DeviceRange,
  DimRole,
  DimView,
  FactoredView,
  Factoring,
  GradientOptions,
  HostGradient,
  Hyperparameters,
  LostUpdates,
  MemoryOrder,
  Optimizer,
  PaddedRuns,
  ParameterState,
  Placement,
  SharedHyperparameters,
  SharedOptions,
  StepDiagnostics,
  WeightDecayScale,
} from "./src/optim/mod.ts";
