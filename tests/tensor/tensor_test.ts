import assert from "node:assert/strict";
import { add } from "../../src/ops/add.ts";
import { gelu } from "../../src/ops/gelu.ts";
import { scale } from "../../src/ops/scale.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { Parameter } from "../../src/tensor/parameter.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";

testOnEachDevice("Tensor.from() copies data in and data() copies it out", async (device) => {
  const values = new Float32Array([1.5, -2, 3, 0, 1e30, -1e-30]);
  using x = Tensor.from(device, values, { shape: [2, 3] });
  values.fill(9);
  assertSameBits(await x.data(), new Float32Array([1.5, -2, 3, 0, 1e30, -1e-30]));
  assert.deepEqual([x.shape, x.length, x.dtype], [[2, 3], 6, "f32"]);
  using indices = Tensor.from(device, [4294967295, 0], { dtype: "u32" });
  assertSameBits(await indices.data(), new Uint32Array([4294967295, 0]));
  assert.deepEqual([indices.shape, indices.dtype, indices.largest], [[2], "u32", 4294967295]);
  using bytes = Tensor.from(device, new Uint32Array([7]));
  assert.equal(bytes.dtype, "u32");
  using nothing = Tensor.from(device, [], { shape: [0, 3] });
  assertSameBits(await nothing.data(), new Float32Array(0));
});

Deno.test("Tensor.from() refuses data that does not fit, and allocates nothing then", () => {
  using device = wasmDevice();
  const { liveBytes } = device.statistics();
  assert.throws(() => Tensor.from(device, [1, 2, 3], { shape: [2, 2] }), {
    name: "RangeError",
    message: /shape \[2, 2\] wants 4 values, got 3/,
  });
  for (const shape of [[-1], [1.5], [NaN], [70000, 70000]]) {
    assert.throws(() => Tensor.from(device, [], { shape }), { name: "RangeError" });
  }
  for (const index of [-1, 0.5, 4294967296, NaN]) {
    assert.throws(() => Tensor.from(device, [1, index], { dtype: "u32" }), {
      name: "RangeError",
      message: /\(at position 1\) as u32/,
    });
  }
  assert.throws(
    () => Tensor.from(device, new Float32Array(1), { dtype: "u32" } as unknown as undefined),
    { name: "TypeError", message: /u32 cannot take a Float32Array/ },
  );
  assert.throws(() => Tensor.from(device, [1], { dtype: "u32", requiresGrad: true }), {
    name: "TypeError",
    message: /Only tensors of f32, f16 and bf16 collect a gradient, got u32/,
  });
  assert.equal(device.statistics().liveBytes, liveBytes);
});

Deno.test("Tensor.from() and Parameter refuse what is no device or no numbers, in a sentence", () => {
  using device = wasmDevice();
  const before = device.statistics().liveBytes;
  // deno-lint-ignore no-explicit-any -- as plain JavaScript would
  const from = Tensor.from as any;
  const wrong: readonly (readonly [args: readonly unknown[], message: RegExp])[] = [
    [[[1, 2]], /wants a device, got an array: make one by `await requestDevice\(\)`/],
    [[Promise.resolve(device), [1]], /wants a device, got a promise: await it/],
    [[undefined, [1]], /wants a device, got undefined/],
    [[device], /wants an array of numbers, got undefined/],
    [[device, 3], /wants an array of numbers, got 3/],
    [
      [device, [[1, 2], [3, 4]]],
      /got an array at 0: give one array of all, and the option `shape`/,
    ],
    [[device, [1, "2"]], /wants numbers, got 2 at 1/],
    [[device, [1, undefined]], /wants numbers, got undefined at 1/],
    [[device, new BigInt64Array(2)], /wants numbers, got a BigInt64Array/],
  ];
  for (const [args, message] of wrong) {
    assert.throws(() => from.call(Tensor, ...args), { name: "TypeError", message });
    assert.throws(() => Reflect.construct(Parameter, [...args, { shape: [2] }]), TypeError);
  }
  assert.equal(device.statistics().liveBytes, before);
});

testOnEachDevice("item() returns the value of one element, and refuses several", async (device) => {
  using one = Tensor.from(device, [2.5], { shape: [] });
  using two = Tensor.from(device, [1, 2]);
  assert.equal(await one.item(), 2.5);
  await assert.rejects(two.item(), { name: "RangeError", message: /\[2\]/ });
});

testOnEachDevice(
  "disposing a result releases what it was computed from, but no leaf",
  async (device) => {
    using x = Tensor.from(device, [1, 2, 3]);
    const before = device.statistics().liveBytes;
    const hidden = gelu(x);
    const y = scale(add(hidden, x), 2);
    assert.ok(device.statistics().liveBytes > before);
    y[Symbol.dispose]();
    y[Symbol.dispose]();
    assert.equal(device.statistics().liveBytes, before);
    await assert.rejects(y.data(), /result of scale\(\) of shape \[3\] as it was released/);
    assert.throws(() => gelu(hidden), /result of gelu\(\) of shape \[3\] as it was released/);
    assertSameBits(await x.data(), [1, 2, 3]);
  },
);

testOnEachDevice("disposing a tensor releases its gradient", async (device) => {
  const before = device.statistics().liveBytes;
  {
    using x = Tensor.from(device, [1, 2, 3], { requiresGrad: true });
    x.grad = Tensor.from(device, [4, 5, 6]);
    const first = x.grad;
    x.grad = Tensor.from(device, [7, 8, 9]);
    await assert.rejects(first.data(), /released/);
    assertSameBits(await x.grad.data(), [7, 8, 9]);
    using other = Tensor.from(device, [1]);
    assert.throws(() => x.grad = other, {
      name: "RangeError",
      message: /shape \[3\], got \[1\]/,
    });
  }
  assert.equal(device.statistics().liveBytes, before);
});

Deno.test("an op refuses operands of two devices", () => {
  using one = wasmDevice();
  using other = wasmDevice();
  using a = Tensor.from(one, [1]);
  using b = Tensor.from(other, [1]);
  assert.throws(() => add(a, b), {
    name: "TypeError",
    message: /add\(\) wants operands on one device/,
  });
});
