// One rank of the original's table: steps one weight with its bias, whole on rank 0, and its shard of it, cut either way,
// and reports the time of each step.
//
//   deno run -P=train src/cli/launch.ts --ranks 2 bench/optimizer/table_rank.ts 4096 f32 50 5 wasm
//
// As in the original: one step before, random gradients, no barrier between steps. The three ways take turns within the
// same processes, so that other load on the machine affects all of them equally; idle ranks sleep at a barrier.

import process from "node:process";
import {
  type DistributedAdaFactor,
  launchFromEnv,
  ProcessGroupMesh,
  requestDevice,
} from "../../mod.ts";
import { DTYPES } from "./options.ts";
import { type Cut, CUTS, splitLayerOptimizer } from "./split_layer.ts";

/** A rank's output, as JSON; only rank 0 has a base. */
export type RankTimes = Readonly<Partial<Record<Cut, CutTimes>>>;

/** Times of one rank's steps with one cut. */
export interface CutTimes {
  /** Milliseconds of each step. */
  readonly wall: readonly number[];
  /** Milliseconds of user and system time per step, of each turn. */
  readonly busy: readonly number[];
}

if (import.meta.main) await main(Deno.args);

async function main([size, dtypeName, iterations, turns, kind]: readonly string[]): Promise<void> {
  const dtype = DTYPES.find((name) => name === dtypeName)!;
  await using world = await launchFromEnv();
  using device = await requestDevice({ kind: kind === "webgpu" ? "webgpu" : "wasm" });
  const mesh = new ProcessGroupMesh(world.worldSize, 1);
  const group = await mesh.getGroupAlongAxis(0);
  const cuts = CUTS.filter((cut) => cut !== "base" || world.rank === 0);
  using scope = new DisposableStack();
  const optimizers = new Map(cuts.map((cut) => {
    return [cut, splitLayerOptimizer(device, { cut, side: Number(size), dtype, group, scope })];
  }));
  const times = new Map(cuts.map((cut) => [cut, { wall: [], busy: [] } as Sample]));
  for (let turn = 0; turn < Number(turns); turn++) {
    for (const cut of CUTS) {
      await group.barrier();
      const optimizer = optimizers.get(cut);
      if (optimizer !== undefined) await measure(optimizer, Number(iterations), times.get(cut)!);
    }
  }
  console.log(JSON.stringify(Object.fromEntries(times)));
  // No rank exits while another still measures.
  await group.barrier();
}

/** A `CutTimes` to which turns are added. */
interface Sample {
  readonly wall: number[];
  readonly busy: number[];
}

async function measure(
  optimizer: DistributedAdaFactor,
  iterations: number,
  { wall, busy }: Sample,
): Promise<void> {
  await optimizer.step();
  const before = process.cpuUsage();
  for (let i = 0; i < iterations; i++) {
    const start = performance.now();
    await optimizer.step();
    wall.push(performance.now() - start);
  }
  const { user, system } = process.cpuUsage(before);
  busy.push((user + system) / 1e3 / iterations);
}
