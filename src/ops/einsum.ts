// Products of two tensors, summed over chosen dims: einsum("bij,bjk->bik", a, b).
//
// A label is in both operands and in the result (a batch dim), in both but not in the result (summed over the product), or in one
// operand: in the result, or summed before the product. Both operands are permuted to [batch, own, summed], multiplied by
// batchedMatmul(), and the result's dims are put in order.

import { elementCount, formatShape } from "../tensor/shape.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { batchedMatmul } from "./batched_matmul.ts";
import { checkFloats, checkSameDevice } from "./operands.ts";
import { permute } from "./permute.ts";
import { reshape } from "./reshape.ts";
import { sum } from "./sum.ts";

/**
 * The sum over products of `a` and `b` that `equation` describes, in Einstein's notation with one letter for each dim:
 * y[result] = sum over the labels that the result lacks of a[labels of a] b[labels of b].
 *
 * @throws {SyntaxError} if the equation is not "labels,labels->labels", an operand or the result has a label twice (diagonals are not
 *   done), or the result has a label of neither operand.
 * @throws {RangeError} if an operand has another number of dims than labels, or a label has two lengths.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { einsum } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using a = Tensor.from(device, [1, 2, 3, 4], { shape: [2, 2] });
 * using b = Tensor.from(device, [1, 10]);
 * using y = einsum("ij,j->i", a, b);
 * console.log(await y.data()); // 21, 43
 * ```
 *
 * @category Ops
 */
export function einsum(equation: string, a: FloatTensor, b: FloatTensor): Tensor {
  checkFloats("einsum", { a, b });
  checkSameDevice("einsum", a, b);
  const { ofA, ofB, result } = parsed(equation);
  const lengths = lengthsOf(equation, [[ofA, a], [ofB, b]]);
  const isIn = (labels: readonly string[]) => (label: string) => labels.includes(label);
  const batch = result.filter((label) => ofA.includes(label) && ofB.includes(label));
  const summed = ofA.filter((label) => ofB.includes(label) && !result.includes(label));
  const ownOfA = result.filter((label) => !ofB.includes(label));
  const ownOfB = result.filter((label) => !ofA.includes(label));
  const count = (labels: readonly string[]) =>
    elementCount(labels.map((label) => lengths.get(label)!));
  const [groups, m, n, k] = [count(batch), count(ownOfA), count(ownOfB), count(summed)];
  const left = arranged(a, ofA, [...batch, ...ownOfA, ...summed], isIn([...ofB, ...result]));
  const right = arranged(b, ofB, [...batch, ...summed, ...ownOfB], isIn([...ofA, ...result]));
  const y = batchedMatmul(reshape(left, [groups, m, k]), reshape(right, [groups, k, n]));
  const labels = [...batch, ...ownOfA, ...ownOfB];
  const whole = reshape(y, labels.map((label) => lengths.get(label)!));
  return inOrder(whole, labels, result);
}

/** `x` summed over the labels that nobody else wants, with its dims in the order of `labels`. */
function arranged(
  x: FloatTensor,
  own: readonly string[],
  labels: readonly string[],
  isWanted: (label: string) => boolean,
): FloatTensor {
  const dim = [...own.keys()].filter((at) => !isWanted(own[at]!));
  const needed = dim.length === 0 ? x : sum(x, { dim });
  return inOrder(needed, own.filter(isWanted), labels);
}

function inOrder<X extends FloatTensor>(
  x: X,
  from: readonly string[],
  to: readonly string[],
): X | Tensor {
  const order = to.map((label) => from.indexOf(label));
  return order.every((dim, at) => dim === at) ? x : permute(x, order);
}

/** The labels of both operands and of the result. */
function parsed(equation: string): {
  readonly ofA: readonly string[];
  readonly ofB: readonly string[];
  readonly result: readonly string[];
} {
  const found = /^([A-Za-z]*),([A-Za-z]*)->([A-Za-z]*)$/.exec(`${equation}`.replaceAll(" ", ""));
  if (found === null) {
    throw new SyntaxError(
      `einsum() wants an equation of two operands such as "bij,bjk->bik", got "${equation}"`,
    );
  }
  const [ofA, ofB, result] = found.slice(1).map((labels) => [...labels]) as [
    string[],
    string[],
    string[],
  ];
  for (const labels of [ofA, ofB, result]) {
    const twice = labels.find((label, at) => labels.indexOf(label) !== at);
    if (twice !== undefined) {
      throw new SyntaxError(
        `einsum() wants a label once in each operand and in the result, got "${twice}" twice in ` +
          `"${labels.join("")}"`,
      );
    }
  }
  const unknown = result.find((label) => !ofA.includes(label) && !ofB.includes(label));
  if (unknown !== undefined) {
    throw new SyntaxError(`einsum() has "${unknown}" in its result, and in neither operand`);
  }
  return { ofA, ofB, result };
}

function lengthsOf(
  equation: string,
  operands: readonly (readonly [labels: readonly string[], x: FloatTensor])[],
): ReadonlyMap<string, number> {
  const lengths = new Map<string, number>();
  for (const [labels, { shape }] of operands) {
    if (labels.length !== shape.length) {
      throw new RangeError(
        `einsum("${equation}") wants ${labels.length} dims for "${labels.join("")}", got ${
          formatShape(shape)
        }`,
      );
    }
    labels.forEach((label, dim) => {
      const known = lengths.get(label) ?? shape[dim]!;
      if (known !== shape[dim]) {
        throw new RangeError(
          `einsum("${equation}") wants one length for "${label}", got ${known} and ${shape[dim]}`,
        );
      }
      lengths.set(label, known);
    });
  }
  return lengths;
}
