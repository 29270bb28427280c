// Optimizer state of transformers.Adafactor and torch.optim.Adafactor as this project's, to go on from their checkpoints.
//
//   transformers   exp_avg_sq_row [..., rows], exp_avg_sq_col [..., cols], or exp_avg_sq; exp_avg with beta1
//   torch          row_var [..., rows, 1], col_var [..., 1, cols], or variance; no momentum
//
// Both factor the last two dims, as `factoring: "lastTwo"` does. Mean R, which this project keeps beside R, is made from R.
// Values are f32 in row-major order; names are those of the parameters here.

import { kindOf } from "../../tensor/argument_checks.ts";
import type { OptimizerState, ParameterState } from "./adafactor_state.ts";

/**
 * One parameter's entry in the state of `transformers.Adafactor`; `RMS` is not needed.
 *
 * @category Optimizers
 */
export interface HuggingFaceState {
  /** Shape of the parameter. */
  readonly shape: readonly number[];
  /** Steps taken. */
  readonly step: number;
  /** [..., rows] */
  readonly exp_avg_sq_row?: Float32Array;
  /** [..., cols] */
  readonly exp_avg_sq_col?: Float32Array;
  /** As the parameter, for vectors. */
  readonly exp_avg_sq?: Float32Array;
  /** As the parameter, with beta1. */
  readonly exp_avg?: Float32Array;
}

/**
 * One parameter's entry in the state of `torch.optim.Adafactor`.
 *
 * @category Optimizers
 */
export interface TorchState {
  /** Shape of the parameter. */
  readonly shape: readonly number[];
  /** Steps taken. */
  readonly step: number;
  /** [..., rows, 1] */
  readonly row_var?: Float32Array;
  /** [..., 1, cols] */
  readonly col_var?: Float32Array;
  /** As the parameter, for vectors. */
  readonly variance?: Float32Array;
}

/**
 * Converts the state of `transformers.Adafactor` for `loadStateDict()`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Adafactor, Parameter, requestDevice } from "@meshfactor/adafactor";
 * import { importHuggingFaceState } from "@meshfactor/adafactor/optim";
 *
 * using device = await requestDevice();
 * using weight = new Parameter(device, [1, 2, 3, 4], { shape: [2, 2], name: "weight" });
 * using optim = new Adafactor([weight], { lr: 1e-3 });
 * optim.loadStateDict(importHuggingFaceState({
 *   weight: {
 *     shape: [2, 2],
 *     step: 10,
 *     exp_avg_sq_row: Float32Array.of(0.5, 1.5),
 *     exp_avg_sq_col: Float32Array.of(0.75, 1.25),
 *   },
 * }));
 * assert.equal((await optim.stateDict()).weight.step, 10);
 * ```
 *
 * @throws {TypeError} if an entry does not fit its shape
 * @category Optimizers
 */
export function importHuggingFaceState(
  entries: Readonly<Record<string, HuggingFaceState>>,
): OptimizerState {
  return mapEntries(entries, (name, entry) => {
    const { shape, step, exp_avg_sq_row: rows, exp_avg_sq_col: cols, exp_avg_sq: whole } = entry;
    const state = stateFrom(name, { shape, step, rows, cols, whole });
    if (entry.exp_avg !== undefined) state.momentum = entry.exp_avg.slice();
    return state;
  });
}

/**
 * Converts the state of `torch.optim.Adafactor` for `loadStateDict()`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Adafactor, Parameter, requestDevice } from "@meshfactor/adafactor";
 * import { importTorchState } from "@meshfactor/adafactor/optim";
 *
 * using device = await requestDevice();
 * using weight = new Parameter(device, [1, 2, 3, 4], { shape: [2, 2], name: "weight" });
 * using optim = new Adafactor([weight], { lr: 1e-3 });
 * optim.loadStateDict(importTorchState({
 *   weight: {
 *     shape: [2, 2],
 *     step: 10,
 *     row_var: Float32Array.of(0.5, 1.5),
 *     col_var: Float32Array.of(0.75, 1.25),
 *   },
 * }));
 * assert.equal((await optim.stateDict()).weight.step, 10);
 * ```
 *
 * @throws {TypeError} if an entry does not fit its shape
 * @category Optimizers
 */
export function importTorchState(entries: Readonly<Record<string, TorchState>>): OptimizerState {
  return mapEntries(
    entries,
    (name, { shape, step, row_var, col_var, variance }) =>
      stateFrom(name, { shape, step, rows: row_var, cols: col_var, whole: variance }),
  );
}

interface Moments {
  readonly shape: readonly number[];
  readonly step: number;
  readonly rows: Float32Array | undefined;
  readonly cols: Float32Array | undefined;
  readonly whole: Float32Array | undefined;
}

function stateFrom(name: string, { shape, step, rows, cols, whole }: Moments): ParameterState {
  const product = (dims: readonly number[]) => dims.reduce((total, length) => total * length, 1);
  if (whole !== undefined) {
    requireLength(name, { values: whole, length: product(shape) });
    const mean = meansOf(whole, 1);
    const size = { batch: 1, rows: 1, cols: whole.length };
    return { step, ...size, rowMeans: mean, colMeans: whole.slice(), means: mean.slice() };
  }
  if (rows === undefined || cols === undefined || shape.length < 2) {
    throw new TypeError(
      `Cannot import the state of ${name} [${shape}]: wanted row and column moments of a matrix, or a full moment`,
    );
  }
  const batch = product(shape.slice(0, -2));
  const [numRows, numCols] = shape.slice(-2);
  requireLength(name, { values: rows, length: batch * numRows });
  requireLength(name, { values: cols, length: batch * numCols });
  return {
    step,
    batch,
    rows: numRows,
    cols: numCols,
    rowMeans: rows.slice(),
    colMeans: cols.slice(),
    means: meansOf(rows, batch),
  };
}

/** The means of `batch` equal parts. */
function meansOf(values: Float32Array, batch: number): Float32Array {
  const length = values.length / batch;
  return Float32Array.from(
    { length: batch },
    (_, b) =>
      values.subarray(b * length, (b + 1) * length).reduce((sum, value) => sum + value, 0) / length,
  );
}

function requireLength(
  name: string,
  { values, length }: { readonly values: Float32Array; readonly length: number },
): void {
  if (values.length !== length) {
    throw new TypeError(
      `Cannot import the state of ${name}: wanted ${length} values, got ${values.length}: give its shape`,
    );
  }
}

function mapEntries<Entry>(
  entries: Readonly<Record<string, Entry>>,
  map: (name: string, entry: Entry) => ParameterState,
): OptimizerState {
  if (typeof entries !== "object" || entries === null || Array.isArray(entries)) {
    throw new TypeError(
      `Wanted the states of parameters by name, { "up.weight": { shape, step, ... } }, got ${
        kindOf(entries)
      }`,
    );
  }
  return Object.fromEntries(
    Object.entries(entries).map(([name, entry]) => [name, map(name, entry)]),
  );
}
