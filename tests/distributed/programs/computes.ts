// Two ranks with a stall timeout of 2 s: rank 1 computes for 4.5 s, forward and backward, before its call.

import { launchFromEnv, Linear, mean, mul, RandomSource, Tensor } from "../../../mod.ts";
import { wasmDevice } from "../../../src/device/wasm/device.ts";

await using world = await launchFromEnv({ stallTimeoutMs: 2000 });
if (world.rank === 1) {
  using device = wasmDevice();
  const random = new RandomSource(1);
  const layers = Array.from(
    { length: 8 },
    () => new Linear(device, { inFeatures: 256, outFeatures: 256, random }),
  );
  using x = Tensor.from(device, new Float32Array(256 * 256).fill(0.1), { shape: [256, 256] });
  for (const begin = performance.now(); performance.now() - begin < 4500;) {
    let y: Tensor = x;
    for (const layer of layers) y = await layer.forward(y);
    using loss = mean(mul(y, y));
    await loss.backward();
  }
}
const values = Float32Array.of(world.rank + 1);
await world.group.allReduce(values);
console.log(`sum ${values[0]}`);
