// What changes from step to step, per block, as kernels read it (device/block_table.ts).

import type { NumbersRecord } from "../../device/block_table.ts";
import type { Block } from "./plan.ts";
import { roundingKey } from "./rounding_key.ts";

/** The numbers of the block's next step. @throws {RangeError} if a schedule gives none that can be used */
export function numbersOf({ hyper, state, index }: Block): NumbersRecord {
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
