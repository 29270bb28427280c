// The kernel operands of the blocks' tensors. A large one is used in place; small ones that are not in one buffer anyway (as the
// gradients that ZeRO has packed are) are copied together into one; one whose elements are in another order than kernels
// expect is copied into that order, and one of 16-bit elements whose rows are not whole words is copied into f32.

import { record16Fits } from "../../device/kernels/block_checks.ts";
import type { Device } from "../../device/device.ts";
import { copyRange, type DeviceRange } from "../../tensor/device_range.ts";
import { bytesPerElement, type FloatType } from "../../tensor/dtype.ts";
import { spanOf } from "../factoring/factored_view.ts";
import { tensorFields } from "../state/state_fields.ts";
import { copyBack, copyBatchFirst, isInOrder } from "./block_order.ts";
import { runsOf } from "./block_runs.ts";
import type { PlannedParameter } from "./step_plan.ts";

/** The memory of copies, and how long they live. */
interface CopyScope {
  readonly device: Device;
  readonly scope: DisposableStack;
}

/** The parameters' own memory. */
export function storedParameters(parameters: readonly PlannedParameter[]): DeviceRange[] {
  return parameters.map(({ parameter: { buffer, dtype }, paramOffset, view }) => ({
    buffer,
    offset: paramOffset,
    length: spanOf(view),
    dtype,
  }));
}

/** Operands for tensors of the parameters, which are stored in `sources`. Copies live on `scope`. */
export function operandsOf(
  parameters: readonly PlannedParameter[],
  sources: readonly DeviceRange[],
  { device, scope }: CopyScope,
): DeviceRange[] {
  const types = parameters.map((parameter, index) => typeOf(parameter, sources[index]));
  const isTogether = (one: number, next: number) =>
    parameters[one].isSmall && parameters[next].isSmall &&
    parameters[one].kind === parameters[next].kind && types[one] === types[next];
  const operands: DeviceRange[] = [];
  for (const { firstBlock, numBlocks } of runsOf({ from: 0, to: parameters.length }, isTogether)) {
    const run = parameters.slice(firstBlock, firstBlock + numBlocks);
    const own = sources.slice(firstBlock, firstBlock + numBlocks);
    const dtype = types[firstBlock];
    const isInPlace = own.every((source, index) =>
      source.buffer === own[0].buffer && source.dtype === dtype && isInOrder(run[index].view) &&
      (dtype === "f32" || record16Fits(run[index].geometry, source.offset))
    );
    operands.push(...isInPlace ? own : copied(run, own, { device, dtype, scope }));
  }
  return operands;
}

/**
 * The tensors to step for the parameters, which are stored in `sources`: their master weights where they have some, brought
 * up to date.
 */
export function steppedParameters(
  parameters: readonly PlannedParameter[],
  sources: readonly DeviceRange[],
  { device, scope }: CopyScope,
): DeviceRange[] {
  for (const [index, { parameter, state, view }] of parameters.entries()) {
    if (state.master === undefined || state.masterOf === parameter.version) continue;
    copyBatchFirst(device, { block: sources[index], copy: state.master, view });
    state.masterOf = parameter.version;
  }
  const others = parameters.filter(({ state }) => state.master === undefined);
  const ownSources = sources.filter((_, index) => parameters[index].state.master === undefined);
  const operands = operandsOf(others, ownSources, { device, scope });
  return parameters.map(({ state: { master } }) => master ?? operands.shift()!);
}

/** Operands for the tensors of the rule's state, by field. */
export type StateOperands = Readonly<Record<string, readonly (DeviceRange | undefined)[]>>;

/** Those tensors; `putBack` writes back those that were copied. */
export function stateOperands(
  parameters: readonly PlannedParameter[],
  { device, scope }: CopyScope,
): { readonly operands: StateOperands; readonly putBack: () => void } {
  const names = new Set(
    parameters.flatMap(({ state }) => tensorFields(state.fields).map(({ name }) => name)),
  );
  const copies: { readonly copy: DeviceRange; readonly kept: DeviceRange }[] = [];
  const operandOf = ({ geometry, state }: PlannedParameter, name: string) => {
    const kept: DeviceRange | undefined = state.values[name];
    if (kept === undefined || kept.dtype === "f32" || record16Fits(geometry, kept.offset)) {
      return kept;
    }
    const { length } = kept;
    const buffer = scope.use(device.allocate(4 * length));
    const copy: DeviceRange = { buffer, offset: 0, length, dtype: "f32" };
    copyRange(kept, copy);
    copies.push({ copy, kept });
    return copy;
  };
  const operands = Object.fromEntries(
    [...names].map((name) => [name, parameters.map((each) => operandOf(each, name))]),
  );
  const putBack = () => {
    for (const { copy, kept } of copies) copyRange(copy, kept);
  };
  return { operands, putBack };
}

/** Writes what was copied back to where it is stored. */
export function putBack(
  parameters: readonly PlannedParameter[],
  operands: readonly DeviceRange[],
  { device, sources }: { readonly device: Device; readonly sources: readonly DeviceRange[] },
): void {
  for (const [index, { view }] of parameters.entries()) {
    const [block, copy] = [sources[index], operands[index]];
    if (copy !== block) copyBack(device, { block, copy, view });
  }
}

/** The type in which kernels take a block. */
function typeOf({ geometry, view }: PlannedParameter, { dtype }: DeviceRange): FloatType {
  return isInOrder(view) && record16Fits(geometry, 0) ? dtype : "f32";
}

function copied(
  parameters: readonly PlannedParameter[],
  sources: readonly DeviceRange[],
  { device, dtype, scope }: CopyScope & { readonly dtype: FloatType },
): DeviceRange[] {
  const lengths = parameters.map(({ view: { batch, rows, cols } }) => batch * rows * cols);
  // Each begins with a whole word.
  const room = lengths.map((length) => length + length % 2);
  const total = room.reduce((sum, length) => sum + length, 0);
  const buffer = scope.use(device.allocate(bytesPerElement(dtype) * total));
  let end = 0;
  return parameters.map(({ view }, index) => {
    const copy: DeviceRange = { buffer, offset: end, length: lengths[index], dtype };
    end += room[index];
    copyBatchFirst(device, { block: sources[index], copy, view });
    return copy;
  });
}
