// A plan's records as kernels read them: on the device, checked, and written again only where something has moved.

import {
  BLOCK_WORDS,
  blockFields,
  type BlockRecord,
  encodeRecords,
} from "../../device/block_table.ts";
import { checkBlocks, type TensorRoom } from "../../device/kernels/block_checks.ts";
import type { Device, DeviceBuffer } from "../../device/device.ts";
import { storageTypes } from "../../device/storage_types.ts";
import type { DeviceRange } from "../../tensor/device_range.ts";
import { bytesPerElement } from "../../tensor/dtype.ts";
import { type TensorField, tensorFields } from "../state/state_fields.ts";
import type { PlannedBlock, StepPlan } from "./step_plan.ts";

/** The memory of the tensors of a plan's blocks. */
export interface BlockTensors {
  readonly grads: readonly DeviceRange[];
  readonly params: readonly DeviceRange[];
  /** Those of the rule's state, by field; undefined where a block has none. */
  readonly state: Readonly<Record<string, readonly (DeviceRange | undefined)[]>>;
}

/** The buffer of a plan's records, on which kernels work. */
export class BlockMemory implements Disposable {
  /** Records of `blockFields`. */
  readonly blocks: DeviceBuffer;
  readonly #device: Device;
  readonly #moments: DeviceBuffer | undefined;
  /** Where everything was when the records were written. */
  #placed: BlockTensors | undefined;

  /** Room for the records of `numBlocks` blocks; row and column averages, where there are such, are in `moments`. */
  constructor(
    device: Device,
    { numBlocks, moments }: { readonly numBlocks: number; readonly moments?: DeviceBuffer },
  ) {
    this.#device = device;
    this.#moments = moments;
    this.blocks = device.allocate(4 * BLOCK_WORDS * numBlocks);
  }

  /** Writes into the records where everything is. @throws {RangeError} if a block ends beyond its buffer */
  place(plan: StepPlan, tensors: BlockTensors): void {
    const { grads, params, state } = tensors;
    const before = this.#placed;
    const isPlaced = before !== undefined && areAt(grads, before.grads) &&
      areAt(params, before.params) &&
      Object.entries(state).every(([name, ranges]) => areAt(ranges, before.state[name]));
    if (isPlaced) return;
    const records = plan.blocks.map((block, index): BlockRecord => ({
      ...block.record,
      gradOffset: grads[index].offset,
      paramOffset: params[index].offset,
      ...ofState(block, ({ name }) => state[name]?.[index]?.offset ?? 0),
    }));
    checkBlocks(
      plan.blocks.map((block, index) => ({
        name: block.parameter.name,
        record: records[index],
        tensors: {
          gradOffset: roomOf(grads[index]),
          paramOffset: roomOf(params[index]),
          ...ofState(block, ({ name }) => {
            const range = state[name]?.[index];
            return range && roomOf(range);
          }),
        },
      })),
      {
        averages: this.#moments && {
          moments: this.#moments.byteLength / 4,
          factors: plan.factorsLength,
        },
        partials: plan.partialsLength,
        sums: plan.sums.byteLength / 4,
      },
    );
    this.#device.write(this.blocks, encodeRecords(blockFields, records));
    this.#placed = tensors;
  }

  /** Gives the memory back. */
  [Symbol.dispose](): void {
    this.blocks[Symbol.dispose]();
  }
}

/** The storage type of an operand, and the number of elements that its buffer has room for. */
export function roomOf({ buffer, dtype }: DeviceRange): TensorRoom {
  return {
    type: storageTypes[dtype],
    length: Math.floor(buffer.byteLength / bytesPerElement(dtype)),
  };
}

/** Something of each tensor of the block's state, by the word of its record that says where it begins. */
function ofState<Value>(
  { state: { fields } }: PlannedBlock,
  valueOf: (field: TensorField) => Value,
): { readonly [Offset in TensorField["offset"]]?: Value } {
  return Object.fromEntries(tensorFields(fields).map((field) => [field.offset, valueOf(field)]));
}

/** Whether blocks are where they were, in buffers as large: then they end within them as before. */
function areAt(
  blocks: readonly (DeviceRange | undefined)[],
  before: readonly (DeviceRange | undefined)[],
): boolean {
  return blocks.every((each, index) => {
    const other = before[index];
    return each?.offset === other?.offset && each?.dtype === other?.dtype &&
      each?.buffer.byteLength === other?.buffer.byteLength;
  });
}
