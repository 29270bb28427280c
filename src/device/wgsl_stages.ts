// How each kernel runs on WebGPU: which WGSL file, which entry points one after the other, on how many workgroups, and how
// much scratch memory lies between them. The numbers of workgroups mirror the index arithmetic at the head of each entry
// point; a count of 0 is skipped.

import type { KernelName, KernelParams } from "./kernels.ts";
import { storageTypes, storedWords } from "./storage_types.ts";
import type { wgslSources } from "./wgsl_generated.ts";

/** One dispatch. */
export interface Stage {
  readonly entryPoint: string;
  readonly workgroups: number;
}

/** Everything that one `run` dispatches. */
export interface Plan {
  readonly source: keyof typeof wgslSources;
  /** Values of the file's `override` declarations (booleans as 0 and 1). */
  readonly constants?: Readonly<Record<string, number>>;
  readonly stages: readonly Stage[];
  /** Elements of f32 or u32 that the stages share. Left out where the kernel binds no scratch. */
  readonly scratchLength?: number;
}

/** What the plan depends on besides the parameters. */
export interface PlanTarget {
  /** True where the adapter runs on the CPU: barriers are dear, caches large. */
  readonly software: boolean;
}

/** The dispatches that run `kernel` with `params`. */
export function planKernel<K extends KernelName>(
  kernel: K,
  params: KernelParams<K>,
  target: PlanTarget,
): Plan {
  return plans[kernel](params, target);
}

type Plans = { readonly [K in KernelName]: (params: KernelParams<K>, target: PlanTarget) => Plan };

const plans: Plans = {
  matmul_nn: (params, target) => matmul(params, { ...target, aAlongK: 1, bAlongK: 0 }),
  matmul_nt: (params, target) => matmul(params, { ...target, aAlongK: 1, bAlongK: 1 }),
  matmul_tn: (params, target) => matmul(params, { ...target, aAlongK: 0, bAlongK: 0 }),
  add: (params) => elementwise("add", params.length),
  mul: (params) => elementwise("mul", params.length),
  add_bias: (params) => elementwise("add_bias", params.rows * params.cols),
  scale: (params) => elementwise("scale", params.length),
  scale_by: (params) => elementwise("scale_by", params.length),
  accumulate: (params) => elementwise("accumulate", params.length),
  fill: (params) => elementwise("fill", params.length),
  cast: (params) => casting(params, { accumulates: 0 }),
  accumulate_cast: (params) => casting(params, { accumulates: 1 }),
  copy_block: (params) => elementwise("copy_block", params.rows * params.cols),
  gelu: (params) => elementwise("gelu", params.length),
  gelu_backward: (params) => elementwise("gelu_backward", params.length),
  relu: (params) => activation("activation", params.length, RELU),
  relu_backward: (params) => activation("activation_backward", params.length, RELU),
  silu: (params) => activation("activation", params.length, SILU),
  silu_backward: (params) => activation("activation_backward", params.length, SILU),
  gelu_tanh: (params) => activation("activation", params.length, GELU_TANH),
  gelu_tanh_backward: (params) => activation("activation_backward", params.length, GELU_TANH),
  hyperbolic_tangent: (params) => activation("activation", params.length, TANH),
  hyperbolic_tangent_backward: (params) => activation("activation_backward", params.length, TANH),
  norm: (params) => rowwise("norm", params),
  norm_backward: (params) => rowwise("norm_backward", params),
  norm_weight_backward: (params) => downColumns("norm_weight_backward", params),
  rotary: ({ rows, dim }) => elementwise("rotary", rows * dim),
  permute: ({ dim0, dim1, dim2, dim3 }) => elementwise("permute", dim0 * dim1 * dim2 * dim3),
  dropout: (params) => elementwise("dropout", params.length),
  embedding: (params) => elementwise("embedding", params.count * params.width),
  embedding_backward: ({ count, width, numRows }) => ({
    source: "embedding_backward",
    stages: [{
      entryPoint: "main",
      workgroups: count === 0 ? 0 : numRows * Math.ceil(width / 256),
    }],
  }),
  softmax: (params) => rowwise("softmax", params),
  softmax_backward: (params) => rowwise("softmax_backward", params),
  attention: ({ batch, queries, heads }) => ({
    source: "attention",
    stages: [{ entryPoint: "main", workgroups: batch * heads * Math.ceil(queries / 32) }],
  }),
  attention_delta: ({ batch, queries, heads, valueDim }) =>
    rowwise("attention_delta", { rows: batch * queries * heads, cols: valueDim }),
  attention_backward: ({ batch, queries, keys, heads, keyHeads }) => ({
    source: "attention_backward",
    stages: [
      { entryPoint: "queryGradients", workgroups: batch * heads * Math.ceil(queries / 32) },
      { entryPoint: "keyGradients", workgroups: batch * keyHeads * Math.ceil(keys / 32) },
    ],
  }),
  attention_bias_backward: ({ queries, keys, heads }) => {
    const diagonals = heads * Math.max(Math.ceil(queries / 32) + Math.ceil(keys / 32) - 1, 0);
    const distances = heads * Math.max(queries + keys - 1, 0);
    return {
      source: "attention_bias_backward",
      stages: [
        { entryPoint: "diagonals", workgroups: diagonals },
        { entryPoint: "finish", workgroups: Math.ceil(distances / 256) },
      ],
      scratchLength: 63 * diagonals,
    };
  },
  softmax_cross_entropy: (params) => rowwise("softmax_cross_entropy", params),
  split_softmax: (params) => rowwise("split_softmax", params),
  split_cross_entropy: (params) => rowwise("split_cross_entropy", params),
  row_sums: (params) => rowwise("row_sums", params),
  column_sums: (params) => downColumns("column_sums", params),
  adafactor_tile_sums: (params) => overRun("adafactor_tile_sums", params),
  adafactor_join_sums: ({ numVectors }) => ({
    source: "adafactor_join_sums",
    stages: [{ entryPoint: "main", workgroups: Math.ceil(numVectors / 32) }],
  }),
  adafactor_join_scalar: ({ numBlocks }) => ({
    source: "adafactor_join_scalar",
    stages: [{ entryPoint: "main", workgroups: numBlocks }],
  }),
  adafactor_tile_params: (params) => overRun("adafactor_tile_params", params),
  adafactor_scale_gradients: () => ({
    source: "adafactor_scale_gradients",
    stages: [{ entryPoint: "main", workgroups: 1 }],
  }),
  adafactor_averages: ({ numBlocks, numVectors }) => ({
    source: "adafactor_averages",
    stages: [
      { entryPoint: "means", workgroups: numBlocks },
      { entryPoint: "vectors", workgroups: Math.ceil(numVectors / 256) },
    ],
  }),
  adafactor_tile_updates: (params) => overRun("adafactor_tile_updates", params),
  adafactor_step_sizes: ({ numBlocks }) => ({
    source: "adafactor_step_sizes",
    stages: [{ entryPoint: "main", workgroups: Math.ceil(numBlocks / 64) }],
  }),
  adafactor_step: (params) => overRun("adafactor_step", params),
  adafactor_step_momentum: (params) => overRun("adafactor_step_momentum", params),
  adafactor_tile_momentum: (params) => overRun("adafactor_tile_momentum", params),
  adafactor_step_cautious: (params) => overRun("adafactor_step_cautious", params),
  came_tile_sums: (params) => overRun("came_tile_sums", params),
};

/** Four elements per invocation, 1024 per workgroup. */
function elementwise(source: Plan["source"], length: number): Plan {
  return { source, stages: [{ entryPoint: "main", workgroups: Math.ceil(length / 1024) }] };
}

/** A word of what is written per invocation, four in turn. */
function casting(
  { toType, toOffset, length }: KernelParams<"cast">,
  constants: { accumulates: number },
): Plan {
  const firstWord = toType === storageTypes.f32 ? toOffset : Math.floor(toOffset / 2);
  const words = length === 0 ? 0 : storedWords(toType, toOffset + length) - firstWord;
  return { ...elementwise("cast", words), constants };
}

/** The functions of wgsl/activation.wgsl, by its numbers. */
const [RELU, SILU, GELU_TANH, TANH] = [0, 1, 2, 3];

function activation(source: Plan["source"], length: number, which: number): Plan {
  return { ...elementwise(source, length), constants: { which } };
}

/** Sums down columns: tiles of 32 x 256, then 8 columns per workgroup. */
function downColumns(
  source: Plan["source"],
  { rows, cols }: { rows: number; cols: number },
): Plan {
  return {
    source,
    stages: [
      { entryPoint: "tiles", workgroups: Math.ceil(rows / 32) * Math.ceil(cols / 256) },
      { entryPoint: "finish", workgroups: Math.ceil(cols / 8) },
    ],
    scratchLength: Math.ceil(rows / 32) * cols,
  };
}

/** A row per 32 invocations where rows are short, else per workgroup of 256. */
function rowwise(source: Plan["source"], { rows, cols }: { rows: number; cols: number }): Plan {
  const lanes = cols <= 1024 ? 32 : 256;
  return {
    source,
    constants: { lanes },
    stages: [{ entryPoint: "main", workgroups: Math.ceil(rows / (256 / lanes)) }],
  };
}

/** One workgroup per tile of a run of blocks (block_table.ts), compiled for how its tensors are stored and rounded. */
function overRun(
  source: Plan["source"],
  params: Readonly<Record<string, number>> & { readonly numTiles: number },
): Plan {
  const constants = Object.fromEntries(
    STORAGE_PARAMS.filter((name) => name in params).map((name) => [name, params[name]]),
  );
  return { source, constants, stages: [{ entryPoint: "main", workgroups: params.numTiles }] };
}

const STORAGE_PARAMS = ["gradType", "paramType", "momentumType", "stochastic"];

/** Tiles of 64 x 64, or on the CPU 64 blocks of 8 x 4 per workgroup. */
function matmul(
  { batch, n, rowBegin, rowEnd }: KernelParams<"matmul_nn">,
  { software, aAlongK, bAlongK }: PlanTarget & { aAlongK: number; bAlongK: number },
): Plan {
  const rows = Math.max(rowEnd - rowBegin, 0);
  return {
    source: software ? "matmul_direct" : "matmul",
    constants: { aAlongK, bAlongK },
    stages: [{
      entryPoint: "main",
      workgroups: software
        ? Math.ceil(batch * Math.ceil(rows / 8) * Math.ceil(n / 4) / 64)
        : batch * Math.ceil(rows / 64) * Math.ceil(n / 64),
    }],
  };
}
