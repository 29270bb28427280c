// What tidy() and noGrad() release, and what outlives them.

import assert from "node:assert/strict";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { add } from "../../src/ops/add.ts";
import { gelu } from "../../src/ops/gelu.ts";
import { mul } from "../../src/ops/mul.ts";
import { reshape } from "../../src/ops/reshape.ts";
import { softmax } from "../../src/ops/softmax.ts";
import { sum } from "../../src/ops/sum.ts";
import { Parameter } from "../../src/tensor/parameter.ts";
import { recompute } from "../../src/tensor/recompute.ts";
import { keep, noGrad, tidy } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";

const pause = () => new Promise((resolve) => setTimeout(resolve, 1));

testOnEachDevice("tidy() releases constants with the graph, and gradients stay", async (device) => {
  using x = Tensor.from(device, [1, 2, 3], { requiresGrad: true });
  const before = device.statistics().liveBytes;
  {
    using loss = await tidy(async () => {
      const unused = mul(x, Tensor.from(device, [9, 9, 9]));
      await pause();
      assert.ok(unused.length === 3);
      return sum(mul(x, Tensor.from(device, [4, 5, 6])));
    });
    await loss.backward();
    assertSameBits(await x.grad!.data(), [4, 5, 6]);
    x.grad = undefined;
  }
  assert.equal(device.statistics().liveBytes, before);
});

Deno.test("a result of tidy() that is disposed of releases its constants, too", () => {
  using device = wasmDevice();
  using x = Tensor.from(device, [1, 2, 3], { requiresGrad: true });
  const before = device.statistics().liveBytes;
  tidy(() => mul(x, Tensor.from(device, [4, 5, 6])))[Symbol.dispose]();
  assert.equal(device.statistics().liveBytes, before);
});

testOnEachDevice("noGrad() records nothing, and keeps only what is returned", async (device) => {
  using x = Tensor.from(device, [1, 2, 3], { requiresGrad: true });
  const before = device.statistics().liveBytes;
  using one = Tensor.from(device, [0, 0, 0]);
  const ofOne = device.statistics().liveBytes - before;
  one[Symbol.dispose]();
  using y = await noGrad(async () => {
    const hidden = softmax(mul(x, Tensor.from(device, [4, 5, 6])));
    await pause();
    return reshape(gelu(hidden), [3, 1]);
  });
  assert.equal(y.requiresGrad, false);
  assert.equal(device.statistics().liveBytes - before, ofOne);
  assert.equal((await y.data()).length, 3);
});

Deno.test("results in arrays, Maps and plain objects are kept", async () => {
  using device = wasmDevice();
  using x = Tensor.from(device, [1, 2]);
  const { list: [a], map, nested: { b } } = noGrad(() => ({
    list: [add(x, x)],
    map: new Map([["c", mul(x, x)]]),
    nested: { b: gelu(x), n: 3, nothing: null },
  }));
  assertSameBits(await a.data(), [2, 4]);
  assertSameBits(await map.get("c")!.data(), [1, 4]);
  assert.equal((await b.data()).length, 2);
});

Deno.test("noGrad() ends with its own calls: what runs beside it records gradients", async () => {
  using device = wasmDevice();
  using x = Tensor.from(device, [1, 2], { requiresGrad: true });
  const outside = async () => {
    await pause();
    const y = mul(x, x);
    await pause();
    return sum(y);
  };
  const inside = () =>
    noGrad(async () => {
      await pause();
      const y = mul(x, x);
      await pause();
      return sum(y);
    });
  const [first, second, third] = await Promise.all([outside(), inside(), outside()]);
  assert.deepEqual([first, second, third].map(({ requiresGrad }) => requiresGrad), [
    true,
    false,
    true,
  ]);
  await first.backward();
  assertSameBits(await x.grad!.data(), [2, 4]);
  await third.backward();
  assertSameBits(await x.grad!.data(), [4, 8]);
  await assert.rejects(second.backward(), /nothing to differentiate/);
});

Deno.test("scopes nest: what an inner one returns belongs to the outer one", () => {
  using device = wasmDevice();
  using x = Tensor.from(device, [1, 2]);
  const before = device.statistics().liveBytes;
  let inner: Tensor | undefined;
  using y = noGrad(() => {
    inner = tidy(() => mul(x, x));
    assert.equal(device.statistics().liveBytes - before, 8);
    return add(inner, inner);
  });
  assert.equal(y.length, 2);
  assert.throws(() => inner!.buffer, /released/);
  assert.equal(device.statistics().liveBytes - before, 8);
});

Deno.test("keep() has a tensor outlive all scopes, with the memory that it shares", async () => {
  using device = wasmDevice();
  using x = Tensor.from(device, [1, 2]);
  let kept: Tensor | undefined;
  noGrad(() => {
    tidy(() => {
      kept = keep(reshape(mul(x, x), [2, 1]));
    });
  });
  assertSameBits(await kept!.data(), [1, 4]);
  kept![Symbol.dispose]();
});

Deno.test("a result that shares memory from before the scope stays a view of it", async () => {
  using device = wasmDevice();
  using x = Tensor.from(device, [1, 2]);
  noGrad(() => reshape(x, [2, 1]))[Symbol.dispose]();
  assertSameBits(await x.data(), [1, 2]);
});

Deno.test("parameters, leaves with gradients and gradients outlive a scope", async () => {
  using device = wasmDevice();
  using x = Tensor.from(device, [1, 2], { requiresGrad: true });
  const [parameter, leaf] = await tidy(async () => {
    const parameter = new Parameter(device, [3, 4], { shape: [2] });
    const leaf = Tensor.from(device, [5, 6], { requiresGrad: true });
    using loss = sum(mul(x, add(parameter, leaf)));
    await loss.backward();
    return [parameter, leaf];
  });
  assertSameBits(await x.grad!.data(), [8, 10]);
  assertSameBits(await parameter.grad!.data(), [1, 2]);
  assertSameBits(await leaf.grad!.data(), [1, 2]);
});

Deno.test("a scope that throws releases what was made in it", async () => {
  using device = wasmDevice();
  using x = Tensor.from(device, [1, 2], { requiresGrad: true });
  const before = device.statistics().liveBytes;
  const fails = () => {
    mul(x, x);
    throw new Error("no");
  };
  assert.throws(() => tidy(fails), /no/);
  await assert.rejects(tidy(() => Promise.resolve().then(fails)), /no/);
  assert.equal(device.statistics().liveBytes, before);
  assert.equal(mul(x, x).requiresGrad, true);
});

Deno.test("recompute() releases constants that its function makes, both times", async () => {
  using device = wasmDevice();
  using x = Tensor.from(device, [1, 2], { requiresGrad: true });
  const before = device.statistics().liveBytes;
  {
    using loss = sum(
      await recompute(() => Promise.resolve(mul(x, Tensor.from(device, [3, 4])))),
    );
    await loss.backward();
    assertSameBits(await x.grad!.data(), [3, 4]);
    x.grad = undefined;
  }
  assert.equal(device.statistics().liveBytes, before);
});
