// A plan's records as kernels read them: on the device, checked, and written again only where something has moved.

import {
  BLOCK_WORDS,
  blockFields,
  encodeRecords,
  numberFields,
  NUMBERS_WORDS,
  type NumbersRecord,
  STEP_WORDS,
} from "../../device/block_table.ts";
import { checkBlocks, type TensorRoom } from "../../device/kernels/block_checks.ts";
import type { Device, DeviceBuffer } from "../../device/device.ts";
import { storageTypes } from "../../device/storage_types.ts";
import { bytesPerElement } from "../../tensor/dtype.ts";
import type { GradientBlock } from "../step/passes.ts";
import type { Plan } from "./plan.ts";

/** Where the tensors of a plan's blocks lie. */
export interface Placement {
  /** R, C and mean R of all blocks. */
  readonly moments: DeviceBuffer;
  readonly grads: readonly GradientBlock[];
  readonly params: readonly GradientBlock[];
  /** Undefined where there is no momentum. */
  readonly momenta: readonly (GradientBlock | undefined)[];
}

/** The buffers of a plan's records, on which kernels work. */
export class BlockMemory implements Disposable {
  /** Records of `blockFields`. */
  readonly blocks: DeviceBuffer;
  /** Records of `numberFields`. */
  readonly numbers: DeviceBuffer;
  /** Records of `stepFields`, those of the last step. */
  readonly steps: DeviceBuffer;
  readonly #device: Device;
  /** Where everything lay when the records were written. */
  #placed: Placement | undefined;

  /** Room for `numBlocks` records. */
  constructor(device: Device, numBlocks: number) {
    this.#device = device;
    this.blocks = device.allocate(4 * BLOCK_WORDS * numBlocks);
    this.numbers = device.allocate(4 * NUMBERS_WORDS * numBlocks);
    this.steps = device.allocate(4 * STEP_WORDS * numBlocks);
  }

  /** Makes the records say where everything lies. @throws {RangeError} if a block ends beyond its buffer */
  place(plan: Plan, placement: Placement): void {
    const { grads, params, momenta } = placement;
    const before = this.#placed;
    const isPlaced = before !== undefined && areAt(grads, before.grads) &&
      areAt(params, before.params) && areAt(momenta, before.momenta);
    if (isPlaced) return;
    const records = plan.blocks.map(({ record }, index) => ({
      ...record,
      gradOffset: grads[index].offset,
      paramOffset: params[index].offset,
      momentumOffset: momenta[index]?.offset ?? 0,
    }));
    checkBlocks(
      plan.blocks.map(({ parameter: { name } }, index) => ({
        name,
        record: records[index],
        grad: roomOf(grads[index]),
        param: roomOf(params[index]),
        momentum: momenta[index] && roomOf(momenta[index]),
      })),
      {
        moments: placement.moments.byteLength / 4,
        factors: plan.factorsLength,
        partials: plan.partialsLength,
        sums: plan.sums.byteLength / 4,
      },
    );
    this.#device.write(this.blocks, encodeRecords(blockFields, records));
    this.#placed = placement;
  }

  /** Writes what holds for this step. */
  writeNumbers(numbers: readonly NumbersRecord[]): void {
    this.#device.write(this.numbers, encodeRecords(numberFields, numbers));
  }

  /** Gives the memory back. */
  [Symbol.dispose](): void {
    for (const buffer of [this.blocks, this.numbers, this.steps]) buffer[Symbol.dispose]();
  }
}

/** How an operand is stored, and how many elements its buffer has room for. */
export function roomOf({ buffer, dtype = "f32" }: GradientBlock): TensorRoom {
  return {
    type: storageTypes[dtype],
    length: Math.floor(buffer.byteLength / bytesPerElement(dtype)),
  };
}

/** Whether blocks are where they were, in buffers as large: then they end within them as before. */
function areAt(
  blocks: readonly (GradientBlock | undefined)[],
  before: readonly (GradientBlock | undefined)[],
): boolean {
  return blocks.every((each, index) => {
    const other = before[index];
    return each?.offset === other?.offset && each?.dtype === other?.dtype &&
      each?.buffer.byteLength === other?.buffer.byteLength;
  });
}
