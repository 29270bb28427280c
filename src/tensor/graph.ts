// The graph of what a tensor was computed from: its topological order, which tensor releases shared memory, and the backward pass that
// goes through it.

import type { AnyTensor } from "./autograd.ts";

/** `root` and everything it was computed from, leaves included, each after its inputs. Iterative, as graphs are deep. */
export function topologicalOrder(root: AnyTensor): AnyTensor[] {
  return orderSince(root, 0).inside;
}

/** The part of a graph that was made after some moment, and the older tensors that it uses. */
export interface GraphSince {
  /** Each after its inputs; the root is the last. */
  readonly inside: AnyTensor[];
  /** In the order in which they are visited, once each. */
  readonly outside: AnyTensor[];
}

/** The graph of `root` down to tensors that are older than the one with number `first`. */
export function orderSince(root: AnyTensor, first: number): GraphSince {
  const inside: AnyTensor[] = [];
  const outside: AnyTensor[] = [];
  const seen = new Set<AnyTensor>([root]);
  const path = [{ tensor: root, next: 0 }];
  for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
    const input = top.tensor.node?.inputs[top.next++];
    if (input === undefined) {
      inside.push(top.tensor);
      path.pop();
    } else if (!seen.has(input)) {
      seen.add(input);
      if (input.number >= first) path.push({ tensor: input, next: 0 });
      else outside.push(input);
    }
  }
  return { inside, outside };
}

/** The results of ops that a `backward` is going through. */
const inBackward = new WeakSet<AnyTensor>();

/** Marks results as being gone through, until it is disposed. @throws {Error} if another `backward` is going through one */
export function lockGraph(order: readonly AnyTensor[]): Disposable {
  const results = order.filter(({ node, requiresGrad }) => node !== undefined && requiresGrad);
  const shared = results.find((result) => inBackward.has(result));
  if (shared !== undefined) {
    throw new Error(
      `Another backward() is going through ${
        shared.node!.op
      }() of shape [${shared.shape}], from which this tensor was computed, ` +
        "too, and will release it: add the losses and call backward() once, or compute twice what both are computed from",
    );
  }
  for (const result of results) inBackward.add(result);
  return {
    [Symbol.dispose]() {
      for (const result of results) inBackward.delete(result);
    },
  };
}

/** Makes `root` own its memory if it shares that of an intermediate, as a reshaped loss does, since `root` outlives it. */
export function keepMemory(root: AnyTensor, order: readonly AnyTensor[]): void {
  if (order.some((tensor) => isBelow(root, tensor) && tensor.sharesMemory(root))) root.takeMemory();
}

/** Releases every intermediate of `order` except `root`, which becomes a leaf; intermediates are results, and constants made for one. */
export function releaseBelow(root: AnyTensor, order: readonly AnyTensor[]): void {
  for (const tensor of order) {
    if (isBelow(root, tensor)) tensor.release();
  }
  root.forgetGraph();
}

function isBelow(root: AnyTensor, tensor: AnyTensor): boolean {
  return tensor !== root && (tensor.node !== undefined || tensor.isReleasedWithGraph);
}
