// Layers whose parameters are stored in 16 bits: the same initial values, rounded; and, split over ranks, the same outputs and
// gradients as whole ones.

import assert from "node:assert/strict";
import type { Device } from "../../src/device/device.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { newModel } from "../../src/models/new_model.ts";
import { Decoder } from "../../src/models/decoder.ts";
import { Embedding } from "../../src/nn/embedding.ts";
import { Linear } from "../../src/nn/linear.ts";
import { Linear1DCol } from "../../src/nn/parallel/linear_1d_col.ts";
import { Linear1DRow } from "../../src/nn/parallel/linear_1d_row.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { cast } from "../../src/ops/cast.ts";
import { sum } from "../../src/ops/sum.ts";
import type { FloatType } from "../../src/tensor/dtype.ts";
import { type FloatTensor, Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";
import { smallConfigs } from "../support/models/small_configs.ts";
import { assertWithin } from "../support/ops/gradient_check.ts";

const IN = 5;
const OUT = 7;

Deno.test("layers have the same initial values in 16 bits, rounded", async () => {
  using device = wasmDevice();
  for (const dtype of ["f16", "bf16"] as const) {
    const make = (dtype: FloatType) => {
      const random = new RandomSource(3);
      return [
        new Linear(device, { inFeatures: IN, outFeatures: OUT, random, dtype }),
        new Embedding(device, { numEmbeddings: IN, embeddingDim: OUT, random, dtype }),
      ];
    };
    const [whole, stored] = [make("f32"), make(dtype)];
    for (const [at, layer] of stored.entries()) {
      const originals = whole[at].parameters();
      for (const [k, parameter] of layer.parameters().entries()) {
        assert.deepEqual([parameter.dtype, parameter.gradientDtype], [dtype, dtype]);
        using rounded = cast(originals[k], dtype);
        assertSameBits(await parameter.bytes(), await rounded.bytes());
      }
    }
    for (const layer of [...whole, ...stored]) layer[Symbol.dispose]();
  }
});

for (const dtype of ["f16", "bf16"] as const) {
  for (const size of [2, 3]) {
    Deno.test(`parallel layers of ${dtype} on ${size} ranks compute the same as a whole one`, async () => {
      await inProcessRanks(size, async ({ group: processGroup }) => {
        using device = wasmDevice();
        const options = { inFeatures: IN, outFeatures: OUT, dtype, gradientDtype: "f32" } as const;
        const whole = () => new Linear(device, { ...options, random: new RandomSource(3) });
        using native = whole();
        const expected = await outcomeOf(device, native);
        for (
          const make of [
            () => Linear1DCol.fromNativeModule(whole(), { processGroup, gatherOutput: true }),
            () =>
              Linear1DCol.fromNativeModule(whole(), {
                processGroup,
                gatherOutput: true,
                overlap: false,
              }),
            () => Linear1DRow.fromNativeModule(whole(), { processGroup, parallelInput: false }),
          ]
        ) {
          using layer = make();
          assert.deepEqual([layer.weight.dtype, layer.weight.gradientDtype], [dtype, "f32"]);
          const { layout } = layer.weight;
          const [rows, cols] = [layout.range(0), layout.range(1)];
          const own = (_: unknown, at: number) => {
            const [row, col] = [Math.floor(at / IN), at % IN];
            return row >= rows.begin && row < rows.end && col >= cols.begin && col < cols.end;
          };
          const got = await outcomeOf(device, layer);
          assertSameBits(
            await layer.weight.data(),
            (await native.weight.data()).filter(own),
          );
          const tolerance = 2e-6;
          assertWithin(got.y, expected.y, { tolerance, what: "y" });
          assertWithin(got.dx, expected.dx, { tolerance, what: "dx" });
          assertWithin(got.dWeight, expected.dWeight.filter(own), { tolerance, what: "dWeight" });
        }
      });
    });
  }
}

Deno.test("a model of bf16 has half the bytes, and gradients of the requested type", async () => {
  using device = wasmDevice();
  using model = newModel(device, smallConfigs.gpt2, {
    model: Decoder,
    random: new RandomSource(1),
    dtype: "bf16",
    gradientDtype: "f32",
  });
  using tokens = Tensor.from(device, [1, 2, 3, 4], { shape: [2, 2], dtype: "u32" });
  using loss = sum(await model.forward({ tokens }));
  await loss.backward();
  for (const parameter of model.parameters()) {
    assert.equal(parameter.buffer.byteLength, 4 * Math.ceil(parameter.length / 2));
    assert.deepEqual([parameter.dtype, parameter.grad!.dtype], ["bf16", "f32"]);
  }
});

interface Outcome {
  readonly y: Float32Array;
  readonly dx: Float32Array;
  readonly dWeight: Float32Array;
}

/** Output and gradients for an input that is stored in 16 bits too. */
async function outcomeOf(
  device: Device,
  layer: Linear | Linear1DCol | Linear1DRow,
): Promise<Outcome> {
  const values = Array.from({ length: 3 * IN }, (_, i) => (i * 7 % 11 - 5) / 4);
  const options = { shape: [3, IN], requiresGrad: true } as const;
  using x: FloatTensor = Tensor.from(device, values, { ...options, dtype: "bf16" });
  const y = await layer.forward(x);
  const yValues = await y.data();
  using loss = sum(y);
  await loss.backward();
  return { y: yValues, dx: await x.grad!.data(), dWeight: await layer.weight.grad!.data() };
}
