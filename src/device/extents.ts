// How many words of each operand a kernel touches, given its parameters: the one place that keeps a kernel inside its
// buffers, on every device. `checkRun` is called by every `Device.run`, so a mistake is an error with names and numbers,
// never memory corruption. A word is 4 bytes: an f32, a u32, or two elements stored in 16 bits.

import { BLOCK_WORDS, NUMBERS_WORDS, STEP_WORDS } from "./block_table.ts";
import type { Device, DeviceBuffer } from "./device.ts";
import { type KernelName, type KernelParams, kernels } from "./kernels.ts";
import { storageTypes, storedWords } from "./storage_types.ts";

/** Words needed of each operand of kernel `K`, from its parameters. */
type Extents<K extends KernelName> = {
  readonly [Operand in keyof (typeof kernels)[K]["bindings"]]: (params: KernelParams<K>) => number;
};

/** A run of blocks. */
interface BlockRun {
  readonly firstBlock: number;
  readonly numBlocks: number;
}

function blocksEnd({ firstBlock, numBlocks }: BlockRun): number {
  return (firstBlock + numBlocks) * BLOCK_WORDS;
}

function numbersEnd({ firstBlock, numBlocks }: BlockRun): number {
  return (firstBlock + numBlocks) * NUMBERS_WORDS;
}

function stepsEnd({ firstBlock, numBlocks }: BlockRun): number {
  return (firstBlock + numBlocks) * STEP_WORDS;
}

function partialsEnd({ partialsLength }: { readonly partialsLength: number }): number {
  return partialsLength;
}

function gradEnd({ gradType, gradLength }: { gradType: number; gradLength: number }): number {
  return storedWords(gradType, gradLength);
}

function paramEnd({ paramType, paramLength }: { paramType: number; paramLength: number }): number {
  return storedWords(paramType, paramLength);
}

function momentumEnd(
  { momentumType, momentumLength }: { momentumType: number; momentumLength: number },
): number {
  return storedWords(momentumType, momentumLength);
}

const stepOperands = {
  blocks: blocksEnd,
  factors: (p: { readonly factorsLength: number }) => p.factorsLength,
  steps: stepsEnd,
  guard: () => 1,
  partials: partialsEnd,
};

const activation: Extents<"relu"> = { x: (p) => p.length, out: (p) => p.length };
const activationBackward: Extents<"relu_backward"> = {
  x: (p) => p.length,
  dy: (p) => p.length,
  dx: (p) => p.length,
};

const matmulOperands: Extents<"matmul_nn"> = {
  a: (p) => p.batch * p.m * p.k,
  b: (p) => p.batch * p.k * p.n,
  bias: (p) => p.biasLength,
  out: (p) => p.batch * p.m * p.n,
};

type AttentionSizes = KernelParams<"attention">;
const queryRows = (p: AttentionSizes) => p.batch * p.queries * p.heads;
const keyRows = (p: AttentionSizes) => p.batch * p.keys * p.keyHeads;
const distances = (p: AttentionSizes) => p.heads * Math.max(p.queries + p.keys - 1, 0);
const attentionOperands = {
  q: (p: AttentionSizes) => queryRows(p) * p.dim,
  k: (p: AttentionSizes) => keyRows(p) * p.dim,
  v: (p: AttentionSizes) => keyRows(p) * p.valueDim,
  keyMask: (p: AttentionSizes) => p.masked === 0 ? 0 : p.batch * p.keys,
  bias: (p: AttentionSizes) => p.biased === 0 ? 0 : distances(p),
};

/** Words needed: kernel -> operand -> count from the parameters. */
export const extents: { readonly [K in KernelName]: Extents<K> } = {
  matmul_nn: matmulOperands,
  matmul_nt: matmulOperands,
  matmul_tn: matmulOperands,
  add: { a: (p) => p.length, b: (p) => p.length, out: (p) => p.length },
  mul: { a: (p) => p.length, b: (p) => p.length, out: (p) => p.length },
  add_bias: { x: (p) => p.rows * p.cols, bias: (p) => p.cols, out: (p) => p.rows * p.cols },
  scale: { x: (p) => p.length, out: (p) => p.length },
  scale_by: { x: (p) => p.length, factor: () => 1, out: (p) => p.length },
  accumulate: { x: (p) => p.length, out: (p) => p.length },
  fill: { out: (p) => p.length === 0 ? 0 : p.offset + p.length },
  cast: { x: castFrom, out: castTo },
  accumulate_cast: { x: castFrom, out: castTo },
  copy_block: {
    x: (p) => blockEnd(p.rows, p.cols, p.fromStride, p.fromOffset),
    out: (p) => blockEnd(p.rows, p.cols, p.toStride, p.toOffset),
  },
  gelu: { x: (p) => p.length, out: (p) => p.length },
  gelu_backward: { x: (p) => p.length, dy: (p) => p.length, dx: (p) => p.length },
  embedding: {
    table: (p) => storedWords(p.tableType, p.numRows * p.width),
    indices: (p) => p.count,
    out: (p) => p.count * p.width,
  },
  embedding_backward: {
    indices: (p) => p.count,
    dy: (p) => p.count * p.width,
    dtable: (p) => p.numRows * p.width,
  },
  softmax_cross_entropy: {
    logits: (p) => p.rows * p.cols,
    targets: (p) => p.rows,
    losses: (p) => p.rows,
    dlogits: (p) => p.rows * p.cols,
  },
  split_softmax: {
    logits: (p) => p.rows * p.cols,
    targets: (p) => p.rows,
    exps: (p) => p.rows * p.cols,
    statistics: (p) => 3 * p.rows,
  },
  split_cross_entropy: {
    statistics: (p) => 3 * p.ranks * p.rows,
    targets: (p) => p.rows,
    losses: (p) => p.rows,
    dlogits: (p) => p.rows * p.cols,
  },
  softmax: { x: (p) => p.rows * p.cols, out: (p) => p.rows * p.cols },
  softmax_backward: {
    y: (p) => p.rows * p.cols,
    dy: (p) => p.rows * p.cols,
    dx: (p) => p.rows * p.cols,
  },
  attention: {
    ...attentionOperands,
    out: (p) => queryRows(p) * p.valueDim,
    lse: queryRows,
  },
  attention_delta: {
    dout: (p) => p.batch * p.queries * p.heads * p.valueDim,
    out: (p) => p.batch * p.queries * p.heads * p.valueDim,
    lse: (p) => p.batch * p.queries * p.heads,
    moments: (p) => 2 * p.batch * p.queries * p.heads,
  },
  attention_backward: {
    ...attentionOperands,
    dout: (p) => queryRows(p) * p.valueDim,
    moments: (p) => 2 * queryRows(p),
    dq: (p) => queryRows(p) * p.dim,
    dk: (p) => keyRows(p) * p.dim,
    dv: (p) => keyRows(p) * p.valueDim,
  },
  attention_bias_backward: {
    ...attentionOperands,
    dout: (p) => queryRows(p) * p.valueDim,
    moments: (p) => 2 * queryRows(p),
    dbias: distances,
  },
  relu: activation,
  relu_backward: activationBackward,
  silu: activation,
  silu_backward: activationBackward,
  gelu_tanh: activation,
  gelu_tanh_backward: activationBackward,
  hyperbolic_tangent: activation,
  hyperbolic_tangent_backward: activationBackward,
  norm: {
    x: (p) => p.rows * p.cols,
    weight: (p) => p.cols,
    bias: (p) => p.biasLength,
    out: (p) => p.rows * p.cols,
    moments: (p) => 2 * p.rows,
  },
  norm_backward: {
    x: (p) => p.rows * p.cols,
    weight: (p) => p.cols,
    dy: (p) => p.rows * p.cols,
    moments: (p) => 2 * p.rows,
    dx: (p) => p.rows * p.cols,
  },
  norm_weight_backward: {
    x: (p) => p.rows * p.cols,
    dy: (p) => p.rows * p.cols,
    moments: (p) => 2 * p.rows,
    dweight: (p) => p.cols,
  },
  rotary: {
    x: (p) => p.rows * p.dim,
    cos: (p) => p.positions * Math.floor(p.rotaryDim / 2),
    sin: (p) => p.positions * Math.floor(p.rotaryDim / 2),
    out: (p) => p.rows * p.dim,
  },
  permute: { x: permutedLength, out: permutedLength },
  dropout: { x: (p) => p.length, out: (p) => p.length },
  row_sums: { x: (p) => p.rows * p.cols, out: (p) => p.rows },
  column_sums: { x: (p) => p.rows * p.cols, out: (p) => p.cols },
  adafactor_tile_sums: { grad: gradEnd, blocks: blocksEnd, partials: partialsEnd },
  adafactor_join_sums: { blocks: blocksEnd, partials: partialsEnd, sums: (p) => p.sumsLength },
  adafactor_join_scalar: { blocks: blocksEnd, partials: partialsEnd, sums: (p) => p.sumsLength },
  adafactor_tile_params: { param: paramEnd, blocks: blocksEnd, partials: partialsEnd },
  adafactor_scale_gradients: {
    blocks: blocksEnd,
    sums: (p) => Math.max(p.slot + 1, p.sumsLength),
    guard: () => 1,
  },
  adafactor_averages: {
    blocks: blocksEnd,
    numbers: numbersEnd,
    sums: (p) => Math.max(p.gradientScale + 1, p.sumsLength),
    guard: () => 1,
    moments: (p) => p.momentsLength,
    factors: (p) => p.factorsLength,
  },
  adafactor_tile_updates: {
    grad: gradEnd,
    blocks: blocksEnd,
    factors: (p) => p.factorsLength,
    partials: partialsEnd,
  },
  adafactor_step_sizes: {
    blocks: blocksEnd,
    numbers: numbersEnd,
    sums: (p) => p.sumsLength,
    steps: stepsEnd,
  },
  adafactor_step: { ...stepOperands, grad: gradEnd, param: paramEnd },
  adafactor_step_momentum: {
    ...stepOperands,
    grad: gradEnd,
    param: paramEnd,
    momentum: momentumEnd,
  },
  adafactor_tile_momentum: { ...stepOperands, grad: gradEnd, momentum: momentumEnd },
  adafactor_step_cautious: {
    ...stepOperands,
    grad: gradEnd,
    param: paramEnd,
    momentum: momentumEnd,
  },
  came_tile_sums: { ...stepOperands, grad: gradEnd, momentum: momentumEnd },
};

/**
 * Checks one kernel call: every operand there, on `device`, not released, long enough, no written one bound twice; every
 * parameter there and in range.
 *
 * @throws {TypeError} for a missing operand, one of another device, or one bound twice.
 * @throws {RangeError} for an operand too small or a parameter out of range.
 */
export function checkRun(
  device: Device,
  call: {
    readonly kernel: KernelName;
    readonly bindings: Readonly<Record<string, DeviceBuffer | undefined>>;
    readonly params: Readonly<Record<string, number | undefined>>;
  },
): void {
  const { kernel, bindings, params } = call;
  const { operands, paramTypes } = checksOf(kernel);
  for (const [name, type] of paramTypes) checkParam(kernel, name, type, params[name]);
  checkFlagsAndRanges(kernel, params);
  for (const [name, access, needed] of operands) {
    const buffer = bindings[name];
    if (buffer === undefined) {
      throw new TypeError(
        `${kernel}: wanted a buffer for operand "${name}", got none: bind device.empty where it is absent`,
      );
    }
    if (buffer.device !== device) {
      throw new TypeError(
        `${kernel}: operand "${name}" belongs to another device (${buffer.device.description}): ` +
          `copy it to ${device.description} through the host first`,
      );
    }
    if (buffer.released) {
      throw new TypeError(
        `${kernel}: operand "${name}" is released: keep the buffer until its last use`,
      );
    }
    const bytes = 4 * needed(params);
    if (bytes > (access === "write" && buffer === device.empty ? 0 : buffer.byteLength)) {
      throw new RangeError(
        `${kernel}: operand "${name}" wants ${bytes} bytes for ${JSON.stringify(params)}, ` +
          (buffer === device.empty ? "got device.empty" : `got ${buffer.byteLength}`),
      );
    }
    if (access === "write") checkBoundOnce(kernel, name, bindings);
  }
}

type OperandCheck = readonly [
  name: string,
  access: string,
  needed: (params: Readonly<Record<string, number | undefined>>) => number,
];
interface Checks {
  readonly operands: readonly OperandCheck[];
  readonly paramTypes: readonly (readonly [name: string, type: string])[];
}

/** The table's rows for one kernel as arrays, made once. */
function checksOf(kernel: KernelName): Checks {
  const known = checksByKernel.get(kernel);
  if (known !== undefined) return known;
  const entry = kernels[kernel];
  if (entry === undefined) throw new TypeError(`No kernel is named "${kernel}"`);
  const needed = extents[kernel] as unknown as Record<string, OperandCheck[2]>;
  const checks: Checks = {
    operands: Object.entries(entry.bindings).map(([name, access]) =>
      [name, access, needed[name]!] as const
    ),
    paramTypes: Object.entries(entry.params),
  };
  checksByKernel.set(kernel, checks);
  return checks;
}

function checkParam(
  kernel: KernelName,
  name: string,
  type: string,
  value: number | undefined,
): void {
  const valid = type === "f32"
    ? typeof value === "number"
    : Number.isInteger(value) && value! >= 0 && value! <= MAX_U32;
  if (!valid) {
    throw new RangeError(
      `${kernel}: parameter "${name}" must be ${
        type === "f32" ? "a number" : "an integer from 0 to 2^32 - 1"
      }, got ${value}`,
    );
  }
}

/** Rules between parameters that extents cannot say. */
function checkFlagsAndRanges(
  kernel: KernelName,
  params: Readonly<Record<string, number | undefined>>,
): void {
  for (const flag of FLAGS) {
    if ((params[flag] ?? 0) > 1) {
      throw new RangeError(`${kernel}: parameter "${flag}" must be 0 or 1, got ${params[flag]}`);
    }
  }
  for (const name of ["fromType", "toType", "tableType"]) {
    if ((params[name] ?? 0) > LAST_STORAGE_TYPE) {
      throw new RangeError(
        `${kernel}: parameter "${name}" must be one of storageTypes, ${
          JSON.stringify(storageTypes)
        }, got ${params[name]}`,
      );
    }
  }
  const { biasLength } = params;
  const [name, width] = params.n === undefined ? ["cols", params.cols] : ["n", params.n];
  if (biasLength !== undefined && biasLength !== 0 && biasLength !== width) {
    throw new RangeError(
      `${kernel}: biasLength must be 0 or ${name} = ${width}, got ${biasLength}`,
    );
  }
  const { m, rowBegin, rowEnd } = params;
  if (rowBegin !== undefined && (rowBegin > rowEnd! || rowEnd! > m!)) {
    throw new RangeError(
      `${kernel}: rows must satisfy 0 <= rowBegin <= rowEnd <= m, got ${rowBegin}, ${rowEnd}, m = ${m}`,
    );
  }
  const { cols, numClasses, rank, ranks } = params;
  if (numClasses !== undefined && numClasses > cols!) {
    throw new RangeError(
      `${kernel}: numClasses must be at most cols = ${cols}, got ${numClasses}`,
    );
  }
  if (rank !== undefined && rank >= ranks!) {
    throw new RangeError(`${kernel}: rank must be below ranks = ${ranks}, got ${rank}`);
  }
  if (params.valueDim !== undefined) checkHeads(kernel, params);
  const { dim, rotaryDim, heads, positions } = params;
  if (rotaryDim === undefined) return;
  if (rotaryDim % 2 !== 0 || rotaryDim > dim! || heads === 0 || positions === 0) {
    throw new RangeError(
      `${kernel}: rotaryDim must be even and at most dim, heads and positions above 0, got ${rotaryDim}, ` +
        `${dim}, ${heads} and ${positions}`,
    );
  }
}

/** Of attention: heads in whole groups, and no wider than a WebGPU kernel's accumulators. */
function checkHeads(
  kernel: KernelName,
  { heads = 0, keyHeads = 1, dim = 1, valueDim = 1 }: Readonly<Record<string, number | undefined>>,
): void {
  if (heads === 0 || keyHeads === 0 || heads % keyHeads !== 0) {
    throw new RangeError(
      `${kernel}: heads must be a multiple of keyHeads, both above 0, got ${heads} and ${keyHeads}`,
    );
  }
  const isWidth = (width: number) => width >= 1 && width <= MAX_HEAD_WIDTH;
  if (!isWidth(dim) || !isWidth(valueDim)) {
    throw new RangeError(
      `${kernel}: dim and valueDim must be from 1 to ${MAX_HEAD_WIDTH}, got ${dim} and ${valueDim}`,
    );
  }
}

function checkBoundOnce(
  kernel: KernelName,
  name: string,
  bindings: Readonly<Record<string, DeviceBuffer | undefined>>,
): void {
  for (const other in bindings) {
    if (other !== name && bindings[other] === bindings[name]) {
      throw new TypeError(
        `${kernel}: operand "${name}" is written and also bound as "${other}": use another buffer for one of them`,
      );
    }
  }
}

/** One past the last element of a block of `rows` x `cols` whose rows are `stride` apart. */
function blockEnd(rows: number, cols: number, stride: number, offset: number): number {
  return rows === 0 || cols === 0 ? 0 : (rows - 1) * stride + offset + cols;
}

function castFrom(p: KernelParams<"cast">): number {
  return p.length === 0 ? 0 : storedWords(p.fromType, p.fromOffset + p.length);
}

function castTo(p: KernelParams<"cast">): number {
  return p.length === 0 ? 0 : storedWords(p.toType, p.toOffset + p.length);
}

function permutedLength({ dim0, dim1, dim2, dim3 }: KernelParams<"permute">): number {
  return dim0 * dim1 * dim2 * dim3;
}

const checksByKernel = new Map<KernelName, Checks>();
const LAST_STORAGE_TYPE = Math.max(...Object.values(storageTypes));
const FLAGS = [
  "accumulate",
  "biased",
  "causal",
  "centred",
  "interleaved",
  "masked",
  "stochastic",
];
const MAX_HEAD_WIDTH = 256;
const MAX_U32 = 2 ** 32 - 1;
