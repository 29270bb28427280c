// The state of one parameter: on the device, and as whole arrays that do not depend on the mesh.
//
// Saving: every rank writes its part into an array of zeros as large as the whole, and a sum over each group that cuts the
// part puts the whole together, exactly, as all other terms are zero (optim/sums/summed_parts.ts). Loading: every rank takes
// its part. So one mesh loads what another saved.

import { blockLength, takeBlock, wholeWith } from "../factoring/block_of_whole.ts";
import type { DimRole } from "../factoring/dim_roles.ts";
import type { DimView, FactoredView } from "../factoring/factored_view.ts";
import type { SumGroup } from "../sums/packed_sums.ts";
import type { Part } from "../sums/summed_parts.ts";
import { copyRange, type DeviceRange } from "../../tensor/device_range.ts";
import type { SavedSizes, StateField } from "./state_fields.ts";

/** The state of a parameter on the device. */
export interface State {
  /** Steps taken. */
  step: number;
  readonly fields: readonly StateField[];
  /** Where each field is stored, by name; with `perMatrix` the averages of each matrix together. */
  readonly values: Readonly<Record<string, DeviceRange>>;
  readonly perMatrix: boolean;
  /** The block in f32, in the order that kernels expect, with `masterWeights` and a 16-bit parameter. */
  readonly master: DeviceRange | undefined;
  /** `Parameter.version` that the master was made from; -1 for none. */
  masterOf: number;
  /** `Parameter.version` whose sum of squares is in the sums; -1 for none. */
  squaresOf: number;
}

/** A saved state by key: numbers and typed arrays. */
export type SavedState = Record<string, number | Float32Array>;

/** A whole parameter's state that has this rank's part only, and its arrays, each to be summed over its groups. */
export interface UnsummedState {
  readonly saved: SavedState;
  readonly parts: readonly Part[];
}

/** This rank's part of the state of the whole parameter: `sumParts` makes it whole. */
export async function readState(
  { step, fields, values, master, masterOf, perMatrix }: State,
  view: FactoredView<SumGroup>,
  sizes: SavedSizes,
): Promise<UnsummedState> {
  const parts: Part[] = [];
  const saved: SavedState = { step, ...sizes };
  const save = (key: string, block: Float32Array, dims: readonly DimView<SumGroup>[]) => {
    const whole = wholeWith(block, dims);
    parts.push({ values: whole, groups: dims.flatMap(({ groups }) => groups) });
    saved[key] = whole;
  };
  for (const field of fields) {
    const read = await readRange(values[field.name]);
    if (field.shape === "tensor") {
      save(field.name, read, view.dims);
      continue;
    }
    const averages = perMatrix ? regrouped(read, view, "by average") : read;
    let at = 0;
    sumDims(view).forEach((dims, which) => {
      const length = blockLength(dims);
      save(field.saved[which], averages.subarray(at, at + length), dims);
      at += length;
    });
  }
  // Until it is made from the parameter there is nothing to save.
  if (master !== undefined && masterOf >= 0) save("master", await readRange(master), view.dims);
  return { saved, parts };
}

/** Overwrites this rank's state by its part of `saved`, which fits; `version` is the parameter's. */
export function loadState(
  state: State,
  saved: SavedState,
  { view, version }: { readonly view: FactoredView<unknown>; readonly version: number },
): void {
  const partOf = (key: string, dims: readonly DimView<unknown>[]) =>
    takeBlock(saved[key] as Float32Array, dims);
  for (const field of state.fields) {
    const range = state.values[field.name];
    if (field.shape === "tensor") {
      writeRange(range, partOf(field.name, view.dims));
      continue;
    }
    const parts = sumDims(view).map((dims, which) => partOf(field.saved[which], dims));
    const values = new Float32Array(range.length);
    let at = 0;
    for (const part of parts) {
      values.set(part, at);
      at += part.length;
    }
    const ordered = state.perMatrix ? regrouped(values, view, "by matrix") : values;
    range.buffer.device.write(range.buffer, ordered, 4 * range.offset);
  }
  state.masterOf = -1;
  if (state.master !== undefined && saved.master !== undefined) {
    writeRange(state.master, partOf("master", view.dims));
    state.masterOf = version;
  }
  state.step = saved.step as number;
  state.squaresOf = -1;
}

/** The dims that R, C and M have. */
export function sumDims<Group>({ dims }: FactoredView<Group>): DimView<Group>[][] {
  const without = (...roles: DimRole[]) => dims.filter(({ role }) => !roles.includes(role));
  return [without("col"), without("row"), without("row", "col")];
}

/** Averages of a batch: R of all matrices, C of all, M of all; or of each matrix R, C and M together. */
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

/** The elements as f32. */
async function readRange(range: DeviceRange): Promise<Float32Array> {
  const { buffer, length } = range;
  const { device } = buffer;
  using values = device.allocate(4 * length);
  copyRange(range, { buffer: values, offset: 0, length, dtype: "f32" });
  return new Float32Array((await device.read(values)).buffer);
}

/** Overwrites the elements, rounded. */
function writeRange(range: DeviceRange, values: Float32Array): void {
  const { device } = range.buffer;
  const { length } = values;
  using staged = device.allocate(4 * length);
  device.write(staged, values);
  copyRange({ buffer: staged, offset: 0, length, dtype: "f32" }, range);
}
