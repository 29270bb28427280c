// Time that a rank spends on exchange: a collective is under way, and no kernel runs.
//
//   collective   |-------------------|      |-----|
//   kernel            |----|                        |--------|
//   exchange     |####|    |#########|      |#####|
//
// Kernels of the wasm device run on this thread, so what they take in between is known. Those of webgpu run elsewhere: what
// is exchanged meanwhile counts as exchange.

import type { Device, ProcessGroup } from "../../mod.ts";

const COLLECTIVES = [
  ...["allReduce", "reduceScatter", "allGather", "broadcast", "reduce", "allToAll", "barrier"],
] as const satisfies readonly (keyof ProcessGroup)[];

/** Counts milliseconds from the moment when it was made. */
export class ExchangeClock {
  #underWay = 0;
  #since = 0;
  #total = 0;

  /** Listens to the groups' collectives and to the device's kernels. */
  constructor(device: Device, groups: Iterable<ProcessGroup>) {
    const several = [...new Set(groups)].filter(({ size }) => size > 1);
    if (several.length === 0) return;
    for (const group of several) this.#listenTo(group);
    this.#excludeKernels(device);
  }

  /** Milliseconds so far. */
  get milliseconds(): number {
    return this.#underWay === 0 ? this.#total : this.#total + performance.now() - this.#since;
  }

  #listenTo(group: ProcessGroup): void {
    for (const name of COLLECTIVES) {
      const call = group[name].bind(group) as (...args: unknown[]) => Promise<unknown>;
      Object.defineProperty(group, name, {
        value: async (...args: unknown[]) => {
          if (this.#underWay++ === 0) this.#since = performance.now();
          try {
            return await call(...args);
          } finally {
            if (--this.#underWay === 0) this.#total += performance.now() - this.#since;
          }
        },
      });
    }
  }

  #excludeKernels(device: Device): void {
    const run = device.run.bind(device);
    Object.defineProperty(device, "run", {
      value: (...args: Parameters<Device["run"]>) => {
        const start = performance.now();
        run(...args);
        if (this.#underWay > 0) this.#total -= performance.now() - start;
      },
    });
  }
}
