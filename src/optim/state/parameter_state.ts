// What Adafactor keeps per parameter, on the device, and the same as whole arrays that do not depend on the mesh:
//
//   moments of this rank's block   R [batch, rows] | C [batch, cols] | mean R [batch]      momentum [batch, rows, cols]
//
// Saved: every rank lays its part into zeros, and a sum over each group that cuts the part puts the whole together; as all
// else is zero that is exact (optim/sums/summed_parts.ts). Loaded: every rank takes its part. So what one mesh saved another
// loads.

import type { DeviceBuffer } from "../../device/device.ts";
import type { FloatType } from "../../tensor/dtype.ts";
import { blockLength, takeBlock, wholeLength, wholeWith } from "../factoring/block_of_whole.ts";
import type { DimView, FactoredView } from "../factoring/factored_view.ts";
import type { DimRole } from "../factoring/dim_roles.ts";
import type { SumGroup } from "../sums/packed_sums.ts";
import { copyRun } from "../zero/packing.ts";
import type { Part } from "../sums/summed_parts.ts";

/** Some elements of device memory. */
export interface Slice {
  /** The memory that they lie in. */
  readonly buffer: DeviceBuffer;
  /** The first. */
  readonly offset: number;
  /** How many. */
  readonly length: number;
  /** How they are stored. */
  readonly dtype: FloatType;
}

/** What lasts from step to step, per parameter. */
export interface State {
  /** Steps taken. */
  step: number;
  /** R, C and mean R of this rank's block, f32 (see the kernel adafactor_averages); of each matrix, with `perMatrix`. */
  readonly moments: Slice;
  readonly perMatrix: boolean;
  /** Running average of updates, with beta1. */
  readonly momentum: Slice | undefined;
  /** CAME's averages of squared differences, as `moments`. */
  readonly confidence: Slice | undefined;
  /** The block itself in f32, as kernels want it, with `masterWeights` and a 16-bit parameter. */
  readonly master: Slice | undefined;
  /** `Parameter.version` that the master was made from; -1 for none. */
  masterOf: number;
  /** `Parameter.version` whose sum of squares is in the sums; -1 for none. */
  squaresOf: number;
}

/** State of one whole parameter, seen as `batch` matrices of `rows` x `cols`: numbers and typed arrays only. */
export interface ParameterState {
  /** Steps taken. */
  step: number;
  /** Matrices. */
  batch: number;
  /** Rows of each; 1 where the second moment is not factored. */
  rows: number;
  /** Columns of each. */
  cols: number;
  /** What the loss is multiplied by, where that is dynamic: the same for all parameters. */
  lossScale?: number;
  /** Good steps since it changed. */
  lossScaleGoodSteps?: number;
  /** Running average of squared gradients over columns, [batch, rows]. */
  rowMeans: Float32Array;
  /** The same over rows, [batch, cols]: the full second moment where it is not factored. */
  colMeans: Float32Array;
  /** The same over both, [batch]. */
  means: Float32Array;
  /** Running average of updates, [batch, rows, cols], where there is one. */
  momentum?: Float32Array;
  /** CAME's running average of squared differences of updates and momentum over columns, [batch, rows], where factored. */
  confidenceRowMeans?: Float32Array;
  /** The same over rows, [batch, cols]. */
  confidenceColMeans?: Float32Array;
  /** The same over both, [batch]. */
  confidenceMeans?: Float32Array;
  /** The parameter in f32, [batch, rows, cols], where it is stored in 16 bits and there are master weights. */
  master?: Float32Array;
}

/** State of an optimizer by parameter name: whole parameters, whatever mesh they are spread over. */
export type OptimizerState = Record<string, ParameterState>;

/** A whole parameter's state that has this rank's part only, and its arrays, each to be summed over its groups. */
export interface UnsummedState {
  readonly saved: ParameterState;
  readonly parts: readonly Part[];
}

/** This rank's part of the state of the whole parameter: `sumParts` makes it whole. */
export async function readState(
  { step, moments, momentum, confidence, master, masterOf, perMatrix }: State,
  view: FactoredView<SumGroup>,
): Promise<UnsummedState> {
  const { rowDims, colDims, batchDims } = partsOf(view);
  const numRows = blockLength(rowDims);
  const numCols = blockLength(colDims);
  const parts: Part[] = [];
  const whole = (block: Float32Array, dims: readonly DimView<SumGroup>[]) => {
    const values = wholeWith(block, dims);
    parts.push({ values, groups: dims.flatMap(({ groups }) => groups) });
    return values;
  };
  const wholeMoments = async (slice: Slice) => {
    const read = await readSlice(slice);
    const values = perMatrix ? regrouped(read, view, "by average") : read;
    return {
      rowMeans: whole(values.subarray(0, numRows), rowDims),
      colMeans: whole(values.subarray(numRows, numRows + numCols), colDims),
      means: whole(values.subarray(numRows + numCols), batchDims),
    };
  };
  const size = { batch: wholeLength(batchDims), rows: view.globalRows, cols: view.globalCols };
  const saved: ParameterState = { step, ...size, ...await wholeMoments(moments) };
  if (momentum !== undefined) {
    saved.momentum = whole(await readSlice(momentum), view.dims);
  }
  if (confidence !== undefined) {
    const { rowMeans, colMeans, means } = await wholeMoments(confidence);
    saved.confidenceRowMeans = rowMeans;
    saved.confidenceColMeans = colMeans;
    saved.confidenceMeans = means;
  }
  // Before it is made from the parameter there is nothing to save.
  if (master !== undefined && masterOf >= 0) {
    saved.master = whole(await readSlice(master), view.dims);
  }
  return { saved, parts };
}

/** @throws {TypeError} if `saved` is not the state of a parameter with this view and, where `momentum`, with momentum */
export function checkFits(
  name: string,
  saved: ParameterState,
  { view, momentum, confidence, master }: {
    readonly view: FactoredView<unknown>;
    readonly momentum: boolean;
    readonly confidence: boolean;
    readonly master: boolean;
  },
): void {
  const { globalRows: rows, globalCols: cols, dims } = view;
  const count = wholeLength(dims);
  const batch = count / (rows * cols);
  if (saved.batch !== batch || saved.rows !== rows || saved.cols !== cols) {
    throw new TypeError(
      `Cannot load state of ${name}: wanted ${batch} x [${rows}, ${cols}], got ${saved.batch} x ` +
        `[${saved.rows}, ${saved.cols}]: choose the shape and factoring that it was saved with`,
    );
  }
  if ((saved.momentum !== undefined) !== momentum) {
    throw new TypeError(
      `Cannot load state of ${name}: it was saved ${momentum ? "without" : "with"} momentum: ` +
        `${momentum ? "leave out" : "give"} beta1`,
    );
  }
  if ((saved.confidenceMeans !== undefined) !== confidence) {
    throw new TypeError(
      `Cannot load state of ${name}: it was saved by ${
        confidence ? "Adafactor" : "CAME"
      }: set algorithm so`,
    );
  }
  if (saved.master !== undefined && !master) {
    throw new TypeError(
      `Cannot load state of ${name}: it was saved with master weights: set masterWeights, and store it in 16 bits`,
    );
  }
  const lengths: readonly (readonly [keyof ParameterState, number])[] = [
    ["rowMeans", batch * rows],
    ["colMeans", batch * cols],
    ["means", batch],
    ...(momentum ? [["momentum", count] as const] : []),
    ...(confidence
      ? [
        ["confidenceRowMeans", batch * rows] as const,
        ["confidenceColMeans", batch * cols] as const,
        ["confidenceMeans", batch] as const,
      ]
      : []),
    ...(saved.master === undefined ? [] : [["master", count] as const]),
  ];
  for (const [key, length] of lengths) {
    const values = saved[key];
    if (!(values instanceof Float32Array) || values.length !== length) {
      throw new TypeError(
        `Cannot load state of ${name}: ${key} must be a Float32Array of ${length}`,
      );
    }
  }
  if (!Number.isSafeInteger(saved.step) || saved.step < 0) {
    throw new TypeError(`Cannot load state of ${name}: step must be a whole number from 0`);
  }
}

/** Overwrites this rank's state by its part of `saved`, which fits (`checkFits`); `version` is the parameter's. */
export function loadState(
  state: State,
  saved: ParameterState,
  { view, version }: { readonly view: FactoredView<unknown>; readonly version: number },
): void {
  const { rowDims, colDims, batchDims } = partsOf(view);
  const { momentum } = state;
  const writeMoments = ({ buffer, offset }: Slice, [rows, cols, both]: readonly Float32Array[]) => {
    const parts = [takeBlock(rows, rowDims), takeBlock(cols, colDims), takeBlock(both, batchDims)];
    const values = new Float32Array(parts.reduce((total, { length }) => total + length, 0));
    let at = 0;
    for (const part of parts) {
      values.set(part, at);
      at += part.length;
    }
    const ordered = state.perMatrix ? regrouped(values, view, "by matrix") : values;
    buffer.device.write(buffer, ordered, 4 * offset);
  };
  writeMoments(state.moments, [saved.rowMeans, saved.colMeans, saved.means]);
  if (state.confidence !== undefined) {
    const { confidenceRowMeans, confidenceColMeans, confidenceMeans } = saved;
    writeMoments(state.confidence, [confidenceRowMeans!, confidenceColMeans!, confidenceMeans!]);
  }
  if (momentum !== undefined) writeSlice(momentum, takeBlock(saved.momentum!, view.dims));
  state.masterOf = -1;
  if (state.master !== undefined && saved.master !== undefined) {
    writeSlice(state.master, takeBlock(saved.master, view.dims));
    state.masterOf = version;
  }
  state.step = saved.step;
  state.squaresOf = -1;
}

/** Averages of a batch: R of all matrices, C of all, means of all; or of each matrix R, C and mean together. */
function regrouped(
  values: Float32Array,
  { batch, rows, cols }: FactoredView<unknown>,
  order: "by average" | "by matrix",
): Float32Array {
  const out = new Float32Array(values.length);
  const size = rows + cols + 1;
  for (let b = 0; b < batch; b++) {
    const runs = [
      [b * size, b * rows, rows],
      [b * size + rows, batch * rows + b * cols, cols],
      [b * size + rows + cols, batch * (rows + cols) + b, 1],
    ];
    for (const [inMatrix, inAverages, length] of runs) {
      const [from, to] = order === "by average" ? [inMatrix, inAverages] : [inAverages, inMatrix];
      out.set(values.subarray(from, from + length), to);
    }
  }
  return out;
}

/** The dims that R, C and mean R have. */
function partsOf<Group>({ dims }: FactoredView<Group>) {
  const without = (...roles: DimRole[]) => dims.filter(({ role }) => !roles.includes(role));
  return { rowDims: without("col"), colDims: without("row"), batchDims: without("row", "col") };
}

/** The elements as f32. */
async function readSlice(slice: Slice): Promise<Float32Array> {
  const { buffer, length } = slice;
  const { device } = buffer;
  using values = device.allocate(4 * length);
  copyRun(slice, { buffer: values, offset: 0, dtype: "f32" }, length);
  return new Float32Array((await device.read(values)).buffer);
}

/** Overwrites the elements, rounded. */
function writeSlice(slice: Slice, values: Float32Array): void {
  const { device } = slice.buffer;
  using staged = device.allocate(4 * values.length);
  device.write(staged, values);
  copyRun({ buffer: staged, offset: 0, dtype: "f32" }, slice, values.length);
}
