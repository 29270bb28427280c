import assert from "node:assert/strict";
import { wasmDevice } from "../../src/device/wasm.ts";
import { judgeKernel, type KernelCase, runOnDevice } from "./judged_kernel.ts";
import { ODD_LENGTHS, RandomValues } from "./random_values.ts";

// [batch, rows, cols], and offsets that are no multiples of 4.
const BLOCKS = [
  [0, 3, 5],
  [1, 0, 5],
  [1, 5, 0],
  [1, 1, 1],
  [1, 1, 65],
  [1, 67, 1],
  [1, 33, 65],
  [1, 5, 521],
  [2, 7, 3],
  [3, 64, 63],
  [5, 2, 130],
] as const;
const GRAD_OFFSET = 5;
const PARAM_OFFSET = 7;

judgeKernel("adafactor_stats", {
  tolerance: { relative: 1e-6 },
  cases: (random) =>
    BLOCKS.map(([batch, rows, cols]) => {
      const slots = sumSlots(batch, rows, cols);
      return {
        operands: {
          grad: random.signed(GRAD_OFFSET + batch * rows * cols + 1),
          sums: random.signed(slots.end),
        },
        params: { gradOffset: GRAD_OFFSET, batch, rows, cols, ...slots.params },
      };
    }),
});

judgeKernel("adafactor_guard", {
  tolerance: {},
  cases: (random) =>
    ODD_LENGTHS.flatMap((length) =>
      [0, NaN, Infinity, -Infinity, 3e38].flatMap((value) =>
        // Within the range, just before it and just after it.
        [2 + Math.floor(length / 2), 1, 2 + length].map((at) => {
          const sums = random.signed(length + 5);
          sums[at] = value;
          return { operands: { sums, guard: Uint32Array.of(7) }, params: { offset: 2, length } };
        })
      )
    ),
});

judgeKernel("adafactor_gradient_scale", {
  tolerance: { relative: 1e-6 },
  cases: (random) =>
    [0, 1, 5, 256, 1000].flatMap((length) =>
      [1e-3, 1e9].flatMap((maxNorm) =>
        [1e-20, 1, 1e36].map((size) => ({
          operands: { sums: random.positive(length + 5).map((square) => size * square) },
          params: { offset: 2, length, slot: 1, factor: 0.25, maxNorm },
        }))
      )
    ),
});

judgeKernel("adafactor_moments", {
  tolerance: { relative: 2e-6 },
  cases: (random) =>
    BLOCKS.flatMap(([batch, rows, cols]) =>
      momentsVariants().map(({ guard, factor, ...variant }): KernelCase<"adafactor_moments"> => {
        const slots = sumSlots(batch, rows, cols);
        return {
          operands: {
            sums: random.positive(slots.end).map((sum) => factor * sum),
            guard: Uint32Array.of(guard),
            moments: random.positive(batch * (rows + cols + 1) + 2),
            factors: random.positive(batch * (rows + cols) + 3),
          },
          params: {
            ...{ batch, rows, cols, ...slots.params },
            globalRows: 2 * rows + 1,
            globalCols: 3 * cols + 1,
            gradientScale: 2,
            ...variant,
          },
        };
      })
    ),
});

judgeKernel("adafactor_update_squares", {
  tolerance: { relative: 1e-6 },
  cases: (random) =>
    BLOCKS.map(([batch, rows, cols]) => ({
      operands: {
        grad: random.signed(GRAD_OFFSET + batch * rows * cols),
        factors: random.positive(batch * (rows + cols) + 1),
        sums: random.signed(9),
      },
      params: { gradOffset: GRAD_OFFSET, batch, rows, cols, slot: 4 },
    })),
});

judgeKernel("adafactor_apply", {
  tolerance: { relative: 1e-6, ofLargest: 1e-6 },
  cases: (random) =>
    BLOCKS.flatMap((block) =>
      applyVariants().map((variant) => applyCase(random, { block, ...variant }))
    ),
});

judgeKernel("adafactor_apply_momentum", {
  tolerance: { relative: 1e-6, ofLargest: 1e-6 },
  cases: (random) =>
    BLOCKS.flatMap((block) =>
      applyVariants().map((variant) => {
        const { operands, params } = applyCase(random, { block, ...variant });
        const momentum = random.signed(block[0] * block[1] * block[2] + 3);
        const rates = { beta1: 0.9, rateAfterMomentum: block[1] % 2 };
        return { operands: { ...operands, momentum }, params: { ...params, ...rates } };
      })
    ),
});

judgeKernel("adafactor_momentum", {
  tolerance: { relative: 1e-6, ofLargest: 1e-6 },
  cases: (random) =>
    BLOCKS.flatMap((block) =>
      applyVariants().map((variant) => {
        const { operands, params } = applyCase(random, { block, ...variant });
        const { param: _, ...others } = operands;
        const {
          paramOffset: _p,
          nextParamSquares: _n,
          weightDecay: _w,
          absoluteDecay: _a,
          ...rest
        } = params;
        const momentum = random.signed(block[0] * block[1] * block[2] + 3);
        const rates = { beta1: 0.9, rateAfterMomentum: block[1] % 2 };
        return { operands: { ...others, momentum }, params: { ...rest, ...rates, aligned: 4 } };
      })
    ),
});

judgeKernel("adafactor_apply_cautious", {
  tolerance: { relative: 1e-6, ofLargest: 1e-6 },
  cases: (random) =>
    BLOCKS.flatMap((block) =>
      applyVariants().map((variant) => {
        const { operands, params } = applyCase(random, { block, ...variant });
        const count = block[0] * block[1] * block[2];
        const momentum = random.signed(count + 3);
        const sums = operands.sums.slice();
        sums[4] = 0.6 * count;
        const rates = { rateAfterMomentum: block[1] % 2, aligned: 4 };
        return { operands: { ...operands, momentum, sums }, params: { ...params, ...rates } };
      })
    ),
});

Deno.test("adafactor_stats on wasm keeps a relative error of 1e-6 over 16M elements", async () => {
  using device = wasmDevice();
  const cols = 512;
  const rows = 2 ** 24 / cols;
  const grad = new RandomValues(1).positive(rows * cols);
  const { sums } = await runOnDevice(device, "adafactor_stats", {
    operands: { grad, sums: new Float32Array(rows + cols + 1) },
    params: {
      ...{ gradOffset: 0, batch: 1, rows, cols },
      ...{ rowSums: 0, colSums: rows, total: rows + cols },
    },
  });
  const want = new Float64Array(rows + cols + 1);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < cols; j++) {
      const square = grad[i * cols + j]! ** 2;
      want[i]! += square;
      want[rows + j]! += square;
      want[rows + cols]! += square;
    }
  }
  const worst = want.reduce((max, sum, i) => Math.max(max, Math.abs(sums![i]! / sum - 1)), 0);
  assert.ok(worst <= 1e-6, `relative error ${worst}`);
});

/** Where the sums of a block lie, with gaps between them. */
function sumSlots(batch: number, rows: number, cols: number) {
  const rowSums = 3;
  const colSums = rowSums + batch * rows + 2;
  const total = colSums + batch * cols + 1;
  return { params: { rowSums, colSums, total }, end: total + batch + 2 };
}

/** Guarded or not; eps inside the squares, or as floors; sums of no gradients at all. */
function momentsVariants() {
  const plain = {
    ...{ keep: 0.7, take: 0.3, eps1: 1e-30, meanFloor: 0, factorCap: 1e37 },
    ...{ guard: 0, factor: 1 },
  };
  return [
    plain,
    { ...plain, guard: 1 },
    { ...plain, eps1: 0, meanFloor: 5, factorCap: 0.2 },
    { ...plain, keep: 0, take: 1, eps1: 0, factor: 0, factorCap: 1 },
  ];
}

/** Clipped and not, scaled by the parameter, by the floor and not at all, decayed or not, guarded. */
function applyVariants() {
  const plain = {
    ...{ rate: 0.01, clipThreshold: 1, weightDecay: 0, absoluteDecay: 0 },
    ...{ scaleParameter: 0, scaleFloor: 1e-3, scaleCeiling: 1e30, guard: 0 },
  };
  return [
    plain,
    { ...plain, scaleParameter: 1, weightDecay: 0.1 },
    { ...plain, scaleParameter: 1, scaleFloor: 20 },
    { ...plain, scaleParameter: 1, scaleCeiling: 0.5, absoluteDecay: 0.2 },
    { ...plain, rate: -0.01, weightDecay: -0.1 },
    { ...plain, clipThreshold: 100 },
    { ...plain, guard: 1 },
  ];
}

function applyCase(
  random: RandomValues,
  { block, guard, ...variant }: ReturnType<typeof applyVariants>[number] & {
    readonly block: readonly [batch: number, rows: number, cols: number];
  },
): KernelCase<"adafactor_apply"> {
  const [batch, rows, cols] = block;
  const count = batch * rows * cols;
  const sums = random.signed(9);
  sums[2] = 9 * (count + 1);
  sums[6] = 4 * (count + 1);
  return {
    operands: {
      grad: random.signed(GRAD_OFFSET + count + 1),
      factors: random.positive(batch * (rows + cols) + 1),
      guard: Uint32Array.of(guard),
      param: random.signed(PARAM_OFFSET + count + 2),
      sums,
    },
    params: {
      ...{ gradOffset: GRAD_OFFSET, paramOffset: PARAM_OFFSET, batch, rows, cols },
      ...{ updateSquares: 2, paramSquares: 6, nextParamSquares: 6, count: count + 1 },
      ...variant,
    },
  };
}
