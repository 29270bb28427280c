// A plan's records as kernels read them: on the device, checked, and written again only where something has moved.

import {
  BLOCK_WORDS,
  blockFields,
  encodeRecords,
  numberFields,
  NUMBERS_WORDS,
  type NumbersRecord,
  STEP_WORDS,
} from "../device/block_table.ts";
import { checkBlocks } from "../device/block_checks.ts";
import type { Device, DeviceBuffer } from "../device/device.ts";
import { storageTypes } from "../device/storage_types.ts";
import type { GradientBlock } from "./adafactor_passes.ts";
import type { Plan } from "./adafactor_plan.ts";

/** Where the gradients and the parameters of a plan's blocks lie. */
export interface Placement {
  readonly grads: readonly GradientBlock[];
  readonly params: readonly GradientBlock[];
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
  place(plan: Plan, { grads, params }: Placement): void {
    const moved = this.#placed === undefined ||
      grads.some((each, index) => !isAt(each, this.#placed!.grads[index])) ||
      params.some((each, index) => !isAt(each, this.#placed!.params[index]));
    if (!moved) return;
    const records = plan.blocks.map(({ record }, index) => ({
      ...record,
      gradOffset: grads[index].offset,
      paramOffset: params[index].offset,
    }));
    checkBlocks(
      plan.blocks.map(({ parameter: { name }, state: { momentum } }, index) => ({
        ...{ name, record: records[index] },
        grad: roomOf(grads[index]),
        param: roomOf(params[index]),
        momentum: momentum === undefined ? undefined : roomOf(momentum),
      })),
      {
        moments: plan.blocks[0].state.moments.buffer.byteLength / 4,
        factors: plan.factorsLength,
        partials: plan.partialsLength,
        sums: plan.sums.byteLength / 4,
      },
    );
    this.#device.write(this.blocks, encodeRecords(blockFields, records));
    this.#placed = { grads, params };
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

/** Whether a block still ends within its buffer if the other did. */
function isAt({ buffer, offset }: GradientBlock, before: GradientBlock): boolean {
  return offset === before.offset && buffer.byteLength === before.buffer.byteLength;
}

function roomOf({ buffer }: { readonly buffer: DeviceBuffer }) {
  return { type: storageTypes.f32, length: buffer.byteLength / 4 };
}
