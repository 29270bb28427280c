// Losses of predictions against targets, element by element, then averaged, summed or left as they are; formulas and gradients of the
// elements are in src/device/kernels/pointwise.ts. crossEntropy() has a file of its own.

import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { negated } from "./add.ts";
import { checkFloats, checkSameShape } from "./operands.ts";
import { checkOptions } from "../tensor/option_names.ts";
import { mean } from "./mean.ts";
import { mul } from "./mul.ts";
import { broadcast, runSpread } from "./pointwise.ts";
import { sum } from "./sum.ts";

/**
 * What becomes of the losses of single elements: their mean, their sum, or "none": they stay.
 *
 * @category Ops
 */
export type LossReduction = "mean" | "sum" | "none";

/**
 * Options of {@linkcode mseLoss}.
 *
 * @category Ops
 */
export interface LossOptions {
  /** Default: "mean". */
  readonly reduction?: LossReduction;
}

/**
 * Options of {@linkcode smoothL1}.
 *
 * @category Ops
 */
export interface SmoothL1Options extends LossOptions {
  /** Where the loss turns from squares to distances, from 0. Default: 1. */
  readonly beta?: number;
}

/**
 * Options of {@linkcode bceWithLogits}.
 *
 * @category Ops
 */
export interface BceOptions extends LossOptions {
  /** What each element's loss is multiplied by; broadcast. Default: 1. */
  readonly weight?: FloatTensor;
}

/**
 * Squared errors (x - target)^2.
 *
 * @throws {RangeError} if the shapes differ.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { mseLoss } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2]);
 * using target = Tensor.from(device, [0, 4]);
 * using loss = mseLoss(x, target);
 * console.log(await loss.item()); // (1 + 4) / 2
 * ```
 *
 * @category Ops
 */
export function mseLoss(x: FloatTensor, target: FloatTensor, options: LossOptions = {}): Tensor {
  checkOptions("mseLoss()", options, ["reduction"]);
  return reduced("mseLoss", elementLoss("mseLoss", "squared_error", x, target), options);
}

/**
 * (x - target)^2 / (2 beta) where |x - target| is under beta, else |x - target| - beta / 2 (Girshick 2015). With beta 0 it is the
 * absolute error.
 *
 * @throws {RangeError} if the shapes differ, or beta is below 0.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { smoothL1 } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [0.5, 4]);
 * using target = Tensor.from(device, [0, 0]);
 * using losses = smoothL1(x, target, { reduction: "none" });
 * console.log(await losses.data()); // 0.125, 3.5
 * ```
 *
 * @category Ops
 */
export function smoothL1(
  x: FloatTensor,
  target: FloatTensor,
  options: SmoothL1Options = {},
): Tensor {
  checkOptions("smoothL1()", options, ["beta", "reduction"]);
  const { beta = 1 } = options;
  if (!(beta >= 0 && beta < Infinity)) {
    throw new RangeError(`smoothL1() wants beta from 0, got ${beta}`);
  }
  return reduced("smoothL1", elementLoss("smoothL1", "smooth_l1", x, target, { beta }), options);
}

/**
 * Binary cross-entropy, in nats, of the probabilities sigmoid(logits) against targets from 0 to 1, without their rounding to 0 or 1.
 *
 * @throws {RangeError} if the shapes differ.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { bceWithLogits } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using logits = Tensor.from(device, [0, 100]);
 * using targets = Tensor.from(device, [1, 0]);
 * using losses = bceWithLogits(logits, targets, { reduction: "none" });
 * console.log(await losses.data()); // log 2, 100
 * ```
 *
 * @category Ops
 */
export function bceWithLogits(
  logits: FloatTensor,
  targets: FloatTensor,
  options: BceOptions = {},
): Tensor {
  checkOptions("bceWithLogits()", options, ["weight", "reduction"]);
  const losses = elementLoss("bceWithLogits", "logistic_loss", logits, targets);
  const { weight } = options;
  return reduced("bceWithLogits", weight === undefined ? losses : mul(losses, weight), options);
}

type ElementLoss = "squared_error" | "smooth_l1" | "logistic_loss";

function elementLoss(
  op: string,
  kernel: ElementLoss,
  a: FloatTensor,
  b: FloatTensor,
  numbers: Readonly<Record<string, number>> = {},
): Tensor {
  checkFloats(op, { input: a, target: b });
  checkSameShape(op, a, b);
  const ofA = `${kernel}_backward_a` as const;
  // Those of distances are each other's negatives.
  const ofB = kernel === "logistic_loss"
    ? "logistic_loss_backward_b" as const
    : (dy: Tensor, operands: Readonly<Record<string, FloatTensor>>) => {
      const opposite = runSpread(ofA, { ...operands, dy }, { shape: dy.shape, numbers });
      const gradient = negated(opposite);
      opposite.release();
      return gradient;
    };
  return broadcast(op, kernel, { a, b }, { gradients: [ofA, ofB], numbers });
}

/** The losses of elements, reduced. @throws {TypeError} if there is no such reduction. */
export function reduced(
  op: string,
  losses: Tensor,
  { reduction = "mean" }: LossOptions,
): Tensor {
  if (reduction === "mean") return mean(losses);
  if (reduction === "sum") return sum(losses);
  if (reduction === "none") return losses;
  throw new TypeError(`${op}() wants the reduction "mean", "sum" or "none", got ${reduction}`);
}
