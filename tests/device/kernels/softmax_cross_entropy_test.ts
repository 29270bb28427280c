import { softmaxCrossEntropy } from "../../reference/softmax_cross_entropy.ts";
import { checkKernel, type KernelCase } from "../../support/device/checked_kernel.ts";

// [rows, cols, largest logit]: large logits would overflow an exponential that is not shifted.
const SIZES = [[0, 5, 1], [1, 1, 1], [3, 63, 2], [65, 64, 4], [7, 257, 300], [64, 256, 8]] as const;

const NO_CLASS = 0xffffffff;

checkKernel("softmax_cross_entropy", {
  reference: softmaxCrossEntropy,
  tolerance: { relative: 1e-6, ofLargest: 1e-6 },
  cases: (random) =>
    SIZES.flatMap(([rows, cols, scale]) =>
      // No row, the rows of one class, and rows with a target that is no class.
      [NO_CLASS, 0, NO_CLASS - 1].map((ignored): KernelCase<"softmax_cross_entropy"> => ({
        operands: {
          logits: random.signed(rows * cols, scale),
          targets: random.indices(rows, cols).map((target) =>
            ignored === NO_CLASS - 1 && target % 2 === 0 ? ignored : target
          ),
          losses: random.signed(rows),
          dlogits: random.signed(rows * cols),
        },
        params: { rows, cols, gradScale: 0.3, ignored },
      }))
    ),
});
