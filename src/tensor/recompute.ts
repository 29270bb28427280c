// Activation checkpointing: activations are released after forward and computed again in backward (Chen et al. 2016, "Training deep
// nets with sublinear memory cost"). N blocks need the memory of their N inputs and of the activations within one block.
//
//   y = recompute(f)      forward    y = f(), then all intermediates between y and tensors older than the call are released
//                         backward   y' = f() again, and backward goes on through y' as if it had been kept
//
// The inputs of f are found, not declared: tensors older than the call, parameters and activations alike, are the inputs of y. Since
// the graph of y' replaces that of y, gradients are added in the same order as without recomputation: the same bits. Collectives of
// parallel layers in f run again; ranks agree on their order as they do on that of backward.

import { kindOf, requireFunction } from "./argument_checks.ts";
import type { AnyTensor } from "./autograd.ts";
import { keepMemory, orderSince, releaseBelow } from "./graph.ts";
import { tidy } from "./scope.ts";
import { formatShape, sameShape } from "./shape.ts";
import { repeatedly } from "./training_scope.ts";
import { numTensorsMade, Tensor } from "./tensor.ts";

/**
 * Returns the result of `forward` without keeping its intermediates: `forward` is called again in backward. It must then compute the
 * same from the same tensors: those that it makes itself, and those that existed when it was first called and have not changed.
 * Calls may be nested.
 *
 * @throws {TypeError} if `forward` makes a leaf that requires a gradient; `backward` throws one if it uses other tensors than the
 *   first time.
 *
 * @example
 * ```ts
 * import { gelu, mul, recompute, requestDevice, sum, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2, 3], { requiresGrad: true });
 * const y = await recompute(() => Promise.resolve(gelu(mul(x, x))));
 * using loss = sum(y);
 * await loss.backward(); // computes mul() and gelu() again
 * console.log(await x.grad?.data());
 * ```
 *
 * @category Tensors
 */
export async function recompute(forward: () => Promise<Tensor>): Promise<Tensor> {
  requireFunction("recompute()", forward, "recompute(() => block.forward(x))");
  const first = numTensorsMade();
  const y = await tidy(forward);
  if (!(y instanceof Tensor)) {
    throw new TypeError(`recompute() wants a function that returns a tensor, got ${kindOf(y)}`);
  }
  const forwardAgain = repeatedly(forward);
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
      const result = await tidy(forwardAgain);
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
    } that its function makes: make it before`,
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
    "recompute() needs a function that computes the same when it is called again: first it returned " +
      `${formatShape(shape)} from ${wanted.length} tensors that require gradients, now ${
        formatShape(result.shape)
      } from ${got.length}, or from others: it must depend on nothing that changes`,
  );
}
