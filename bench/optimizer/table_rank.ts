// One rank of the original's table: steps its shard of one weight with its bias, and tells what each step took.
//
//   deno run -P=train src/cli/launch.ts --ranks 2 bench/optimizer/table_rank.ts column 4096 f32 50 wasm
//
// As in the original: one step before, random gradients, no barrier between steps.

import process from "node:process";
import {
  DistributedAdaFactor,
  launchFromEnv,
  Layout,
  Parameter,
  type ProcessGroup,
  ProcessGroupMesh,
  RandomSource,
  requestDevice,
  Tensor,
} from "../../mod.ts";
import { DTYPES } from "./options.ts";

/** What a rank writes, as JSON, when it is done. */
export interface RankTimes {
  /** Milliseconds of each step. */
  readonly wall: readonly number[];
  /** Milliseconds of user and system time per step. */
  readonly busy: number;
}

/** How the weight is cut: columns of the layer are rows of [out, in]. */
const CUT_DIM = { column: 0, row: 1 } as const;

if (import.meta.main) await main(Deno.args);

async function main([cut, size, dtypeName, iterations, kind]: readonly string[]): Promise<void> {
  const dtype = DTYPES.find((name) => name === dtypeName)!;
  await using world = await launchFromEnv();
  using device = await requestDevice({ kind: kind === "webgpu" ? "webgpu" : "wasm" });
  const mesh = new ProcessGroupMesh(world.worldSize, 1);
  const group = await mesh.getGroupAlongAxis(0);
  const dim = cut === "row" ? CUT_DIM.row : CUT_DIM.column;
  const side = Number(size);
  const layouts = [
    new Layout([side, side], [{ dim, group }]),
    // A row-parallel layer's bias is whole on every rank.
    new Layout([side], dim === CUT_DIM.column ? [{ dim: 0, group }] : []),
  ];
  const random = new RandomSource(world.rank).stream();
  let index = 0;
  const parameters = layouts.map((layout: Layout<ProcessGroup>) => {
    const [values, gradient] = [0, 1].map(() =>
      Float32Array.from(
        { length: layout.localShape.reduce((product, each) => product * each, 1) },
        () => 0.02 * random.normal(index++),
      )
    );
    const parameter = new Parameter(device, values, { layout, dtype, name: `p${index}` });
    parameter.grad = Tensor.from(device, gradient, { shape: layout.localShape, dtype });
    return parameter;
  });
  using optimizer = new DistributedAdaFactor(parameters);
  optimizer.setupDistributed({ tensorParallelGroup: group });

  await optimizer.step();
  await group.barrier();
  const before = process.cpuUsage();
  const wall: number[] = [];
  for (let i = 0; i < Number(iterations); i++) {
    const start = performance.now();
    await optimizer.step();
    wall.push(performance.now() - start);
  }
  const { user, system } = process.cpuUsage(before);
  const times: RankTimes = { wall, busy: (user + system) / 1e3 / wall.length };
  console.log(JSON.stringify(times));
  // Nobody leaves while another is still measuring.
  await group.barrier();
  for (const parameter of parameters) parameter[Symbol.dispose]();
}
