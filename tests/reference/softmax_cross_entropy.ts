// losses[r] = logsumexp(x[r, :]) - x[r, target];  dx[r, c] = gradScale (softmax(x[r, :])[c] - [c = target]); 0 where the
// target is `ignored`.

import type { Reference } from "./reference.ts";

export const softmaxCrossEntropy: Reference<"softmax_cross_entropy"> = (
  { logits, targets, losses, dlogits },
  { rows, cols, gradScale, ignored },
) => {
  for (let r = 0; r < rows; r++) {
    const row = logits.subarray(r * cols, (r + 1) * cols);
    const target = targets[r]!;
    if (target === ignored) {
      losses[r] = 0;
      dlogits.fill(0, r * cols, (r + 1) * cols);
      continue;
    }
    let max = -Infinity;
    for (const x of row) max = Math.max(max, x);
    let sum = 0;
    for (const x of row) sum += Math.exp(x - max);
    losses[r] = Math.log(sum) + max - row[target]!;
    for (let c = 0; c < cols; c++) {
      const probability = Math.exp(row[c]! - max) / sum;
      dlogits[r * cols + c] = gradScale * (probability - (c === target ? 1 : 0));
    }
  }
};
