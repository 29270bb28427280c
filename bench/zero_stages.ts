// ZeRO's stages on data-parallel processes, and stage 2 by the size of its buckets: how long backward and step take, and
// what gradients a rank holds after backward.
//
//   deno run -P=train src/cli/launch.ts --ranks 2 bench/zero_stages.ts [layers] [width] [batch] [rounds]
//
// Setups take turns, so that what else the machine does hits all alike; wall times are those of the quickest round, `busy`
// is the least CPU time of a rank.

import process from "node:process";
import {
  DistributedAdaFactor,
  type DistributedSetup,
  gelu,
  launchFromEnv,
  Linear,
  mean,
  mul,
  RandomSource,
  requestDevice,
  Tensor,
} from "../mod.ts";

const [layers = 10, width = 768, batch = 128, rounds = 10] = Deno.args.map(Number);

await using world = await launchFromEnv();
using device = await requestDevice({ kind: "wasm" });
using scope = new DisposableStack();
const random = new RandomSource(1);
const model = Array.from(
  { length: layers },
  () => scope.use(new Linear(device, { inFeatures: width, outFeatures: width, random })),
);
const parameters = model.flatMap((layer) => layer.parameters());
using x = Tensor.from(
  device,
  Float32Array.from({ length: batch * width }, (_, k) => Math.sin(k + world.rank)),
  { shape: [batch, width] },
);

/** Milliseconds of one step after one to warm up, and bytes of gradients between backward and step. */
async function measure(setup: DistributedSetup) {
  using optim = new DistributedAdaFactor(parameters, { lr: 1e-3 });
  optim.setupDistributed({ dataParallelGroup: world.group, ...setup });
  const times = { backward: 0, step: 0, both: 0, busy: 0, gradientBytes: 0 };
  for (let turn = 0; turn < 2; turn++) {
    let y = x;
    for (const layer of model) y = gelu(await layer.forward(y));
    using loss = mean(mul(y, y));
    await world.group.barrier();
    const cpu = process.cpuUsage();
    const begin = performance.now();
    await optim.backward(loss);
    const between = performance.now();
    const withGradients = device.statistics().liveBytes;
    await optim.step();
    const end = performance.now();
    const { user, system } = process.cpuUsage(cpu);
    times.busy = (user + system) / 1000;
    optim.zeroGrad();
    times.backward = between - begin;
    times.step = end - between;
    times.both = end - begin;
    // State was made by the first step, so that only gradients go.
    if (turn === 1) times.gradientBytes = withGradients - device.statistics().liveBytes;
  }
  return times;
}

const MIB = 2 ** 20;
const setups = new Map<string, DistributedSetup>([
  ["stage 0", { zeroStage: 0 }],
  ["stage 1", { zeroStage: 1 }],
  ...[0.25, 1, 4, 8, 25].map((size) =>
    [`stage 2, ${size} MiB`, { zeroStage: 2, bucketBytes: size * MIB }] as const
  ),
]);

type Times = Awaited<ReturnType<typeof measure>>;
const best = new Map<string, Times>();
for (let round = 0; round < rounds; round++) {
  for (const [name, setup] of setups) {
    const now = await measure(setup);
    const before = best.get(name);
    const quicker = before !== undefined && before.both <= now.both ? before : now;
    best.set(name, { ...quicker, busy: Math.min(now.busy, before?.busy ?? Infinity) });
  }
}
if (world.rank === 0) {
  const count = parameters.reduce((total, { length }) => total + length, 0);
  console.log(`${world.worldSize} ranks, ${(4 * count / MIB).toFixed(1)} MiB of gradients, ms:`);
  for (const [name, { backward, step, both, busy, gradientBytes }] of best) {
    const [b, s, t, c] = [backward, step, both, busy].map((time) => time.toFixed(0).padStart(5));
    const held = (gradientBytes / MIB).toFixed(1);
    console.log(
      `${name.padEnd(17)} backward ${b}  step ${s}  both ${t}  busy ${c}  holds ${held} MiB`,
    );
  }
}
