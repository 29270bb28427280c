// A feed-forward block of one's own, split over tensor-parallel ranks by hand: each has some of the hidden features. It prints the same
// losses on any number of ranks that divides 64.
//
//   deno run -P=train src/cli/launch.ts --ranks 1 examples/split_block.ts
//   deno run -P=train src/cli/launch.ts --ranks 2 examples/split_block.ts

import {
  add,
  type Device,
  DistributedAdaFactor,
  gelu,
  launchFromEnv,
  LayerNorm,
  Linear,
  Linear1DCol,
  Linear1DRow,
  mean,
  Module,
  mul,
  type ProcessGroup,
  RandomSource,
  requestDevice,
  Tensor,
} from "@meshfactor/adafactor";
import { sub } from "@meshfactor/adafactor/nn";

const [width, hidden, rows, steps] = [16, 64, 32, 20];

class FeedForward extends Module {
  readonly norm: LayerNorm;
  readonly up: Linear1DCol;
  readonly down: Linear1DRow;

  constructor(device: Device, processGroup: ProcessGroup) {
    super();
    // Every rank makes the same whole layers, and keeps its part of them.
    const random = new RandomSource(1);
    const up = new Linear(device, { inFeatures: width, outFeatures: hidden, random });
    const down = new Linear(device, { inFeatures: hidden, outFeatures: width, random });
    this.norm = new LayerNorm(device, { features: width });
    this.up = Linear1DCol.fromNativeModule(up, { processGroup });
    this.down = Linear1DRow.fromNativeModule(down, { processGroup });
  }

  /** [B, width] -> [B, width], equal on every rank; between the layers each has its own hidden features. */
  override async forward(x: Tensor): Promise<Tensor> {
    const ownHidden = gelu(await this.up.forward(await this.norm.forward(x)));
    return add(x, await this.down.forward(ownHidden)); // the sum over ranks is in here
  }
}

await using world = await launchFromEnv(); // the launcher says who the ranks are
using device = await requestDevice();
using model = new FeedForward(device, world.group);
using optim = new DistributedAdaFactor(model.parameters(), { lr: 0.02 });
optim.setupDistributed({ tensorParallelGroup: world.group });

const values = Float32Array.from({ length: rows * width }, (_, at) => Math.sin(at * at));
using x = Tensor.from(device, values, { shape: [rows, width] });
using wanted = Tensor.from(device, values.map((value) => value ** 2), { shape: [rows, width] });
for (let step = 1; step <= steps; step++) {
  const error = sub(await model.forward(x), wanted);
  using loss = mean(mul(error, error));
  const value = await loss.item();
  await optim.backward(loss);
  await optim.step();
  optim.zeroGrad();
  if (world.rank === 0) console.log(`step ${step}: loss ${value.toFixed(5)}`);
}
