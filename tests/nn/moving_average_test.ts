// ExponentialMovingAverage against plain averages of the values at every update, on both devices, whole and split.

import assert from "node:assert/strict";
import { loadModule, saveModule } from "../../src/checkpoint/module_file.ts";
import { inspectFile } from "../../src/checkpoint/safetensors.ts";
import type { Device } from "../../src/device/device.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { ProcessGroupMesh } from "../../src/distributed/mesh.ts";
import { Linear } from "../../src/nn/linear.ts";
import {
  ExponentialMovingAverage,
  type MovingAverageOptions,
} from "../../src/nn/moving_average.ts";
import { Linear1DCol } from "../../src/nn/parallel/linear_1d_col.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { mean } from "../../src/ops/mean.ts";
import { mul } from "../../src/ops/mul.ts";
import { Adafactor } from "../../src/optim/adafactor.ts";
import type { FloatType } from "../../src/tensor/dtype.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertClose } from "../support/assert_close.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";
import { withFolder } from "../support/temporary_folder.ts";

function layer(device: Device, { seed = 1, dtype = "f32" as FloatType } = {}): Linear {
  const random = new RandomSource(seed);
  return new Linear(device, { inFeatures: 7, outFeatures: 3, random, dtype });
}

/** Values of the weight at update n. */
function valuesAt(n: number): Float32Array {
  return Float32Array.from({ length: 21 }, (_, i) => Math.sin(3 * i + n * n));
}

/** The average as its definition has it: weights of the values at updates 1 to N, and of those before. */
function reference(
  before: Float32Array,
  count: number,
  { decay, start }: Required<MovingAverageOptions>,
): number[] {
  return Array.from(before, (initial, i) => {
    if (start === "corrected") {
      let [total, weights] = [0, 0];
      for (let n = 1; n <= count; n++) {
        total += decay ** (count - n) * valuesAt(n)[i];
        weights += decay ** (count - n);
      }
      return total / weights;
    }
    let average = initial;
    for (let n = 1; n <= count; n++) {
      const kept = start === "warmup" ? Math.min(decay, n / (n + 9)) : decay;
      average = kept * average + (1 - kept) * valuesAt(n)[i];
    }
    return average;
  });
}

testOnEachDevice("averages are those of their definition after every update", async (device) => {
  for (const start of ["corrected", "warmup", "initial"] as const) {
    for (const decay of [0, 0.6, 0.99]) {
      using model = layer(device);
      const before = await model.weight.data();
      using average = new ExponentialMovingAverage(model, { decay, start });
      assert.deepEqual([...average.averages.keys()], ["weight", "bias"]);
      assertSameBits(await average.averages.get("weight")!.data(), before);
      for (let n = 1; n <= 15; n++) {
        model.weight.write(valuesAt(n));
        await average.update();
        const wanted = reference(before, n, { decay, start });
        assertClose(await average.averages.get("weight")!.data(), wanted, { absolute: 1e-6 });
      }
    }
  }
});

testOnEachDevice(
  "averages of 16-bit parameters are f32, and are applied rounded",
  async (device) => {
    for (const dtype of ["f16", "bf16"] as const) {
      using model = layer(device, { dtype });
      using average = new ExponentialMovingAverage(model, { decay: 0.99 });
      let total = new Array<number>(21).fill(0);
      for (let n = 1; n <= 3; n++) {
        model.weight.write(valuesAt(n));
        const values = await model.weight.data();
        total = total.map((sum, i) => sum + 0.99 ** (3 - n) * values[i] / (1 + 0.99 + 0.99 ** 2));
        await average.update();
      }
      const averaged = average.averages.get("weight")!;
      assert.equal(averaged.dtype, "f32");
      assertClose(await averaged.data(), total, { absolute: 1e-6 });
      using rounded = averaged.copyAs(dtype);
      const last = await model.weight.bytes();
      const applied = average.apply();
      assert.deepEqual(await model.weight.bytes(), await rounded.bytes());
      applied[Symbol.dispose]();
      applied[Symbol.dispose]();
      assert.deepEqual(await model.weight.bytes(), last);
    }
  },
);

/** Trains, and calls `between` after each step. */
async function trained(
  between: (average: ExponentialMovingAverage<never>) => Promise<void>,
): Promise<{ readonly weight: Uint8Array; readonly liveBytes: number }> {
  using device = wasmDevice();
  using model = layer(device, { dtype: "bf16" });
  using optim = new Adafactor(model.parameters(), { lr: 1e-3, masterWeights: true });
  using average = new ExponentialMovingAverage(model, { decay: 0.5 });
  using x = Tensor.from(device, valuesAt(0), { shape: [3, 7] });
  for (let step = 0; step < 6; step++) {
    const y = await model.forward(x);
    using loss = mean(mul(y, y));
    await optim.backward(loss);
    await optim.step();
    optim.zeroGrad();
    await average.update();
    await between(average as ExponentialMovingAverage<never>);
  }
  return { weight: await model.weight.bytes(), liveBytes: device.statistics().liveBytes };
}

Deno.test("applying averages changes no bit of a training, master weights included, and keeps no memory", async () => {
  const without = await trained(() => Promise.resolve());
  const withSwaps = await trained((average) => {
    using _ = average.apply();
    return Promise.resolve();
  });
  assert.deepEqual(withSwaps, without);
});

Deno.test("forward() is the module's with the averages, without gradients", async () => {
  using device = wasmDevice();
  using model = layer(device);
  using average = new ExponentialMovingAverage(model, { start: "initial", decay: 0.5 });
  using x = Tensor.from(device, valuesAt(0), { shape: [3, 7] });
  using wanted = await model.forward(x);
  model.weight.write(valuesAt(1));
  using got = await average.forward(x);
  assertSameBits(await got.data(), await wanted.data());
  assert.equal(got.requiresGrad, false);
  assertSameBits(await model.weight.data(), valuesAt(1));
});

Deno.test("saved averages go on as if there had been no pause", () =>
  withFolder(async (folder) => {
    using device = wasmDevice();
    using model = layer(device);
    using whole = new ExponentialMovingAverage(model, { decay: 0.9 });
    using first = new ExponentialMovingAverage(model, { decay: 0.9 });
    using second = new ExponentialMovingAverage(model, { decay: 0.9 });
    const path = `${folder}/average.safetensors`;
    for (let n = 1; n <= 8; n++) {
      model.weight.write(valuesAt(n));
      await whole.update();
      if (n <= 3) await first.update();
      if (n === 3) {
        await saveModule(first, path);
        await loadModule(second, path);
      }
      if (n > 3) await second.update();
    }
    const names = ["averages.bias", "averages.weight", "updates"];
    assert.deepEqual([...(await inspectFile(path)).tensors.keys()].toSorted(), names);
    for (const [name, each] of whole.averages) {
      assertSameBits(await second.averages.get(name)!.data(), await each.data());
    }
    assertSameBits(await second.updates.data(), [8]);
    // The averages as a model's file.
    {
      using _ = whole.apply();
      await saveModule(model, path);
    }
    using other = layer(device, { seed: 2 });
    await loadModule(other, path);
    assertSameBits(await other.weight.data(), await whole.averages.get("weight")!.data());
  }));

Deno.test("ranks among which a module is split average and save their own parts", () =>
  withFolder(async (folder) => {
    const path = `${folder}/average.safetensors`;
    const outFeatures = 5; // uneven over two ranks
    const make = (device: Device) =>
      new Linear(device, { inFeatures: 4, outFeatures, random: new RandomSource(3) });
    const change = (model: Linear | Linear1DCol) => {
      const { begin } = model.weight.layout.range(0);
      model.weight.write(
        Float32Array.from({ length: model.weight.length }, (_, i) => Math.cos(4 * begin + i)),
      );
    };
    await inProcessRanks(2, async (world) => {
      using device = wasmDevice();
      const processGroup = await ProcessGroupMesh.over(world, 2).getGroupAlongAxis(0);
      using model = Linear1DCol.fromNativeModule(make(device), { processGroup });
      using average = new ExponentialMovingAverage(model, { decay: 0.7, start: "initial" });
      assert.deepEqual(average.averages.get("weight")!.shape, model.weight.shape);
      change(model);
      await average.update();
      await saveModule(average, path);
    });
    using device = wasmDevice();
    using model = make(device);
    using wanted = new ExponentialMovingAverage(model, { decay: 0.7, start: "initial" });
    change(model);
    await wanted.update();
    using loaded = new ExponentialMovingAverage(model);
    await loadModule(loaded, path);
    for (const [name, each] of wanted.averages) {
      assertSameBits(await loaded.averages.get(name)!.data(), await each.data());
    }
  }));

Deno.test("what would mix averages and values is refused", async () => {
  using device = wasmDevice();
  using model = layer(device);
  using average = new ExponentialMovingAverage(model);
  model.weight.write(valuesAt(1));
  const applied = average.apply();
  assert.throws(() => average.apply(), /apply\(\) of .* are applied/);
  await assert.rejects(() => average.update(), /update\(\) of .* are applied/);
  model.weight.write(valuesAt(2));
  assert.throws(() => applied[Symbol.dispose](), /weight changed while averages were applied/);
  assertSameBits(await model.weight.data(), valuesAt(1));
  await average.update();
  // A forward pass and its backward have the same parameters, or backward refuses.
  using x = Tensor.from(device, valuesAt(0), { shape: [3, 7] });
  using loss = mean(mul(await model.forward(x), await model.forward(x)));
  average.apply()[Symbol.dispose]();
  await assert.rejects(() => loss.backward(), /between forward and backward/);
});

Deno.test("frozen parameters have no average; options and modules are checked", () => {
  using device = wasmDevice();
  using model = layer(device);
  const make = (options: unknown) =>
    new ExponentialMovingAverage(model, options as MovingAverageOptions);
  assert.throws(() => make({ decay: 1 }), /decay from 0 to below 1, got 1/);
  assert.throws(() => make({ start: "zero" }), /corrected, warmup, initial, got zero/);
  assert.throws(() => make({ beta: 0.9 }), /no option "beta"/);
  assert.throws(() => new ExponentialMovingAverage({} as unknown as Linear), /wants a module/);
  model.bias!.requiresGrad = false;
  using average = make({});
  assert.deepEqual([...average.averages.keys()], ["weight"]);
  assert.equal(average.namedParameters().size, 0);
  assert.deepEqual([...average.namedBuffers().keys()], ["averages.weight", "updates"]);
  model.weight.requiresGrad = false;
  assert.throws(() => make({}), /trained parameters/);
});
