// Tensors stored in 16 bits: values are rounded, and padding, bytes and gradients are correct.

import assert from "node:assert/strict";
import { storageTypes } from "../../src/device/storage_types.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { scale } from "../../src/ops/scale.ts";
import { sum } from "../../src/ops/sum.ts";
import { fromBfloat16, toBfloat16 } from "../../src/tensor/bfloat16.ts";
import { Memory } from "../../src/tensor/memory.ts";
import { Parameter } from "../../src/tensor/parameter.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { RandomValues } from "../support/device/random_values.ts";
import { decode, encode } from "../reference/cast.ts";

const HALF_TYPES = ["f16", "bf16"] as const;

testOnEachDevice(
  "Tensor.from() rounds numbers to the nearest value of the type",
  async (device) => {
    // Numbers in the middle of two bf16 or f16 and their neighbours; 65520 and beyond is infinity in f16.
    const values = [1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -11, -1 - 3 * 2 ** -11, 65519, 65520];
    using f16 = Tensor.from(device, values, { dtype: "f16" });
    using bf16 = Tensor.from(device, Float32Array.from(values), { dtype: "bf16", shape: [7, 1] });
    assertSameBits(
      await f16.data(),
      [1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 1, -1 - 2 ** -9, 65504, Infinity],
    );
    assertSameBits(await bf16.data(), [1, 1, 1 + 2 ** -6, 1, -1, 65536, 65536]);
    assert.deepEqual([bf16.dtype, bf16.shape, bf16.length], ["bf16", [7, 1], 7]);
    using array = Tensor.from(device, Float16Array.of(0.1, 2));
    assert.deepEqual([array.dtype, ...await array.data()], ["f16", Math.f16round(0.1), 2]);
    using widened = Tensor.from(device, Float16Array.of(0.1), { dtype: "f32" });
    assertSameBits(await widened.data(), [Math.f16round(0.1)]);
  },
);

Deno.test("toBfloat16() is exact for every tie, for 64-bit numbers too", () => {
  const { f32, bf16 } = storageTypes;
  const above = (value: number) => value * (1 + 2 ** -50);
  for (let bits = 0; bits < 2 ** 15; bits += 7) {
    const value = decode(bits, bf16);
    if (!Number.isFinite(value)) continue;
    const tie = decode(encode(value, f32) + 2 ** 15, f32);
    const cases = [value, tie, above(tie), tie / (1 + 2 ** -50)].flatMap((x) => [x, -x]);
    assertSameBits(toBfloat16(cases), cases.map((x) => encode(x, bf16)), `${value}`);
  }
  const random = new RandomValues(3).indices(10_000, 2 ** 16);
  const bits = Uint16Array.from(random.filter((each) => !Number.isNaN(decode(each, bf16))));
  assertSameBits(toBfloat16(fromBfloat16(bits)), bits);
  assertSameBits(toBfloat16([NaN, -Infinity]), [0x7fc0, 0xff80]);
});

for (const dtype of HALF_TYPES) {
  testOnEachDevice(`Tensor.fromBytes() and bytes() copy ${dtype} unchanged`, async (device) => {
    for (const length of [0, 1, 2, 5]) {
      // Not aligned, as in a file.
      const bytes = Uint8Array.from({ length: 2 * length + 1 }, (_, i) => 37 * i).subarray(1);
      using x = Tensor.fromBytes(device, bytes, { shape: [length], dtype });
      assertSameBits(await x.bytes(), bytes.slice());
      using same = Tensor.from(device, await x.data(), { dtype });
      assertSameBits(await same.bytes(), bytes.slice());
    }
    assert.throws(() => Tensor.fromBytes(device, new Uint8Array(5), { shape: [3], dtype }), {
      name: "RangeError",
      message: `A ${dtype} tensor of shape [3] wants 6 bytes, got 5`,
    });
  });

  testOnEachDevice(
    `an odd number of ${dtype} elements ends in a half word of 0`,
    async (device) => {
      // Memory that held something else before.
      Tensor.from(device, [NaN, NaN, NaN])[Symbol.dispose]();
      using x = Tensor.from(device, [1, 2, 3]);
      using copy = x.copyAs(dtype);
      using again = copy.copy();
      using given = Tensor.from(device, [1, 2, 3], { dtype });
      for (const { buffer } of [copy, again, given]) {
        const words = new Uint32Array((await device.read(buffer)).buffer);
        assert.equal(words.length, 2);
        assert.equal(words[1], encode(3, storageTypes[dtype]));
      }
    },
  );

  testOnEachDevice(`a Parameter of ${dtype} collects its gradient rounded`, async (device) => {
    using parameter = new Parameter(device, [1, 2, 3], { shape: [3], dtype });
    const gradients = await twoGradients(parameter);
    const one = rounded(1.001, dtype);
    assert.deepEqual(gradients, [one, rounded(one + Math.fround(1.001), dtype)]);
    assert.equal(parameter.grad!.dtype, dtype);
    parameter.write([4, 5, 6.001]);
    assertSameBits(await parameter.data(), [4, 5, rounded(6.001, dtype)]);
  });

  testOnEachDevice(
    `a Parameter of ${dtype} sums its gradient in f32 with gradientDtype f32`,
    async (device) => {
      const options = { shape: [3], dtype, gradientDtype: "f32" } as const;
      using parameter = new Parameter(device, [1, 2, 3], options);
      const gradients = await twoGradients(parameter);
      assert.deepEqual(gradients, [Math.fround(1.001), Math.fround(2 * Math.fround(1.001))]);
      assert.equal(parameter.grad!.dtype, "f32");
    },
  );
}

Deno.test("a Parameter takes ownership of memory of its own type, and refuses another", async () => {
  using device = wasmDevice();
  const memory = Memory.from(device, [1, 2], { shape: [2], dtype: "bf16" });
  assert.throws(() => new Parameter(device, memory, { shape: [2], dtype: "f16" }), {
    name: "TypeError",
    message: "Wanted memory of f16, got bf16",
  });
  using parameter = new Parameter(device, memory, { shape: [2] });
  assert.deepEqual([parameter.dtype, parameter.gradientDtype], ["bf16", "bf16"]);
  assertSameBits(await parameter.data(), [1, 2]);
});

Deno.test("Tensor.from() refuses an unknown type", () => {
  using device = wasmDevice();
  assert.throws(() => Tensor.from(device, [1], { dtype: "f64" as "f32" }), {
    name: "TypeError",
    message: "Wanted a tensor of f32, f16, bf16 or u32, got f64",
  });
});

/** The first element of the gradient of 1.001 sum(p), after one backward and after two. */
async function twoGradients(parameter: Parameter): Promise<number[]> {
  const seen: number[] = [];
  for (let times = 0; times < 2; times++) {
    using loss = sum(scale(parameter, 1.001));
    await loss.backward();
    seen.push((await parameter.grad!.data())[0]);
  }
  return seen;
}

function rounded(value: number, dtype: "f16" | "bf16"): number {
  return decode(encode(value, storageTypes[dtype]), storageTypes[dtype]);
}
