// Examples that are spread evenly over others, for evaluations that are not to take long.

import type { DrawnExample, Examples } from "../task.ts";

/** So many examples that they have about `maxTokens` tokens, and one at least; all of them if that is enough, or they have no tokens. */
export function someExamples<Batch extends Disposable>(
  examples: Examples<Batch>,
  { maxTokens }: { readonly maxTokens: number },
): Examples<Batch> {
  const { length, numTokens } = examples;
  if (numTokens === undefined) return examples;
  let total = 0;
  for (let index = 0; index < length; index++) total += numTokens({ index, epoch: 0 });
  if (total <= maxTokens) return examples;
  const count = Math.max(1, Math.floor(length * maxTokens / total));
  const chosen = ({ index, epoch }: DrawnExample) => ({
    index: Math.floor(index * length / count),
    epoch,
  });
  return {
    length: count,
    numTargets: (example) => examples.numTargets(chosen(example)),
    numTokens: (example) => numTokens(chosen(example)),
    batch: (device, drawn, step) => examples.batch(device, drawn.map(chosen), step?.map(chosen)),
    digest: async () => `${await examples.digest()} ${count} of ${length}`,
  };
}
