// Where optimizer state lies: all moments in one buffer, the momentum of small parameters in another, and that of every
// large one in a buffer of its own, so that kernels reach many parameters at once. Master weights likewise.

import type { Device, DeviceBuffer } from "../../device/device.ts";
import { bytesPerElement, type FloatType } from "../../tensor/dtype.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import type { Slice, State } from "./parameter_state.ts";
import type { FactoredView } from "../factoring/factored_view.ts";
import type { Hyperparameters } from "../options/hyperparameters.ts";
import { isSmall } from "../factoring/small_blocks.ts";

/** A block that needs state. */
interface Stateful {
  readonly parameter: Pick<Parameter, "dtype">;
  readonly hyper: Hyperparameters;
  readonly view: FactoredView<unknown>;
}

/** Whether an f32 copy of the parameter is stepped. */
export function needsMaster(
  { dtype }: Pick<Parameter, "dtype">,
  { masterWeights }: Pick<Hyperparameters, "masterWeights">,
): boolean {
  return masterWeights && dtype !== "f32";
}

/** Whether CAME's averages of squared differences are kept: of what is factored. */
export function hasConfidence(
  { factored }: Pick<FactoredView<unknown>, "factored">,
  { confidence }: Pick<Hyperparameters, "confidence">,
): boolean {
  return factored && confidence !== undefined;
}

/** States before the first step, in the order of `blocks`, and the memory that they share. */
export function freshStates(
  device: Device,
  blocks: readonly Stateful[],
): { readonly states: State[]; readonly buffers: DeviceBuffer[] } {
  const moments = slices(device, blocks.map(({ view }) => momentsLike(view)));
  const confidences = slices(
    device,
    blocks.map(({ hyper, view }) => hasConfidence(view, hyper) ? momentsLike(view) : undefined),
  );
  const momenta = slices(
    device,
    blocks.map(({ hyper, view }) =>
      hyper.beta1 === undefined ? undefined : tensorLike(view, hyper.momentumDtype)
    ),
  );
  const masters = slices(
    device,
    blocks.map(({ parameter, hyper, view }) =>
      needsMaster(parameter, hyper) ? tensorLike(view, "f32") : undefined
    ),
  );
  const states = blocks.map(({ hyper }, index): State => ({
    step: 0,
    perMatrix: hyper.perMatrix,
    moments: moments.slices[index]!,
    momentum: momenta.slices[index],
    confidence: confidences.slices[index],
    master: masters.slices[index],
    masterOf: -1,
    squaresOf: -1,
  }));
  return {
    states,
    buffers: [moments, confidences, momenta, masters].flatMap(({ buffers }) => buffers),
  };
}

/** Elements that are wanted, in a buffer with others or in one of their own. */
interface Wanted {
  readonly length: number;
  readonly dtype: FloatType;
  readonly isShared: boolean;
}

function momentsLike({ batch, rows, cols }: FactoredView<unknown>): Wanted {
  return { length: batch * (rows + cols + 1), dtype: "f32", isShared: true };
}

function tensorLike(view: FactoredView<unknown>, dtype: FloatType): Wanted {
  return { length: view.batch * view.rows * view.cols, dtype, isShared: isSmall(view) };
}

/** Zeros for each, undefined where nothing is wanted; what is shared lies together by type, each from a whole word on. */
function slices(device: Device, wanted: readonly (Wanted | undefined)[]) {
  const ends = new Map<FloatType, number>();
  const offsets = wanted.map((each) => {
    if (!each?.isShared) return 0;
    const offset = ends.get(each.dtype) ?? 0;
    ends.set(each.dtype, offset + each.length + each.length % 2);
    return offset;
  });
  const shared = new Map([...ends].map(([dtype, length]) => [dtype, zeros(device, dtype, length)]));
  const buffers = [...shared.values()];
  const given = wanted.map((each, index): Slice | undefined => {
    if (each === undefined) return undefined;
    const { dtype, length } = each;
    if (each.isShared) return { buffer: shared.get(dtype)!, offset: offsets[index], length, dtype };
    const buffer = zeros(device, dtype, length);
    buffers.push(buffer);
    return { buffer, offset: 0, length, dtype };
  });
  return { slices: given, buffers };
}

function zeros(device: Device, dtype: FloatType, length: number): DeviceBuffer {
  const words = Math.ceil(bytesPerElement(dtype) * length / 4);
  const out = device.allocate(4 * words);
  device.run("fill", { out }, { offset: 0, length: words, value: 0 });
  return out;
}
