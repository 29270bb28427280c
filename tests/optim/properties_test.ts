// Properties of Adafactor's update that hold for any gradient.

import assert from "node:assert/strict";
import fc from "fast-check";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { Adafactor } from "../../src/optim/adafactor.ts";
import type { OptimizerOptions } from "../../src/optim/options/parameter_groups.ts";
import { presets } from "../../src/optim/options/presets.ts";
import { Parameter } from "../../src/tensor/parameter.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertClose } from "../support/assert_close.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";

const STEPS = 3;
const PLAIN: OptimizerOptions = { lr: 1, scaleParameter: false };

/** What was added to a parameter of zeros by steps with these gradients. */
async function update(
  gradients: readonly (readonly number[])[],
  { shape, options = PLAIN }: {
    readonly shape: readonly number[];
    readonly options?: OptimizerOptions;
  },
): Promise<Float32Array> {
  using device = wasmDevice();
  using parameter = new Parameter(device, new Float32Array(gradients[0].length), { shape });
  using optim = new Adafactor([parameter], options);
  for (const gradient of gradients) {
    parameter.grad = Tensor.from(device, gradient, { shape });
    await optim.step();
  }
  return await parameter.data();
}

function assertNear(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  relative: number,
): void {
  assertClose(actual, expected, { ofLargest: relative });
}

/** Rows, columns, and the gradients of three steps, some of whose rows and elements are zero. */
const matrices = fc.record({
  rows: fc.integer({ min: 1, max: 9 }),
  cols: fc.integer({ min: 1, max: 9 }),
})
  .chain(({ rows, cols }) => {
    const element = fc.oneof(
      { weight: 5, arbitrary: fc.integer({ min: -1000, max: 1000 }).map((x) => x / 100) },
      { weight: 1, arbitrary: fc.constant(0) },
    );
    const row = fc.oneof(
      { weight: 4, arbitrary: fc.array(element, { minLength: cols, maxLength: cols }) },
      { weight: 1, arbitrary: fc.constant(new Array<number>(cols).fill(0)) },
    );
    const matrix = fc.array(row, { minLength: rows, maxLength: rows }).map((each) => each.flat());
    const gradients = fc.array(matrix, { minLength: STEPS, maxLength: STEPS });
    return fc.record({ rows: fc.constant(rows), cols: fc.constant(cols), gradients });
  });

const OPTIONS: Readonly<Record<string, OptimizerOptions>> = {
  "the paper's options": PLAIN,
  "torch's": { ...presets.torch, lr: 1 },
  "torch's with a tiny eps": { ...presets.torch, lr: 1, eps: [1e-30, 1e-3] },
  "no eps": { ...PLAIN, eps: [0, 1e-3] },
};

for (const [name, options] of Object.entries(OPTIONS)) {
  Deno.test(`the update of a transposed gradient is the update transposed, with ${name}`, async () => {
    await fc.assert(
      fc.asyncProperty(matrices, async ({ rows, cols, gradients }) => {
        const transposed = gradients.map((gradient) => transpose(gradient, { rows, cols }));
        const direct = await update(gradients, { shape: [rows, cols], options });
        const other = await update(transposed, { shape: [cols, rows], options });
        assertNear(transpose([...other], { rows: cols, cols: rows }), direct, 1e-5);
      }),
      { numRuns: 60 },
    );
  });

  Deno.test(`no gradient gives NaN, and elements with zero gradients do not move, with ${name}`, async () => {
    await fc.assert(
      fc.asyncProperty(matrices, async ({ rows, cols, gradients }) => {
        const moved = await update(gradients, { shape: [rows, cols], options });
        for (const [k, value] of moved.entries()) {
          assert.ok(Number.isFinite(value), `[${k}]: ${value}`);
          if (gradients.every((gradient) => gradient[k] === 0)) assert.equal(Math.abs(value), 0);
        }
      }),
      { numRuns: 60 },
    );
  });
}

Deno.test("a gradient's scale from 1e-12 to 1e4 leaves the update as it is", async () => {
  const gradients = [1, 2, 3].map((step) =>
    // None is near zero: against eps1 = 1e-30 the square of 1e-12 is large, that of 1e-15 is not.
    Array.from({ length: 35 }, (_, k) => (k % 3 === 0 ? 1 : -1) * (1.5 + Math.sin(step + k)))
  );
  for (const shape of [[5, 7], [35]]) {
    const expected = await update(gradients, { shape });
    for (let exponent = -12; exponent <= 4; exponent++) {
      const scaled = gradients.map((gradient) => gradient.map((g) => g * 10 ** exponent));
      assertNear(await update(scaled, { shape }), expected, 2e-5);
    }
  }
});

Deno.test("where squared gradients have rank one, factoring is exact: the first update is the sign", async () => {
  const positive = fc.double({ min: 0.01, max: 100, noNaN: true });
  const factors = fc.record({
    rows: fc.array(positive, { minLength: 1, maxLength: 9 }),
    cols: fc.array(positive, { minLength: 1, maxLength: 9 }),
  });
  await fc.assert(
    fc.asyncProperty(factors, async ({ rows, cols }) => {
      const gradient = rows.flatMap((r, i) =>
        cols.map((c, j) => (i + j) % 2 === 0 ? r * c : -r * c)
      );
      const moved = await update([gradient], { shape: [rows.length, cols.length] });
      assertNear(moved, gradient.map((g) => -Math.sign(g)), 1e-5);
    }),
    { numRuns: 100 },
  );
});

Deno.test("clipping scales a large update down to its threshold and leaves a small one alone", async () => {
  const rms = (values: Float32Array) => Math.hypot(...values) / Math.sqrt(values.length);
  const gradient = Array.from({ length: 35 }, (_, k) => Math.sin(0.7 * k) * (1 + k % 5));
  const withThreshold = (clipThreshold: number | "none") =>
    update([gradient], { shape: [5, 7], options: { ...PLAIN, clipThreshold } });
  const free = await withThreshold("none");
  assert.ok(rms(free) > 0.5 && rms(free) < 5, `${rms(free)}`);
  assert.ok(Math.abs(rms(await withThreshold(0.1)) - 0.1) <= 1e-6);
  assertNear(await withThreshold(0.1), free.map((u) => u * 0.1 / rms(free)), 1e-5);
  assertSameBits(await withThreshold(100), free);
});

Deno.test("a cautious step moves nothing against its gradient, and by as much on average", async () => {
  const gradients = [1, 2, 3].map((step) =>
    Array.from({ length: 35 }, (_, k) => Math.cos(step * k) + 0.1)
  );
  const options = { ...PLAIN, beta1: 0.9 };
  const at = async (steps: number, cautious: boolean) =>
    await update(gradients.slice(0, steps), { shape: [5, 7], options: { ...options, cautious } });
  const [before, after] = [await at(2, true), await at(3, true)];
  const moved = after.map((value, k) => value - before[k]);
  const stood = moved.filter((change) => change === 0).length;
  assert.ok(stood > 3 && stood < 32, `${stood} of 35 stood still`);
  assert.ok(moved.every((change, k) => change * gradients[2][k] <= 0));
  // What moves is the momentum of a step that is not cautious, scaled up by how many stood still; the first step's
  // momentum is aligned everywhere, so that both have the same before the second.
  const [first, plain] = [await at(1, false), await at(2, false)];
  assertSameBits(await at(1, true), first);
  const second = before.map((value, k) => value - first[k]);
  const still = second.filter((change) => change === 0).length;
  for (const [k, change] of second.entries()) {
    if (change === 0) continue;
    const expected = (plain[k] - first[k]) * 35 / (35 - still);
    assert.ok(Math.abs(change - expected) <= 1e-6, `[${k}]: wanted ${expected}, got ${change}`);
  }
});

Deno.test("maximize steps exactly the other way", async () => {
  const gradient = Array.from({ length: 35 }, (_, k) => Math.sin(0.7 * k));
  for (const momentumOf of ["step", "update"] as const) {
    const options = { ...PLAIN, beta1: 0.5, momentumOf };
    const down = await update([gradient, gradient], { shape: [5, 7], options });
    const up = await update([gradient, gradient], {
      shape: [5, 7],
      options: { ...options, maximize: true },
    });
    assert.ok(up.every((value, k) => value === -down[k]));
    assert.ok(down.some((value) => value !== 0));
  }
});

Deno.test("elements at the cap of factors stay finite uphill and by a step of 0, in every storage type", async () => {
  using device = wasmDevice();
  // A row, a column and elements without gradients, whose factors are as large as torch's eps lets them be.
  const gradient = Float32Array.from(
    { length: 80 },
    (_, k) => k < 16 || k % 16 === 3 ? 0 : Math.sin(0.7 * k),
  );
  for (const dtype of ["f32", "f16", "bf16"] as const) {
    for (const weightDecay of [0, 0.1]) {
      const after = async (options: OptimizerOptions) => {
        using parameter = new Parameter(device, new Float32Array(80), { shape: [5, 16], dtype });
        using optim = new Adafactor([parameter], { ...presets.torch, weightDecay, ...options });
        for (let step = 1; step <= 3; step++) {
          parameter.grad = Tensor.from(device, gradient, { shape: [5, 16], dtype });
          await optim.step();
        }
        return await parameter.data();
      };
      const [down, up] = [await after({ lr: 0.5 }), await after({ lr: 0.5, maximize: true })];
      assert.ok(down.every((value, k) => Number.isFinite(value) && value === -up[k]));
      assert.ok(down.some((value) => value !== 0));
      assert.ok((await after({ lr: 0 })).every((value) => value === 0));
    }
  }
});

function transpose(values: readonly number[], { rows, cols }: { rows: number; cols: number }) {
  return Array.from(
    { length: rows * cols },
    (_, k) => values[(k % rows) * cols + Math.floor(k / rows)],
  );
}
