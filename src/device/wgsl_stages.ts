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
  add_row: (params) => elementwise("add_row", params.rows * params.cols),
  scale: (params) => elementwise("scale", params.length),
  scale_by: (params) => elementwise("scale_by", params.length),
  accumulate: (params) => elementwise("accumulate", params.length),
  fill: (params) => elementwise("fill", params.length),
  cast: (params) => casting(params, { accumulates: 0 }),
  accumulate_cast: (params) => casting(params, { accumulates: 1 }),
  copy_block: (params) => elementwise("copy_block", params.rows * params.cols),
  gelu: (params) => elementwise("gelu", params.length),
  gelu_backward: (params) => elementwise("gelu_backward", params.length),
  embedding: (params) => elementwise("embedding", params.count * params.width),
  embedding_backward: ({ count, width, numRows }) => ({
    source: "embedding_backward",
    stages: [{
      entryPoint: "main",
      workgroups: count === 0 ? 0 : numRows * Math.ceil(width / 256),
    }],
  }),
  softmax_cross_entropy: (params) => rowwise("softmax_cross_entropy", params),
  row_sums: (params) => rowwise("row_sums", params),
  column_sums: ({ rows, cols }) => ({
    source: "column_sums",
    stages: [
      { entryPoint: "tiles", workgroups: numTiles({ batch: 1, rows, cols }) },
      { entryPoint: "finish", workgroups: Math.ceil(cols / 8) },
    ],
    scratchLength: Math.ceil(rows / 32) * cols,
  }),
  sum_squares: ({ length }) => overChunks("sum_squares", { length, entryPoint: "squares" }),
  adafactor_stats: ({ batch, rows, cols }) => {
    const across = Math.ceil(cols / 256);
    const down = Math.ceil(rows / 32);
    return {
      source: "adafactor_stats",
      stages: [
        { entryPoint: "tiles", workgroups: batch * down * across },
        { entryPoint: "finish", workgroups: Math.ceil(batch * (rows + cols + 1) / 8) },
      ],
      scratchLength: batch * (rows * across + down * cols + down * across),
    };
  },
  adafactor_guard: ({ length }) => overChunks("adafactor_guard", { length, entryPoint: "look" }),
  adafactor_gradient_scale: () => ({
    source: "adafactor_gradient_scale",
    stages: [{ entryPoint: "main", workgroups: 1 }],
  }),
  adafactor_moments: ({ batch, rows, cols }) => ({
    source: "adafactor_moments",
    stages: [
      { entryPoint: "means", workgroups: Math.ceil(batch / 256) },
      { entryPoint: "vectors", workgroups: Math.ceil((batch * (rows + cols) + 1) / 256) },
    ],
  }),
  adafactor_update_squares: (params) => overTiles("adafactor_update_squares", params),
  adafactor_apply: (params) => overTiles("adafactor_apply", params),
  adafactor_apply_momentum: (params) => overTiles("adafactor_apply_momentum", params),
  adafactor_momentum: (params) => overTiles("adafactor_momentum", params),
  adafactor_apply_cautious: (params) => overTiles("adafactor_apply_cautious", params),
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

/** A row per 32 invocations where rows are short, else per workgroup of 256. */
function rowwise(source: Plan["source"], { rows, cols }: { rows: number; cols: number }): Plan {
  const lanes = cols <= 1024 ? 32 : 256;
  return {
    source,
    constants: { lanes },
    stages: [{ entryPoint: "main", workgroups: Math.ceil(rows / (256 / lanes)) }],
  };
}

/** Contiguous chunks of at least 4096 elements on at most 1024 workgroups, then one that joins them. */
function overChunks(
  source: Plan["source"],
  { length, entryPoint }: { length: number; entryPoint: string },
): Plan {
  const chunks = Math.min(Math.max(Math.ceil(length / 4096), 1), 1024);
  return {
    source,
    stages: [{ entryPoint, workgroups: chunks }, { entryPoint: "finish", workgroups: 1 }],
    scratchLength: chunks,
  };
}

/** Tiles of 32 x 256 of a block, then one workgroup that adds what they left: see wgsl/fragments/block_tile.wgsl. */
function overTiles(source: Plan["source"], block: Block): Plan {
  const tiles = numTiles(block);
  return {
    source,
    stages: [
      { entryPoint: "tiles", workgroups: tiles },
      { entryPoint: "finish", workgroups: 1 },
    ],
    scratchLength: tiles,
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

interface Block {
  readonly batch: number;
  readonly rows: number;
  readonly cols: number;
}

function numTiles({ batch, rows, cols }: Block): number {
  return batch * Math.ceil(rows / 32) * Math.ceil(cols / 256);
}

/** Tiles of 64 x 64, or on the CPU 64 blocks of 8 x 4 per workgroup. */
function matmul(
  { n, rowBegin, rowEnd }: KernelParams<"matmul_nn">,
  { software, aAlongK, bAlongK }: PlanTarget & { aAlongK: number; bAlongK: number },
): Plan {
  const rows = Math.max(rowEnd - rowBegin, 0);
  return {
    source: software ? "matmul_direct" : "matmul",
    constants: { aAlongK, bAlongK },
    stages: [{
      entryPoint: "main",
      workgroups: software
        ? Math.ceil(Math.ceil(rows / 8) * Math.ceil(n / 4) / 64)
        : Math.ceil(rows / 64) * Math.ceil(n / 64),
    }],
  };
}
