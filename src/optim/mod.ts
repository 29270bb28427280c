/**
 * Optimizers: Adafactor and AdamW on one device and distributed, presets, schedules of the learning rate, and the state of
 * other libraries' optimizers.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { mean, mul, Parameter, requestDevice } from "@meshfactor/adafactor";
 * import { Adafactor, cosineSchedule, presets } from "@meshfactor/adafactor/optim";
 *
 * using device = await requestDevice();
 * using weight = new Parameter(device, [1, 2, 3, 4], { shape: [2, 2] });
 * using optim = new Adafactor([weight], { ...presets.optax, lr: cosineSchedule(0.1, { steps: 10 }) });
 * for (let step = 1; step <= 10; step++) {
 *   using loss = mean(mul(weight, weight));
 *   await optim.backward(loss);
 *   await optim.step();
 *   optim.zeroGrad();
 * }
 * assert.ok((await weight.data())[3] < 4);
 * ```
 *
 * @module
 */

export { Adafactor, type ParameterDiagnostics } from "./adafactor.ts";
export { AdamW, type AdamWDiagnostics, type AdamWParameterGroup } from "./adamw.ts";
export type { Optimizer, StepInBackwardOptions, StepOptions } from "./optimizer.ts";
export type { DescribedOptimizer } from "./placement/agreement.ts";
export type { Placement } from "./placement/placement.ts";
export type {
  AdafactorOptions,
  Hyperparameters,
  WeightDecayScale,
} from "./options/hyperparameters.ts";
export type {
  AdamWHyperparameters,
  AdamWOptimizerOptions,
  AdamWOptions,
} from "./options/adamw_options.ts";
export type {
  GradientOptions,
  OptimizerOptions,
  ParameterGroup,
} from "./options/parameter_groups.ts";
export type { LostUpdates } from "./options/lost_updates.ts";
export type { SharedHyperparameters, SharedOptions } from "./options/shared_options.ts";
export type { LossScaleOptions } from "./options/loss_scaler.ts";
export { presets } from "./options/presets.ts";
export {
  constantSchedule,
  cosineSchedule,
  type DecayOptions,
  inverseSquareRootSchedule,
  linearSchedule,
  type Schedule,
  type WarmupOptions,
} from "./options/schedule.ts";
export type { DimRole, Factoring, MemoryOrder } from "./factoring/dim_roles.ts";
export type { DimView, FactoredView, PaddedRuns } from "./factoring/factored_view.ts";
export type { OptimizerState, ParameterState } from "./state/adafactor_state.ts";
export type { AdamWParameterState, AdamWState } from "./state/adamw_state.ts";
export {
  type HuggingFaceState,
  importHuggingFaceState,
  importTorchState,
  type TorchState,
} from "./state/import_state.ts";
export type { AdafactorMeasures } from "./rules/adafactor_rule.ts";
export type { AdamWMeasures } from "./rules/adamw_rule.ts";
export type { HostGradient, StepDiagnostics } from "./step/diagnostics.ts";
export { NonFiniteGradientError } from "./step/non_finite.ts";
export { DistributedAdamW } from "./distributed_adamw.ts";
export {
  DistributedAdaFactor,
  type DistributedSetup,
  type StepTraffic,
} from "./distributed_adafactor.ts";

// Types of other entry points that those above refer to.
export type { DeviceRange } from "../tensor/device_range.ts";
export type {
  AnyTensor,
  DType,
  FloatTensor,
  FloatType,
  GradientFunction,
  Gradients,
  GraphNode,
  HostArray,
  HostArrays,
  OpNode,
  Parameter,
  Recomputed,
  RecomputedNode,
  Tensor,
  Values,
} from "../nn/mod.ts";
export type {
  AllToAllOptions,
  CallOptions,
  Compared,
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
