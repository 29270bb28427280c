// Linear1DCol and Linear1DRow on 1 to 4 ranks against a whole Linear: outputs and every gradient, also of features that do not divide
// by the number of ranks.

import assert from "node:assert/strict";
import type { Device } from "../../../src/device/device.ts";
import { requestDevice } from "../../../src/device/request_device.ts";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import type { ProcessGroup } from "../../../src/distributed/group.ts";
import { shardRange } from "../../../src/distributed/layout.ts";
import { Linear } from "../../../src/nn/linear.ts";
import { Linear1DCol } from "../../../src/nn/parallel/linear_1d_col.ts";
import { Linear1DRow } from "../../../src/nn/parallel/linear_1d_row.ts";
import type { Module } from "../../../src/nn/module.ts";
import { RandomSource } from "../../../src/nn/philox.ts";
import { mul } from "../../../src/ops/mul.ts";
import { sum } from "../../../src/ops/sum.ts";
import type { Parameter } from "../../../src/tensor/parameter.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { webgpuTest } from "../../support/device/webgpu_adapter.ts";
import { inProcessRanks } from "../../support/distributed/in_process_ranks.ts";
import { assertWithin, randomValues } from "../../support/ops/gradient_check.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";

const LEADING = [2, 3];
const ROWS = 6;
const FEATURES = [[10, 7], [33, 10], [7, 33], [4, 4]] as const;

/** A layer's output, and its gradients for the loss sum(y * w). */
interface Outcome {
  readonly y: Float32Array;
  readonly dx: Float32Array;
  readonly dWeight: Float32Array;
  readonly dBias: Float32Array;
}

type Layer = Module & { readonly weight: Parameter; readonly bias: Parameter | undefined };

function wholeLayer(device: Device, inFeatures: number, outFeatures: number): Linear {
  return new Linear(device, { inFeatures, outFeatures, random: new RandomSource(3) });
}

async function outcomeOf(layer: Layer, xValues: number[], wValues: number[]): Promise<Outcome> {
  const { device } = layer.weight;
  const shape = [...LEADING, xValues.length / ROWS];
  using x = Tensor.from(device, xValues, { shape, requiresGrad: true });
  const y = await layer.forward(x);
  using w = Tensor.from(device, wValues, { shape: [...LEADING, wValues.length / ROWS] });
  const yValues = await y.data();
  using loss = sum(mul(y, w));
  await loss.backward();
  return {
    y: yValues,
    dx: await x.grad!.data(),
    dWeight: await layer.weight.grad!.data(),
    dBias: await layer.bias!.grad!.data(),
  };
}

/** Columns begin..end of row-major values. */
function columns<T extends number[] | Float32Array>(
  values: T,
  numCols: number,
  own: Own,
): number[] {
  return Array.from(values).filter((_, i) => i % numCols >= own.begin && i % numCols < own.end);
}

/** Rows begin..end of row-major values. */
function rows(values: Float32Array, numCols: number, own: Own): Float32Array {
  return values.subarray(own.begin * numCols, own.end * numCols);
}

interface Own {
  readonly begin: number;
  readonly end: number;
}

function ownOf(length: number, { size, rank }: ProcessGroup): Own {
  return shardRange(length, size, rank);
}

function assertOutcome(
  actual: Outcome,
  expected: Readonly<Record<keyof Outcome, ArrayLike<number>>>,
) {
  for (const what of ["y", "dx", "dWeight", "dBias"] as const) {
    assertWithin(actual[what], expected[what], { tolerance: 2e-6, what });
  }
}

for (const size of [1, 2, 3, 4]) {
  for (const overlap of [true, false]) {
    const title = `on ${size} ranks, overlap ${overlap}, gives`;
    Deno.test(`Linear1DCol ${title} every rank its columns, and the gradients of a whole layer`, async () => {
      await inProcessRanks(size, async ({ group }) => {
        using device = wasmDevice();
        for (const [numIn, numOut] of FEATURES) {
          const { x, w, expected } = await wholeOutcome(device, numIn, numOut);
          using layer = Linear1DCol.fromNativeModule(wholeLayer(device, numIn, numOut), {
            processGroup: group,
            overlap,
          });
          const own = ownOf(numOut, group);
          assertOutcome(await outcomeOf(layer, x, columns(w, numOut, own)), {
            y: columns(expected.y, numOut, own),
            dx: expected.dx,
            dWeight: rows(expected.dWeight, numIn, own),
            dBias: expected.dBias.subarray(own.begin, own.end),
          });
        }
      });
    });

    Deno.test(`Linear1DCol ${title} all columns with gatherOutput`, async () => {
      await inProcessRanks(size, async ({ group }) => {
        using device = wasmDevice();
        for (const [numIn, numOut] of FEATURES) {
          const { x, w, expected } = await wholeOutcome(device, numIn, numOut);
          using layer = Linear1DCol.fromNativeModule(wholeLayer(device, numIn, numOut), {
            processGroup: group,
            gatherOutput: true,
            overlap,
          });
          const own = ownOf(numOut, group);
          assertOutcome(await outcomeOf(layer, x, w), {
            ...expected,
            dWeight: rows(expected.dWeight, numIn, own),
            dBias: expected.dBias.subarray(own.begin, own.end),
          });
        }
      });
    });
  }

  Deno.test(`Linear1DRow on ${size} ranks gives the whole output of split input, and its gradients`, async () => {
    await inProcessRanks(size, async ({ group }) => {
      using device = wasmDevice();
      for (const [numIn, numOut] of FEATURES) {
        const { x, w, expected } = await wholeOutcome(device, numIn, numOut);
        using layer = Linear1DRow.fromNativeModule(wholeLayer(device, numIn, numOut), {
          processGroup: group,
        });
        const own = ownOf(numIn, group);
        assertOutcome(await outcomeOf(layer, columns(x, numIn, own), w), {
          ...expected,
          dx: columns(expected.dx, numIn, own),
          dWeight: columns(expected.dWeight, numIn, own),
        });
      }
    });
  });

  Deno.test(`Linear1DRow on ${size} ranks splits its input itself without parallelInput`, async () => {
    await inProcessRanks(size, async ({ group }) => {
      using device = wasmDevice();
      for (const [numIn, numOut] of FEATURES) {
        const { x, w, expected } = await wholeOutcome(device, numIn, numOut);
        using layer = Linear1DRow.fromNativeModule(wholeLayer(device, numIn, numOut), {
          processGroup: group,
          parallelInput: false,
        });
        assertOutcome(await outcomeOf(layer, x, w), {
          ...expected,
          dWeight: columns(expected.dWeight, numIn, ownOf(numIn, group)),
        });
      }
    });
  });
}

async function wholeOutcome(device: Device, numIn: number, numOut: number) {
  const random = new RandomSource(4);
  const x = randomValues(ROWS * numIn, random);
  const w = randomValues(ROWS * numOut, random);
  using layer = wholeLayer(device, numIn, numOut);
  return { x, w, expected: await outcomeOf(layer, x, w) };
}

webgpuTest(
  "Linear1DCol and Linear1DRow on 3 ranks agree with a whole layer on webgpu too",
  async () => {
    await inProcessRanks(3, async ({ group }) => {
      using device = await requestDevice({ kind: "webgpu" });
      const [numIn, numOut] = [33, 10];
      const { x, w, expected } = await wholeOutcome(device, numIn, numOut);
      using col = Linear1DCol.fromNativeModule(wholeLayer(device, numIn, numOut), {
        processGroup: group,
        gatherOutput: true,
      });
      using row = Linear1DRow.fromNativeModule(wholeLayer(device, numIn, numOut), {
        processGroup: group,
        parallelInput: false,
      });
      const own = ownOf(numOut, group);
      assertOutcome(await outcomeOf(col, x, w), {
        ...expected,
        dWeight: rows(expected.dWeight, numIn, own),
        dBias: expected.dBias.subarray(own.begin, own.end),
      });
      assertOutcome(await outcomeOf(row, x, w), {
        ...expected,
        dWeight: columns(expected.dWeight, numIn, ownOf(numIn, group)),
      });
    });
  },
);

Deno.test("replicated values have the same bits on every rank", async () => {
  const [numIn, numOut] = [33, 10];
  const outcomes = await inProcessRanks(3, async ({ group }) => {
    using device = wasmDevice();
    const { x, w } = await wholeOutcome(device, numIn, numOut);
    const options = { processGroup: group };
    using col = Linear1DCol.fromNativeModule(wholeLayer(device, numIn, numOut), options);
    using row = Linear1DRow.fromNativeModule(wholeLayer(device, numIn, numOut), options);
    const ofCol = await outcomeOf(col, x, columns(w, numOut, ownOf(numOut, group)));
    const ofRow = await outcomeOf(row, columns(x, numIn, ownOf(numIn, group)), w);
    return { dx: ofCol.dx, y: ofRow.y, dBias: ofRow.dBias };
  });
  for (const outcome of outcomes.slice(1)) {
    for (const name of ["dx", "y", "dBias"] as const) {
      assertSameBits(outcome[name], outcomes[0][name]);
    }
  }
});

Deno.test("overlap changes no bit of the gradients, with slices of dW too", async () => {
  const [numIn, numOut, numRows] = [512, 600, 256];
  await inProcessRanks(2, async ({ group }) => {
    using device = wasmDevice();
    const random = new RandomSource(4);
    const x = randomValues(numRows * numIn, random);
    const gradients: Float32Array[][] = [];
    for (const overlap of [true, false]) {
      using layer = Linear1DCol.fromNativeModule(wholeLayer(device, numIn, numOut), {
        processGroup: group,
        overlap,
      });
      using input = Tensor.from(device, x, { shape: [numRows, numIn], requiresGrad: true });
      const y = await layer.forward(input);
      using loss = sum(mul(y, y));
      await loss.backward();
      gradients.push([await input.grad!.data(), await layer.weight.grad!.data()]);
    }
    for (const [index, gradient] of gradients[0].entries()) {
      assertSameBits(gradient, gradients[1][index]);
    }
  });
});

Deno.test("Linear1DCol communicates once per backward, Linear1DRow once per forward", async () => {
  await inProcessRanks(2, async ({ group }) => {
    using device = wasmDevice();
    const options = { processGroup: group };
    using col = Linear1DCol.fromNativeModule(wholeLayer(device, 5, 6), options);
    using row = Linear1DRow.fromNativeModule(wholeLayer(device, 6, 5), options);
    using x = Tensor.from(device, randomValues(10, new RandomSource(1)), {
      shape: [2, 5],
      requiresGrad: true,
    });
    const counts = [group.counters.collectives];
    const hidden = await col.forward(x);
    counts.push(group.counters.collectives);
    using loss = sum(await row.forward(hidden));
    counts.push(group.counters.collectives);
    await loss.backward();
    counts.push(group.counters.collectives);
    // An input that requires no gradient needs no all-reduce.
    using data = Tensor.from(device, [1, 2, 3, 4, 5], { shape: [1, 5] });
    using other = sum(await col.forward(data));
    await other.backward();
    counts.push(group.counters.collectives);
    assert.deepEqual(counts.map((count) => count - counts[0]), [0, 0, 1, 2, 2]);
  });
});

Deno.test("fromNativeModule() takes the whole layer: it is released and cannot be used", async () => {
  await inProcessRanks(2, async ({ group }) => {
    using device = wasmDevice();
    for (const Parallel of [Linear1DCol, Linear1DRow]) {
      const whole = wholeLayer(device, 300, 400);
      using layer = Parallel.fromNativeModule(whole, { processGroup: group });
      using x = Tensor.from(device, new Float32Array(300));
      await assert.rejects(whole.forward(x), /released/);
      assert.throws(
        () => Parallel.fromNativeModule(whole, { processGroup: group }),
        /released/,
      );
      assert.equal(layer.weight.length, 60_000);
    }
    // The whole layers of 600 kB were released, and the halves of 240 kB were disposed of.
    assert.ok(device.statistics().liveBytes < 10_000);
  });
});

Deno.test("layers made by create() have the values of whole ones that are split", async () => {
  await inProcessRanks(3, async ({ group }) => {
    using device = wasmDevice();
    for (const Parallel of [Linear1DCol, Linear1DRow]) {
      const sizes = { inFeatures: 10, outFeatures: 7 };
      using split = Parallel.fromNativeModule(wholeLayer(device, 10, 7), { processGroup: group });
      using made = Parallel.create(device, {
        ...sizes,
        random: new RandomSource(3),
        processGroup: group,
      });
      assertSameBits(await made.weight.data(), await split.weight.data());
      assertSameBits(await made.bias!.data(), await split.bias!.data());
      assert.deepEqual(made.weight.layout, split.weight.layout);
      assert.ok((await made.weight.data()).some((value) => value !== 0));
    }
  });
});

Deno.test("a layer with fewer features than ranks is refused, and the whole layer can still be used", async () => {
  await inProcessRanks(3, async ({ group }) => {
    using device = wasmDevice();
    using narrow = wholeLayer(device, 2, 2);
    const message = /over 3 ranks as it has only 2/;
    for (const Parallel of [Linear1DCol, Linear1DRow]) {
      assert.throws(() => Parallel.fromNativeModule(narrow, { processGroup: group }), {
        name: "RangeError",
        message,
      });
    }
    using x = Tensor.from(device, [1, 2]);
    using y = await narrow.forward(x);
    assert.equal((await y.data()).length, 2);
  });
});

Deno.test("Linear1DRow without parallelInput refuses an input with wrong features on every rank", async () => {
  const messages = await inProcessRanks(3, async ({ group }) => {
    using device = wasmDevice();
    // Rank 2 has 2 of 7 features, and would have 2 of these 6.
    using layer = Linear1DRow.create(device, {
      inFeatures: 7,
      outFeatures: 4,
      random: new RandomSource(1),
      processGroup: group,
      parallelInput: false,
    });
    using x = Tensor.from(device, new Float32Array(12), { shape: [2, 6] });
    return await layer.forward(x).then(() => "", (error) => error.message);
  });
  assert.deepEqual(new Set(messages).size, 1);
  assert.match(messages[0], /wants an input of 7 features in its last dim, got \[2, 6\]/);
});
