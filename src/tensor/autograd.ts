// Reverse-mode differentiation: each result of an op refers to the node that made it: its inputs and its gradient function.
// There is no tape: the graph belongs to its result, and is released with it.
//
//   y = op(x1, x2)        backward from L:  dy = dL/dy,  gradient(dy) = [dL/dx1, dL/dx2]
//
// `backward` visits tensors in reverse topological order, so that dy is complete before it is used. The order is a pure function of
// the graph, so ranks that build the same graph run their collectives in the same order. A gradient function that communicates
// returns a promise, which is awaited.
//
// Ownership of memory. Leaves (parameters, and tensors made from data) belong to the caller that made them. The result of an op is an
// intermediate of everything that is computed from it:
//
//   backward from a tensor, or disposing it, releases every intermediate it was computed from; leaves stay.
//
// The tensor itself, such as the loss, belongs to the caller: `using loss = ...`. So two losses over one trunk are added before
// `backward`, and a value that is needed later is read before. Using a released tensor throws. A gradient lives until it is used; at
// the end those of the leaves are added to `leaf.grad`: all of them, or none if anything threw.
//
// Nothing changes in between. Every op's result remembers how often its operands had been written (`DeviceBuffer.numWrites`): backward
// refuses to go through it if they were written since. It also refuses results that another backward is going through.
//
// Memory in between. Backward keeps every intermediate, but for those whose values a layer discards because no gradient needs them
// (`Tensor.discard`), and those that it computes again (recompute.ts).
//
// Gradients are f32 while they are computed, however the tensors are stored; a leaf's is rounded when it is added to `leaf.grad`.
//
// A leaf's gradient is complete once every node that uses the leaf has passed its own on. A `GradientReceiver` gets it then, to send
// it to other ranks while the rest is computed (optim/zero/gradient_buckets.ts).

import type { DType } from "./dtype.ts";
import { yieldIfDue } from "./event_loop.ts";
import { keepMemory, lockGraph, releaseBelow, topologicalOrder } from "./graph.ts";
import { described } from "./option_names.ts";
// Only the type: tensor.ts imports this file for `Tensor.backward`.
import type { FloatTensor, Tensor } from "./tensor.ts";

/**
 * A tensor of any element type.
 *
 * @category Tensors
 */
export type AnyTensor = Tensor<DType>;

/**
 * dL/dx for every wanted input, at its index; the others may be undefined.
 *
 * @category Tensors
 */
export type Gradients = readonly (Tensor | undefined)[];

/**
 * Maps dL/dy to dL/dx for the inputs with `wanted[i]`; for others it must do no work. It owns `dy`: it may write into it, or return
 * it or an alias of it as a gradient. The caller owns what it returns.
 *
 * @category Tensors
 */
export type GradientFunction = (
  dy: Tensor,
  wanted: readonly boolean[],
) => Gradients | Promise<Gradients>;

/**
 * How a tensor was computed: by an op, or by a part of the graph that backward computes again (recompute.ts).
 *
 * @category Tensors
 */
export type GraphNode = OpNode | RecomputedNode;

/**
 * The node of a tensor that an op computed.
 *
 * @category Tensors
 */
export interface OpNode {
  /** Name of the op, for messages. */
  readonly op: string;
  /** Operands, in the order of the gradients. */
  readonly inputs: readonly AnyTensor[];
  /** Maps the result's gradient to the operands'. */
  readonly gradient: GradientFunction;
  /** Tensors that are kept only for the gradient function. */
  readonly saved?: readonly AnyTensor[];
  /** True if the result has no gradient, whatever its operands require, as that of a comparison. */
  readonly isConstant?: boolean;
}

/**
 * The node of a tensor that several ops computed, none of whose intermediates was kept.
 *
 * @category Tensors
 */
export interface RecomputedNode {
  /** Name for messages. */
  readonly op: string;
  /** The tensors from before the recomputed part that it uses. */
  readonly inputs: readonly AnyTensor[];
  /** Computes the tensor again. */
  readonly again: () => Promise<Recomputed>;
  /** Always undefined. */
  readonly saved?: undefined;
  /** Always undefined. */
  readonly isConstant?: undefined;
}

/**
 * A recomputed part of the graph, for backward to go through and to release.
 *
 * @category Tensors
 */
export interface Recomputed {
  /** Replaces the tensor. */
  readonly result: Tensor;
  /** The result and everything it was computed from within the recomputed part, each after its inputs. */
  readonly order: readonly AnyTensor[];
}

/**
 * Receives gradients of leaves while `backward` still computes others. An error that it throws ends `backward`.
 *
 * @category Tensors
 */
export interface GradientReceiver {
  /** Called once, before anything is computed, with every leaf that will get a gradient. */
  begin(leaves: readonly AnyTensor[]): void;
  /**
   * Called when the gradient of `leaf` is complete, in the order in which that happens; `backward` waits for the promise. If it
   * resolves to true, the receiver has copied what it needs and the gradient is released; if false, the gradient is added to
   * `leaf.grad` at the end, as without a receiver.
   */
  receive(leaf: AnyTensor, gradient: Tensor): Promise<boolean>;
  /** Called between one node and the next; `backward` waits for the promise. */
  betweenNodes(): Promise<void> | undefined;
}

/**
 * Computes d(root)/d(leaf) for every leaf that `root` was computed from and that requires a gradient, adds it to `leaf.grad`, and
 * releases every intermediate.
 *
 * @param root A scalar (one element) that was computed from such a leaf.
 * @param receiver Gets every gradient as soon as it is complete. If `backward` throws, it must discard what it received.
 * @throws {RangeError} if `root` has more than one element.
 * @throws {Error} if nothing that `root` was computed from requires a gradient, `backward` ran from it before, another `backward` is
 *   going through a part of its graph, or a tensor was written after it was used. No gradient has changed then.
 *
 * @example
 * ```ts
 * import { backward, mul, requestDevice, sum, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2, 3], { requiresGrad: true });
 * using loss = sum(mul(x, x));
 * await backward(loss);
 * console.log(await x.grad?.data()); // 2 x: 2, 4, 6
 * ```
 *
 * @category Tensors
 */
export async function backward(root: FloatTensor, receiver?: GradientReceiver): Promise<void> {
  checkRoot(root);
  const order = topologicalOrder(root);
  for (const tensor of order.filter(({ requiresGrad }) => requiresGrad)) {
    tensor.checkInGraph();
    // What frozen parts were computed from may be released already: no gradient is passed there.
    tensor.node?.inputs.forEach((input) => input.checkInGraph());
    if (tensor.node !== undefined) tensor.checkInputsUnchanged();
  }
  using _lock = lockGraph(order);
  keepMemory(root, order);
  const gradients = new Map<AnyTensor, Tensor>([[root, root.filledLike(1)]]);
  const leaves = receiver === undefined ? undefined : new LeafGradients(receiver, order);
  try {
    for (const y of order.toReversed()) {
      const { node } = y;
      if (!y.requiresGrad || node === undefined) continue;
      await passOn(y as Tensor, node, { gradients, receiver });
      if (y !== root) y.release();
      await leaves?.usedBy(node, gradients);
      await yieldIfDue();
    }
    if (root.node === undefined) await leaves?.offer(root, gradients);
    for (const [leaf, gradient] of gradients) {
      gradients.delete(leaf);
      (leaf as Tensor).addGradient(gradient);
    }
  } finally {
    for (const gradient of gradients.values()) gradient.release();
    releaseBelow(root, order);
  }
}

/** Releases every intermediate that `root` was computed from, but neither `root` nor a leaf. */
export function releaseIntermediates(root: AnyTensor): void {
  const order = topologicalOrder(root);
  keepMemory(root, order);
  releaseBelow(root, order);
}

function checkRoot(root: FloatTensor): void {
  if (typeof root !== "object" || root === null || !("releaseWithGraph" in root)) {
    throw new TypeError(`backward() wants a tensor, got ${described(root)}`);
  }
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

/** The state of a backward pass. */
interface BackwardPass {
  /** The gradients accumulated so far of tensors that were not visited yet. */
  readonly gradients: Map<AnyTensor, Tensor>;
  readonly receiver: GradientReceiver | undefined;
}

/** Adds the gradient of `y` with respect to each input to the inputs' gradients. */
async function passOn(y: Tensor, node: GraphNode, pass: BackwardPass): Promise<void> {
  y.checkInputsUnchanged();
  if ("again" in node) await passThroughAgain(y, node, pass);
  else await passGradient(y, node, pass.gradients);
}

/** The same for a recomputed part: runs it forward again, then backward. */
async function passThroughAgain(
  y: Tensor,
  node: RecomputedNode,
  pass: BackwardPass,
): Promise<void> {
  const { gradients, receiver } = pass;
  const { result, order } = await node.again();
  try {
    gradients.set(result, gradients.get(y)!);
    gradients.delete(y);
    for (const inner of order.toReversed()) {
      if (!inner.requiresGrad || inner.node === undefined) continue;
      await passOn(inner as Tensor, inner.node, pass);
      inner.release();
      await receiver?.betweenNodes();
      await yieldIfDue();
    }
  } finally {
    releaseBelow(result, order);
    result.release();
  }
}

/** Calls the gradient function of `y` and adds its results to the inputs' gradients. */
async function passGradient(
  y: Tensor,
  { op, inputs, gradient }: OpNode,
  gradients: Map<AnyTensor, Tensor>,
): Promise<void> {
  const dy = gradients.get(y)!;
  const wanted = inputs.map((input) => input.requiresGrad);
  const results = await gradient(dy, wanted);
  gradients.delete(y);
  const dInputs = inputs.map((input, i) =>
    wanted[i] ? checkedGradient(results[i], input, op) : undefined
  );
  const separate = separateMemory(dInputs);
  for (const [i, dx] of separate.entries()) {
    if (dx === undefined) continue;
    const sum = gradients.get(inputs[i]);
    if (sum === undefined) gradients.set(inputs[i], dx);
    else sum.accumulate(dx);
  }
  if (!separate.includes(dy)) dy.release();
}

/** Reports to a receiver which leaves' gradients are complete. */
class LeafGradients {
  readonly #receiver: GradientReceiver;
  /** How many nodes that use the leaf have not passed their gradient on yet. */
  readonly #usesLeft = new Map<AnyTensor, number>();

  constructor(receiver: GradientReceiver, order: readonly AnyTensor[]) {
    this.#receiver = receiver;
    const leaves = order.filter(({ node, requiresGrad }) => node === undefined && requiresGrad);
    for (const leaf of leaves) this.#usesLeft.set(leaf, 0);
    for (const { node, requiresGrad } of order) {
      if (requiresGrad) node?.inputs.forEach((input) => this.#count(input, 1));
    }
    receiver.begin(leaves);
  }

  /** To be called when `node` has passed its gradient on. */
  async usedBy({ inputs }: GraphNode, gradients: Map<AnyTensor, Tensor>): Promise<void> {
    for (const input of inputs) {
      if (this.#count(input, -1) === 0) await this.offer(input, gradients);
    }
    await this.#receiver.betweenNodes();
  }

  /** To be called when the gradient of `leaf` is complete. */
  async offer(leaf: AnyTensor, gradients: Map<AnyTensor, Tensor>): Promise<void> {
    const gradient = gradients.get(leaf)!;
    if (!await this.#receiver.receive(leaf, gradient)) return;
    gradients.delete(leaf);
    gradient.release();
  }

  #count(input: AnyTensor, change: number): number | undefined {
    const uses = this.#usesLeft.get(input);
    if (uses === undefined) return undefined;
    this.#usesLeft.set(input, uses + change);
    return uses + change;
  }
}

/** Gradients may share memory, as d(a + b) is dy twice: the first of them keeps it, the others become copies. */
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

function checkedGradient(dx: Tensor | undefined, x: AnyTensor, op: string): Tensor {
  if (dx === undefined || `${dx.shape}` !== `${x.shape}`) {
    throw new TypeError(
      `The gradient function of ${op} must give an input of shape [${x.shape}] a gradient of that shape, ` +
        `and gave ${dx === undefined ? "none" : `[${dx.shape}]`}`,
    );
  }
  return dx;
}
