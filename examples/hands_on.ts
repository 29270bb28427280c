// Distributed Adafactor in five steps, as in ColossalAI's hands-on practice.
//
//   deno run -P=train src/cli/launch.ts --ranks 4 examples/hands_on.ts [--height 256] [--width 256] [--tensor 2] [--steps 5]

import { parseArgs } from "node:util";
import {
  DistributedAdaFactor,
  gelu,
  launchFromEnv,
  Linear,
  Linear1DCol,
  Linear1DRow,
  mean,
  mul,
  ProcessGroupMesh,
  RandomSource,
  requestDevice,
  Tensor,
} from "../mod.ts";

const { values: flags } = parseArgs({
  options: {
    height: { type: "string", default: "256" },
    width: { type: "string", default: "256" },
    tensor: { type: "string" },
    steps: { type: "string", default: "5" },
  },
});
const [height, width, steps] = [flags.height, flags.width, flags.steps].map(positiveInteger);

// 1. Launch: RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT come from the launcher.
await using world = await launchFromEnv();
using device = await requestDevice();

// 2. A mesh of tensor-parallel x ZeRO ranks.
const tensor = positiveInteger(flags.tensor ?? (world.worldSize % 2 === 0 ? "2" : "1"));
const mesh = new ProcessGroupMesh(tensor, Math.floor(world.worldSize / tensor));
const tensorParallelGroup = await mesh.getGroupAlongAxis(0);
const dataParallelGroup = await mesh.getGroupAlongAxis(1);

// 3. A model, its layers split over the tensor-parallel group.
const random = new RandomSource(42);
using up = Linear1DCol.fromNativeModule(
  new Linear(device, { inFeatures: height, outFeatures: width, random }),
  { processGroup: tensorParallelGroup, gatherOutput: false, overlap: true },
);
using down = Linear1DRow.fromNativeModule(
  new Linear(device, { inFeatures: width, outFeatures: height, random }),
  { processGroup: tensorParallelGroup, parallelInput: true },
);

// 4. The optimizer.
using optim = new DistributedAdaFactor([...up.parameters(), ...down.parameters()], { lr: 1e-2 });
optim.setupDistributed({ tensorParallelGroup, dataParallelGroup, useZero: true });

// 5. Forward, backward, step. Every data-parallel rank has examples of its own.
const numbers = new RandomSource(dataParallelGroup.rank).stream();
const examples = Float32Array.from({ length: 32 * height }, (_, k) => numbers.normal(k));
using x = Tensor.from(device, examples, { shape: [32, height] });
for (let step = 1; step <= steps; step++) {
  const y = await down.forward(gelu(await up.forward(x)));
  using loss = mean(mul(y, y));
  await optim.backward(loss);
  await optim.step();
  optim.zeroGrad();
  const { collectives, bytesSent } = optim.lastStep;
  console.log(
    `step ${step}: loss ${
      (await loss.item()).toFixed(6)
    }, ${collectives} collectives, ${bytesSent} bytes sent`,
  );
}

function positiveInteger(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new RangeError(`A flag must be a positive integer, got "${text}"`);
}
