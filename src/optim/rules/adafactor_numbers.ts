// Adafactor's numbers that change from step to step, per block: those that kernels read, and those that they leave
// (device/block_table.ts).

import {
  encodeRecords,
  numberFields,
  NUMBERS_WORDS,
  type NumbersRecord,
  STEP_WORDS,
  stepFields,
} from "../../device/block_table.ts";
import type { Device, DeviceBuffer } from "../../device/device.ts";
import type { Hyperparameters } from "../options/hyperparameters.ts";
import { roundingKey } from "../plan/rounding_key.ts";
import type { PlannedBlock } from "../plan/step_plan.ts";

/** The numbers of the block's next step. @throws {RangeError} if a schedule gives none that can be used */
export function numbersOf({ hyper, state, index }: PlannedBlock<Hyperparameters>): NumbersRecord {
  const step = state.step + 1;
  const decay = hyper.decay(step);
  // Uphill is a negative rate; what decays must not change its sign with it.
  const sign = hyper.maximize ? -1 : 1;
  return {
    take: hyper.take(step),
    rate: sign * hyper.rate(step),
    decayTimesStep: sign * decay.timesStep,
    decayAbsolute: decay.absolute,
    key: roundingKey({ seed: hyper.seed, index, step }),
  };
}

/** Results of one step for one block. */
export type StepRecord = { readonly [Field in keyof typeof stepFields]: number };

/** The device memory of both. */
export class StepNumbers implements Disposable {
  /** Records of `numberFields`, from the host. */
  readonly numbers: DeviceBuffer;
  /** Records of `stepFields`, those of the last step. */
  readonly steps: DeviceBuffer;
  readonly #device: Device;

  /** Room for `numBlocks` records. */
  constructor(device: Device, numBlocks: number) {
    this.#device = device;
    this.numbers = device.allocate(4 * NUMBERS_WORDS * numBlocks);
    this.steps = device.allocate(4 * STEP_WORDS * numBlocks);
  }

  /** Overwrites the numbers. */
  write(records: readonly NumbersRecord[]): void {
    this.#device.write(this.numbers, encodeRecords(numberFields, records));
  }

  /** What the last step left, but for the key. */
  async read(): Promise<Omit<StepRecord, "key">[]> {
    const words = new Float32Array((await this.#device.read(this.steps)).buffer);
    const names = Object.keys(stepFields);
    return Array.from({ length: words.length / STEP_WORDS }, (_, index) => {
      const values = words.subarray(STEP_WORDS * index, STEP_WORDS * (index + 1));
      return Object.fromEntries(names.map((name, k) => [name, values[k]])) as StepRecord;
    });
  }

  /** Gives the memory back. */
  [Symbol.dispose](): void {
    this.numbers[Symbol.dispose]();
    this.steps[Symbol.dispose]();
  }
}
