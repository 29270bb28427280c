// Activations that are dropped after forward and computed again in backward (Chen et al. 2016, "Training deep nets with
// sublinear memory cost"): memory for N blocks is that of their N inputs and of what lies within one.
//
//   y = recompute(f)      forward    y = f(), then all that lies between y and what was there before f is released
//                         backward   y' = f() again, and backward goes on through y' as if it had been kept
//
// What f uses is found, not declared: tensors older than the call, parameters and activations alike, are the inputs of y.
// Since the graph of y' takes the place of y's, gradients add up in the order of a graph that was kept whole: the same bits.
// What a parallel layer exchanges in f is exchanged again; ranks agree on the order as they do on that of backward.

import type { AnyTensor } from "./autograd.ts";
import { keepMemory, orderSince, releaseBelow } from "./graph.ts";
import { formatShape, sameShape } from "./shape.ts";
import { numTensorsMade, type Tensor } from "./tensor.ts";

/**
 * What `forward` gives, without keeping what lies between: `forward` is called again in backward, and must compute the same
 * from the same tensors: its own, and those that were there when it was first called and have not changed. Calls may be nested.
 *
 * ```ts
 * const y = await recompute(() => block.forward(x));
 * ```
 *
 * @throws {TypeError} if `forward` makes a leaf that requires a gradient; `backward` throws one if it uses other tensors
 *   than the first time.
 */
export async function recompute(forward: () => Promise<Tensor>): Promise<Tensor> {
  const first = numTensorsMade();
  const y = await forward();
  if (y.number < first) return y;
  const { inside, outside } = orderSince(y, first);
  refuseLeaves(inside);
  keepMemory(y, inside);
  releaseBelow(y, inside);
  return y.computedBy({
    op: "recompute",
    inputs: outside,
    async again() {
      const firstAgain = numTensorsMade();
      const result = await forward();
      const graph = orderSince(result, firstAgain);
      try {
        refuseOther(result, { shape: y.shape, before: outside, now: graph.outside });
      } catch (error) {
        releaseBelow(result, graph.inside);
        result.release();
        throw error;
      }
      return { result, order: graph.inside };
    },
  });
}

function refuseLeaves(inside: readonly AnyTensor[]): void {
  const leaf = inside.find(({ node, requiresGrad }) => node === undefined && requiresGrad);
  if (leaf === undefined) return;
  throw new TypeError(
    `recompute() cannot give a gradient to a tensor of shape ${
      formatShape(leaf.shape)
    } that its function makes: ` +
      "make it before",
  );
}

function refuseOther(
  result: Tensor,
  { shape, before, now }: {
    readonly shape: readonly number[];
    readonly before: readonly AnyTensor[];
    readonly now: readonly AnyTensor[];
  },
): void {
  const [wanted, got] = [before, now].map((each) => each.filter((x) => x.requiresGrad));
  const isSame = sameShape(result.shape, shape) && wanted.length === got.length &&
    wanted.every((x, k) => x === got[k]);
  if (isSame) return;
  throw new TypeError(
    `recompute() wants its function to compute the same when it is called again: first it gave ${
      formatShape(shape)
    } from ` +
      `${wanted.length} tensors that require gradients, now ${
        formatShape(result.shape)
      } from ${got.length}, ` +
      "or others: let it depend on nothing that changes",
  );
}
