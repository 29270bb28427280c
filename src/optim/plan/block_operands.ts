// Where kernels find the blocks' tensors. A large one they take as it lies; small ones that do not lie in one buffer anyway
// (as the gradients that ZeRO has packed do) are copied together into one; one that does not lie as kernels want it is
// copied into that order, and one of 16-bit elements whose rows do not keep to whole words into f32.

import { record16Fits } from "../../device/kernels/block_checks.ts";
import type { Device } from "../../device/device.ts";
import { bytesPerElement, type FloatType } from "../../tensor/dtype.ts";
import type { GradientBlock } from "../step/passes.ts";
import type { Source } from "./plan.ts";
import { copyBack, copyBatchFirst, isInOrder, stored } from "./block_order.ts";
import { runsOf } from "./block_runs.ts";
import { copyRun } from "../zero/packing.ts";

/** Where each block is to be found, in the order of `blocks`; `sources` says where they lie. Copies live on `scope`. */
export function operandsOf(
  blocks: readonly Source[],
  sources: readonly GradientBlock[],
  { device, scope }: { readonly device: Device; readonly scope: DisposableStack },
): GradientBlock[] {
  const types = blocks.map((block, index) => typeOf(block, sources[index]));
  const isTogether = (one: number, next: number) =>
    blocks[one].isSmall && blocks[next].isSmall && blocks[one].kind === blocks[next].kind &&
    types[one] === types[next];
  const operands: GradientBlock[] = [];
  for (const { firstBlock, numBlocks } of runsOf({ from: 0, to: blocks.length }, isTogether)) {
    const run = blocks.slice(firstBlock, firstBlock + numBlocks);
    const own = sources.slice(firstBlock, firstBlock + numBlocks);
    const dtype = types[firstBlock];
    const isInPlace = own.every((source, index) =>
      source.buffer === own[0].buffer && (source.dtype ?? "f32") === dtype &&
      isInOrder(run[index].view) &&
      (dtype === "f32" || record16Fits(run[index].geometry, source.offset))
    );
    operands.push(...isInPlace ? own : copied(run, own, { device, dtype, scope }));
  }
  return operands;
}

/**
 * What is stepped instead of the parameters, which lie in `sources`: their master weights where they have such, brought up to
 * date.
 */
export function steppedParameters(
  blocks: readonly Source[],
  sources: readonly GradientBlock[],
  { device, scope }: { readonly device: Device; readonly scope: DisposableStack },
): GradientBlock[] {
  for (const [index, { parameter, state, view }] of blocks.entries()) {
    if (state.master === undefined || state.masterOf === parameter.version) continue;
    copyBatchFirst(device, { block: sources[index], copy: state.master, view });
    state.masterOf = parameter.version;
  }
  const others = blocks.filter(({ state }) => state.master === undefined);
  const ownSources = sources.filter((_, index) => blocks[index].state.master === undefined);
  const operands = operandsOf(others, ownSources, { device, scope });
  return blocks.map(({ state: { master } }) => master ?? operands.shift()!);
}

/** Where momenta are to be found; `putBack` puts back what was copied. */
export function momentaOf(
  blocks: readonly Source[],
  { device, scope }: { readonly device: Device; readonly scope: DisposableStack },
): { readonly operands: (GradientBlock | undefined)[]; readonly putBack: () => void } {
  const operands = blocks.map(({ geometry, state: { momentum } }): GradientBlock | undefined => {
    const isKept = momentum === undefined || momentum.dtype === "f32" ||
      record16Fits(geometry, momentum.offset);
    if (isKept) return momentum;
    const { length } = momentum;
    const copy = { buffer: scope.use(device.allocate(4 * length)), offset: 0 };
    copyRun(momentum, stored(copy), length);
    return copy;
  });
  const putBack = () => {
    for (const [index, { state: { momentum } }] of blocks.entries()) {
      const operand = operands[index];
      if (momentum === undefined || operand === undefined || operand === momentum) continue;
      copyRun(stored(operand), momentum, momentum.length);
    }
  };
  return { operands, putBack };
}

/** Puts what was copied back to where it lies. */
export function putBack(
  blocks: readonly Source[],
  operands: readonly GradientBlock[],
  { device, sources }: { readonly device: Device; readonly sources: readonly GradientBlock[] },
): void {
  for (const [index, { view }] of blocks.entries()) {
    const [block, copy] = [sources[index], operands[index]];
    if (copy !== block) copyBack(device, { block, copy, view });
  }
}

/** The type in which kernels take a block. */
function typeOf({ geometry, view }: Source, { dtype = "f32" }: GradientBlock): FloatType {
  return isInOrder(view) && record16Fits(geometry, 0) ? dtype : "f32";
}

function copied(
  blocks: readonly Source[],
  sources: readonly GradientBlock[],
  { device, dtype, scope }: {
    readonly device: Device;
    readonly dtype: FloatType;
    readonly scope: DisposableStack;
  },
): GradientBlock[] {
  const lengths = blocks.map(({ view: { batch, rows, cols } }) => batch * rows * cols);
  // Each begins with a whole word.
  const room = lengths.map((length) => length + length % 2);
  const total = room.reduce((sum, length) => sum + length, 0);
  const buffer = scope.use(device.allocate(bytesPerElement(dtype) * total));
  let end = 0;
  return blocks.map(({ view }, index) => {
    const copy = { buffer, offset: end, dtype };
    end += room[index];
    copyBatchFirst(device, { block: sources[index], copy, view });
    return copy;
  });
}
