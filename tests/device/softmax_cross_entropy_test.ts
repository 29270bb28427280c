import { judgeKernel, type KernelCase } from "./judged_kernel.ts";

// [rows, cols, largest logit]: large logits would overflow an exponential that is not shifted.
const SIZES = [[0, 5, 1], [1, 1, 1], [3, 63, 2], [65, 64, 4], [7, 257, 300], [64, 256, 8]] as const;

judgeKernel("softmax_cross_entropy", {
  tolerance: { relative: 1e-6, ofLargest: 1e-6 },
  cases: (random) =>
    SIZES.map(([rows, cols, scale]): KernelCase<"softmax_cross_entropy"> => ({
      operands: {
        logits: random.signed(rows * cols, scale),
        targets: random.indices(rows, cols),
        losses: random.signed(rows),
        dlogits: random.signed(rows * cols),
      },
      params: { rows, cols, gradScale: 0.3 },
    })),
});
