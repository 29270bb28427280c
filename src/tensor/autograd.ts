// Reverse-mode differentiation: each op result remembers the node that made it, its inputs and its gradient function.
// There is no tape: the graph hangs on its result, and goes when the result goes.
//
//   y = op(x1, x2)        backward from L:  dy = dL/dy,  gradient(dy) = [dL/dx1, dL/dx2]
//
// `backward` visits tensors in reverse topological order, so that dy is complete before it is used; the order is a pure
// function of the graph, so ranks that build the same graph run their collectives in the same order. A gradient
// function that crosses the wire is a promise, and awaited.
//
// Who owns memory. Leaves (parameters, and tensors made from data) are their maker's. What an op returns is an
// intermediate of all that is computed from it:
//
//   backward from a tensor, or disposing it, releases every intermediate it was computed from; leaves stay.
//
// The tensor itself, such as the loss, is its holder's: `using loss = ...`. So two losses over one trunk are added
// before `backward`, and a value that is wanted later is read before. Using a released tensor throws. A gradient lives
// until it is used; at the end those of the leaves are added to `leaf.grad`: all, or none if anything threw.

import type { DType } from "./dtype.ts";
// Only the type: tensor.ts imports this file for `Tensor.backward`.
import type { Tensor } from "./tensor.ts";

/** A tensor of any element type. */
export type AnyTensor = Tensor<DType>;

/** dL/dx for every wanted input, at its place; the others may be undefined. */
export type Gradients = readonly (Tensor | undefined)[];

/**
 * Takes dL/dy to dL/dx for the inputs with `wanted[i]`; for others it must do no work. `dy` is the function's: it may
 * write into it, or return it or an alias of it as a gradient. What it returns is the caller's.
 */
export type GradientFunction = (
  dy: Tensor,
  wanted: readonly boolean[],
) => Gradients | Promise<Gradients>;

/** How a tensor was computed. */
export interface GraphNode {
  /** Name of the op, for messages. */
  readonly op: string;
  /** Operands, in the order of the gradients. */
  readonly inputs: readonly AnyTensor[];
  /** From the result's gradient to the operands'. */
  readonly gradient: GradientFunction;
  /** Tensors that are kept for the gradient function only. */
  readonly saved?: readonly Tensor[];
}

/**
 * Adds d(root)/d(leaf) to `grad` of every leaf that requires it, and releases every intermediate.
 *
 * @param root A scalar (one element) that was computed from such a leaf.
 * @throws {RangeError} if `root` has more than one element.
 * @throws {Error} if nothing that `root` was computed from requires a gradient, or `backward` ran from it before.
 */
export async function backward(root: Tensor): Promise<void> {
  checkRoot(root);
  const order = topologicalOrder(root);
  order.forEach((tensor) => tensor.checkUsable());
  keepMemory(root, order);
  const gradients = new Map<AnyTensor, Tensor>([[root, root.filledLike(1)]]);
  try {
    for (const y of order.toReversed()) {
      if (!y.requiresGrad || y.node === undefined) continue;
      await passGradient(y as Tensor, y.node, gradients);
      if (y !== root) y.release();
    }
    for (const [leaf, gradient] of gradients) {
      gradients.delete(leaf);
      (leaf as Tensor).addGradient(gradient);
    }
  } finally {
    for (const gradient of gradients.values()) gradient.release();
    releaseBelow(root, order);
  }
}

/** Releases every intermediate that `root` was computed from; not `root`, and no leaf. */
export function releaseIntermediates(root: AnyTensor): void {
  const order = topologicalOrder(root);
  keepMemory(root, order);
  releaseBelow(root, order);
}

function checkRoot(root: Tensor): void {
  if (root.length !== 1) {
    throw new RangeError(
      `backward() wants a scalar, got a tensor of shape [${root.shape}]: take its sum() or mean() first`,
    );
  }
  if (!root.requiresGrad) {
    throw new Error(
      "backward() found nothing to differentiate: nothing that this tensor was computed from requires a gradient, " +
        "or backward() has run from it before (compute it again)",
    );
  }
}

/** Calls the gradient function of `y` and adds what it gives to the inputs' gradients so far. */
async function passGradient(
  y: Tensor,
  { op, inputs, gradient }: GraphNode,
  gradients: Map<AnyTensor, Tensor>,
): Promise<void> {
  const dy = gradients.get(y)!;
  const wanted = inputs.map((input) => input.requiresGrad);
  const results = await gradient(dy, wanted);
  gradients.delete(y);
  const dInputs = inputs.map((input, i) => wanted[i] ? fitting(results[i], input, op) : undefined);
  const separate = separateMemory(dInputs);
  for (const [i, dx] of separate.entries()) {
    if (dx === undefined) continue;
    const sum = gradients.get(inputs[i]);
    if (sum === undefined) gradients.set(inputs[i], dx);
    else sum.accumulate(dx);
  }
  if (!separate.includes(dy)) dy.release();
}

/** Gradients may lie in one memory, as d(a + b) is dy twice: the first of them keeps it, the others become copies. */
function separateMemory(gradients: Gradients): Gradients {
  const owners: Tensor[] = [];
  return gradients.map((gradient) => {
    if (gradient === undefined) return undefined;
    if (owners.some((owner) => owner.sharesMemory(gradient))) return gradient.copy();
    gradient.takeMemory();
    owners.push(gradient);
    return gradient;
  });
}

function fitting(dx: Tensor | undefined, x: AnyTensor, op: string): Tensor {
  if (dx === undefined || `${dx.shape}` !== `${x.shape}`) {
    throw new TypeError(
      `The gradient function of ${op} must give an input of shape [${x.shape}] a gradient of that shape, ` +
        `and gave ${dx === undefined ? "none" : `[${dx.shape}]`}`,
    );
  }
  return dx;
}

/** `root` and all that it was computed from, leaves included, each after its inputs. Iterative, as graphs are deep. */
function topologicalOrder(root: AnyTensor): AnyTensor[] {
  const order: AnyTensor[] = [];
  const seen = new Set<AnyTensor>([root]);
  const path = [{ tensor: root, next: 0 }];
  for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
    const input = top.tensor.node?.inputs[top.next++];
    if (input === undefined) {
      order.push(top.tensor);
      path.pop();
    } else if (!seen.has(input)) {
      seen.add(input);
      path.push({ tensor: input, next: 0 });
    }
  }
  return order;
}

/** Lets `root` own its memory if it shares that of an intermediate, as a reshaped loss does: `root` outlives it. */
function keepMemory(root: AnyTensor, order: readonly AnyTensor[]): void {
  if (order.some((tensor) => isBelow(root, tensor) && tensor.sharesMemory(root))) root.takeMemory();
}

function releaseBelow(root: AnyTensor, order: readonly AnyTensor[]): void {
  for (const tensor of order) {
    if (isBelow(root, tensor)) tensor.release();
  }
  root.forgetGraph();
}

function isBelow(root: AnyTensor, tensor: AnyTensor): boolean {
  return tensor !== root && tensor.node !== undefined;
}
