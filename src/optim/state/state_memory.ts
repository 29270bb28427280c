// The memory of optimizer state: each field of sums of all parameters in one buffer, each tensor of small parameters in
// another, and that of every large one in a buffer of its own, so that kernels reach many parameters at once. Master weights
// likewise.

import type { Device, DeviceBuffer } from "../../device/device.ts";
import { bytesPerElement, type FloatType } from "../../tensor/dtype.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import type { DeviceRange } from "../../tensor/device_range.ts";
import { type FactoredView, isSmall } from "../factoring/factored_view.ts";
import type { SharedHyperparameters } from "../options/shared_options.ts";
import type { State } from "./parameter_state.ts";
import type { StateField } from "./state_fields.ts";

/** A block that needs state. */
interface Stateful {
  readonly parameter: Pick<Parameter, "dtype">;
  readonly hyper: SharedHyperparameters;
  readonly view: FactoredView<unknown>;
  readonly fields: readonly StateField[];
  /** Whether each matrix is stepped by itself. */
  readonly perMatrix: boolean;
}

/** Whether an f32 copy of the parameter is stepped. */
export function needsMaster(
  { dtype }: Pick<Parameter, "dtype">,
  { masterWeights }: Pick<SharedHyperparameters, "masterWeights">,
): boolean {
  return masterWeights && dtype !== "f32";
}

/** States before the first step, in the order of `blocks`, and the memory that they share. */
export function freshStates(
  device: Device,
  blocks: readonly Stateful[],
): { readonly states: State[]; readonly buffers: DeviceBuffer[] } {
  const names = new Set(blocks.flatMap(({ fields }) => fields.map(({ name }) => name)));
  const ranges = new Map([...names].map((name) => {
    const fieldOf = ({ fields }: Stateful) => fields.find((field) => field.name === name);
    return [name, zeroRanges(device, blocks.map((block) => wantedOf(block, fieldOf(block))))];
  }));
  const masters = zeroRanges(
    device,
    blocks.map(({ parameter, hyper, view }) =>
      needsMaster(parameter, hyper) ? tensorLike(view, "f32") : undefined
    ),
  );
  const states = blocks.map(({ fields, perMatrix }, index): State => ({
    step: 0,
    perMatrix,
    fields,
    values: Object.fromEntries(
      fields.map(({ name }) => [name, ranges.get(name)!.ranges[index]!]),
    ),
    master: masters.ranges[index],
    masterOf: -1,
    squaresOf: -1,
  }));
  return { states, buffers: [...ranges.values(), masters].flatMap(({ buffers }) => buffers) };
}

/** Elements that are wanted, in a buffer with others or in one of their own. */
interface Wanted {
  readonly length: number;
  readonly dtype: FloatType;
  readonly isShared: boolean;
}

function wantedOf({ view }: Stateful, field: StateField | undefined): Wanted | undefined {
  if (field === undefined) return undefined;
  if (field.shape === "tensor") return tensorLike(view, field.dtype);
  const { batch, rows, cols } = view;
  return { length: batch * (rows + cols + 1), dtype: "f32", isShared: true };
}

function tensorLike(view: FactoredView<unknown>, dtype: FloatType): Wanted {
  return { length: view.batch * view.rows * view.cols, dtype, isShared: isSmall(view) };
}

/** Zeros for each, undefined where nothing is wanted; what is shared is stored together by type, each from a whole word on. */
function zeroRanges(device: Device, wanted: readonly (Wanted | undefined)[]) {
  const ends = new Map<FloatType, number>();
  const offsets = wanted.map((each) => {
    if (!each?.isShared) return 0;
    const offset = ends.get(each.dtype) ?? 0;
    ends.set(each.dtype, offset + each.length + each.length % 2);
    return offset;
  });
  const shared = new Map([...ends].map(([dtype, length]) => [dtype, zeros(device, dtype, length)]));
  const buffers = [...shared.values()];
  const given = wanted.map((each, index): DeviceRange | undefined => {
    if (each === undefined) return undefined;
    const { dtype, length } = each;
    if (each.isShared) return { buffer: shared.get(dtype)!, offset: offsets[index], length, dtype };
    const buffer = zeros(device, dtype, length);
    buffers.push(buffer);
    return { buffer, offset: 0, length, dtype };
  });
  return { ranges: given, buffers };
}

function zeros(device: Device, dtype: FloatType, length: number): DeviceBuffer {
  const words = Math.ceil(bytesPerElement(dtype) * length / 4);
  const out = device.allocate(4 * words);
  device.run("fill", { out }, { offset: 0, length: words, value: 0 });
  return out;
}
