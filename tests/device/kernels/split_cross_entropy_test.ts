import { splitCrossEntropy, splitSoftmax } from "../../reference/split_cross_entropy.ts";
import { checkKernel, type KernelCase } from "../../support/device/checked_kernel.ts";
import type { RandomValues } from "../../support/device/random_values.ts";

// [rows, cols, classes that count, first class, largest logit]; the last but one has pads alone.
const SIZES = [
  [0, 5, 5, 0, 1],
  [1, 1, 1, 0, 1],
  [3, 63, 61, 7, 2],
  [65, 64, 64, 64, 4],
  [4, 3, 0, 12, 1],
  [7, 1257, 1250, 2514, 300],
] as const;
const IGNORE_INDEX = 0xffffffff;

checkKernel("split_softmax", {
  reference: splitSoftmax,
  tolerance: { relative: 1e-6, ofLargest: 1e-6 },
  cases: (random) =>
    SIZES.map(([rows, cols, numClasses, firstClass, largest]) => ({
      operands: {
        logits: random.signed(rows * cols, largest),
        targets: targetsNear(random, { rows, cols, firstClass }),
        exps: random.signed(rows * cols),
        statistics: random.signed(3 * rows),
      },
      params: { rows, cols, firstClass, numClasses },
    })),
});

checkKernel("split_cross_entropy", {
  reference: splitCrossEntropy,
  tolerance: { relative: 2e-6, ofLargest: 1e-6 },
  cases: (random) =>
    SIZES.flatMap(([rows, cols, numClasses, firstClass, largest]) =>
      [1, 4].map((ranks): KernelCase<"split_cross_entropy"> => ({
        operands: {
          statistics: statisticsOf(random, { count: ranks * rows, largest }),
          targets: targetsNear(random, { rows, cols, firstClass }),
          losses: random.signed(rows),
          dlogits: random.signed(rows * cols).map(Math.abs),
        },
        params: {
          rows,
          cols,
          firstClass,
          numClasses,
          ranks,
          rank: ranks - 1,
          gradScale: 0.3,
          ignored: IGNORE_INDEX,
        },
      }))
    ),
});

/** Classes here, before and beyond; some are ignored. */
function targetsNear(
  random: RandomValues,
  { rows, cols, firstClass }: Record<"rows" | "cols" | "firstClass", number>,
): Uint32Array<ArrayBuffer> {
  return random.indices(rows, 3 * cols).map((index, r) =>
    r % 5 === 4 ? IGNORE_INDEX : Math.max(firstClass + index - cols, 0)
  );
}

/** Largest logits, sums of exponentials (one of a rank without classes) and the target's logits. */
function statisticsOf(
  random: RandomValues,
  { count, largest }: { readonly count: number; readonly largest: number },
): Float32Array<ArrayBuffer> {
  const values = random.signed(3 * count, largest);
  for (let k = 0; k < count; k++) {
    const isEmpty = count > 1 && k === 0;
    if (isEmpty) values[3 * k] = -3.4028234663852886e38;
    values[3 * k + 1] = isEmpty ? 0 : 1 + Math.abs(values[3 * k + 1]);
  }
  return values;
}
