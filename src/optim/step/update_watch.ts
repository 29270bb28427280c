// Watches how many updates rounding loses: a 16-bit parameter that is stepped itself and rounded to the nearest stays where it is
// wherever a step is less than half the distance to the next number. At a learning rate of 1e-4 that is most of a model in bf16.
//
// Now and then the middle elements of the largest such parameters are read before and after a step: a few thousand numbers, and
// steps themselves do nothing for it.

import type { Device } from "../../device/device.ts";
import type { ProcessGroup } from "../../distributed/group.ts";
import { copyRange, type DeviceRange } from "../../tensor/device_range.ts";
import { describeLostUpdates, type LostUpdates } from "../options/lost_updates.ts";
import { storedParameters } from "../plan/block_operands.ts";
import type { StepPlan } from "../plan/step_plan.ts";

/** Elements of a parameter before a step. */
interface Sample {
  readonly parameter: string;
  readonly range: DeviceRange;
  readonly before: Float32Array;
  readonly gradient: Float32Array;
}

/** Reports once, when more than half of a parameter's updates are lost. */
export class UpdateWatch {
  #report: ((lost: LostUpdates) => void) | undefined;

  /** By default the first rank of all `groups` warns on the console. */
  constructor(
    groups: () => readonly ProcessGroup[],
    report = (lost: LostUpdates) => {
      if (groups().every(({ rank }) => rank === 0)) console.warn(describeLostUpdates(lost));
    },
  ) {
    this.#report = report;
  }

  /** Reads elements before the plan's next step, if it is one at which to look. */
  async before(
    { sources }: StepPlan,
    { device, grads }: { readonly device: Device; readonly grads: readonly DeviceRange[] },
  ): Promise<readonly Sample[]> {
    if (this.#report === undefined || !isSampled(nextStep(sources))) return [];
    const stored = storedParameters(sources);
    const coarse = sources.map((source, index) => ({ ...source, range: stored[index], index }))
      .filter(({ range: { dtype, length }, hyper, state }) =>
        dtype !== "f32" && length > 0 && state.master === undefined && hyper.rounding === "nearest"
      )
      .sort((a, b) => b.range.length - a.range.length)
      .slice(0, MAX_PARAMETERS);
    return await Promise.all(coarse.map(async ({ range, index, parameter: { name } }) => ({
      parameter: name,
      range: middleOf(range),
      before: await readRange(device, middleOf(range)),
      gradient: await readRange(device, middleOf(grads[index])),
    })));
  }

  /** Compares the elements after the step, and reports the parameter that lost most. */
  async after(
    { sources }: StepPlan,
    { device, samples }: { readonly device: Device; readonly samples: readonly Sample[] },
  ): Promise<void> {
    let worst: LostUpdates | undefined;
    for (const { parameter, range, before, gradient } of samples) {
      const after = await readRange(device, range);
      let [numStepped, numLost] = [0, 0];
      for (const [k, value] of gradient.entries()) {
        if (value === 0) continue;
        numStepped++;
        if (after[k] === before[k]) numLost++;
      }
      const share = numStepped === 0 ? 0 : numLost / numStepped;
      if (share <= (worst?.share ?? 0.5)) continue;
      worst = { step: nextStep(sources) - 1, parameter, dtype: range.dtype, share };
    }
    if (worst === undefined) return;
    this.#report?.(worst);
    this.#report = undefined;
  }
}

/** Early, and then rarely. Not at once, as a warm-up's first step is meant to be tiny. */
function isSampled(step: number): boolean {
  return step === 3 || step === 10 || step === 30 || step % 100 === 0;
}

const MAX_PARAMETERS = 4;
const MAX_ELEMENTS = 4096;

function nextStep(sources: StepPlan["sources"]): number {
  return 1 + Math.max(...sources.map(({ state }) => state.step));
}

function middleOf({ offset, length, ...range }: DeviceRange): DeviceRange {
  const count = Math.min(length, MAX_ELEMENTS);
  return { ...range, offset: offset + Math.floor((length - count) / 2), length: count };
}

async function readRange(device: Device, range: DeviceRange): Promise<Float32Array> {
  using values = device.allocate(4 * range.length);
  copyRange(range, { buffer: values, offset: 0, length: range.length, dtype: "f32" });
  return new Float32Array((await device.read(values)).buffer);
}
