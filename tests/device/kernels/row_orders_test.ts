import { mergeRuns, rowExtremes, runningSums } from "../../reference/row_orders.ts";
import { checkKernel } from "../../support/device/checked_kernel.ts";
import { ODD_SHAPES, type RandomValues } from "../../support/device/random_values.ts";

const SHAPES = [...ODD_SHAPES, [2, 1031] as const];

/** Values with equal ones, zeros of both signs, infinities and NaN. */
function withTies(random: RandomValues, length: number): Float32Array<ArrayBuffer> {
  const rare = [-0, 0, Infinity, -Infinity, NaN];
  return Float32Array.from(
    random.signed(length, 4),
    (x, i) => i % 17 === 3 ? rare[Math.floor(i / 17) % 5]! : Math.round(2 * x) / 2,
  );
}

checkKernel("row_extremes", {
  reference: rowExtremes,
  tolerance: {},
  cases: (random) =>
    [0, 1].flatMap((smallest) =>
      SHAPES.filter(([, cols]) => cols > 0).map(([rows, cols]) => ({
        operands: {
          x: withTies(random, rows * cols),
          values: random.signed(rows + 1),
          indices: random.indices(rows + 1, 9),
        },
        params: { rows, cols, smallest },
      }))
    ),
});

checkKernel("running_sums", {
  reference: runningSums,
  tolerance: { ofLargest: 1e-6 },
  cases: (random) =>
    [0, 1].flatMap((backwards) =>
      SHAPES.map(([rows, cols]) => ({
        operands: { x: random.signed(rows * cols), out: random.signed(rows * cols + 1) },
        params: { rows, cols, backwards },
      }))
    ),
});

checkKernel("merge_runs", {
  reference: mergeRuns,
  tolerance: {},
  cases: (random) =>
    [0, 1].flatMap((descending) =>
      SHAPES.flatMap(([rows, cols]) =>
        [1, 4, 64].map((run) => {
          const x = withTies(random, rows * cols);
          const shorter = Float64Array.from(x);
          const sorted = new Float64Array(rows * cols);
          // Runs of length `run` in order, as passes before this one leave them.
          for (let length = 1; length < run; length *= 2) {
            const before = sorted.slice();
            mergeRuns({ x: shorter, sorted: before, out: sorted }, {
              rows,
              cols,
              run: length,
              descending,
            });
          }
          return {
            operands: {
              x,
              sorted: Uint32Array.from(sorted),
              out: random.indices(rows * cols + 1, 9),
            },
            params: { rows, cols, run, descending },
          };
        })
      )
    ),
});
