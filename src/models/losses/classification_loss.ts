// The losses of classifiers with logits z [B, C], chosen as in transformers:
//
//   single_label_classification   mean over b of the cross-entropy of z[b, :] against class labels[b]
//   multi_label_classification    mean over b, c of softplus(z) - z labels: a binary cross-entropy for each class
//   regression                    mean over b, c of (z - labels)^2

import { add } from "../../ops/add.ts";
import { constantIndices } from "../../ops/constant.ts";
import { crossEntropy, IGNORE_INDEX } from "../../ops/cross_entropy.ts";
import { mean } from "../../ops/mean.ts";
import { mul } from "../../ops/mul.ts";
import { checkFloats, checkTensor } from "../../ops/operands.ts";
import { reshape } from "../../ops/reshape.ts";
import { scale } from "../../ops/scale.ts";
import { concat } from "../../ops/slice.ts";
import { checkOptions } from "../../tensor/option_names.ts";
import { formatShape, sameShape } from "../../tensor/shape.ts";
import type { FloatTensor, Tensor } from "../../tensor/tensor.ts";

/**
 * The kind of labels, by its name in config.json (`problem_type`).
 *
 * @category Models
 */
export type ProblemType =
  | "single_label_classification"
  | "multi_label_classification"
  | "regression";

/**
 * Labels of one batch.
 *
 * @category Models
 */
export interface ClassificationLabels {
  /** Class indices [B] of single labels; otherwise numbers [B, C], or [B] if C is 1. */
  readonly labels: Tensor<"u32"> | FloatTensor;
  /** Default: regression if C is 1; otherwise single labels for class indices, multiple labels for numbers. */
  readonly problemType?: ProblemType | undefined;
}

/**
 * The loss of `logits` [B, C]: a tensor of shape []. Single labels that are `IGNORE_INDEX` are ignored.
 *
 * @throws {TypeError} if the labels are numbers where class indices are needed, or the other way round.
 * @throws {RangeError} if the shapes do not fit, or a class is not under C.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { classificationLoss } from "@meshfactor/adafactor/models";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using logits = Tensor.from(device, [2, 0, 0, 1], { shape: [2, 2], requiresGrad: true });
 * using labels = Tensor.from(device, [0, 1], { dtype: "u32" });
 * using loss = classificationLoss(logits, { labels });
 * await loss.backward();
 * ```
 *
 * @category Models
 */
export function classificationLoss(
  logits: FloatTensor,
  options: ClassificationLabels,
): Tensor {
  checkOptions("classificationLoss()", options, ["labels", "problemType"]);
  checkFloats("classificationLoss", { logits });
  checkTensor("classificationLoss", "labels", options.labels);
  const { labels, problemType = problemOf(logits, labels) } = options;
  const { dtype } = labels;
  if ((dtype === "u32") !== (problemType === "single_label_classification")) {
    throw new TypeError(
      `classificationLoss() wants ${
        dtype === "u32" ? "f32" : "u32"
      } labels for ${problemType}, got ${dtype}`,
    );
  }
  if (isClasses(labels)) return crossEntropy(logits, labels, { ignored: IGNORE_INDEX });
  const numbers = withShapeOf(labels, logits);
  return problemType === "regression"
    ? meanSquaredError(logits, numbers)
    : binaryCrossEntropy(logits, numbers);
}

/** Mean of (x - y)^2: a tensor of shape []. @throws {RangeError} if the shapes differ */
function meanSquaredError(x: FloatTensor, y: FloatTensor): Tensor {
  const difference = add(x, scale(y, -1));
  return mean(mul(difference, difference));
}

/**
 * Binary cross-entropy: the mean of softplus(z) - z y for `logits` z and `labels` y from 0 to 1, in nats: a tensor of shape [].
 *
 * @throws {RangeError} if the shapes differ
 */
function binaryCrossEntropy(logits: FloatTensor, labels: FloatTensor): Tensor {
  // softplus(z) = log(e^z + e^0) is the cross-entropy of [z, 0] against the second class, which does not overflow.
  const column = [logits.length, 1];
  const z = reshape(logits, column);
  // The cross-entropy keeps no targets, so nothing else releases these.
  using against = constantIndices(logits.device, new Uint32Array(logits.length).fill(1));
  const softplus = crossEntropy(concat([z, scale(z, 0)], { dim: 1 }), against);
  return add(softplus, scale(mean(mul(logits, labels)), -1));
}

function problemOf(logits: FloatTensor, labels: Tensor<"u32"> | FloatTensor): ProblemType {
  if (logits.shape.at(-1) === 1) return "regression";
  return isClasses(labels) ? "single_label_classification" : "multi_label_classification";
}

function isClasses(labels: Tensor<"u32"> | FloatTensor): labels is Tensor<"u32"> {
  return labels.dtype === "u32";
}

/** `labels` with the shape of `logits`. */
function withShapeOf(labels: FloatTensor, logits: FloatTensor): FloatTensor {
  const { shape } = logits;
  if (sameShape(labels.shape, shape)) return labels;
  if (shape.at(-1) === 1 && sameShape(labels.shape, shape.slice(0, -1))) {
    return reshape(labels, shape);
  }
  throw new RangeError(
    `classificationLoss() wants labels of the logits' shape ${formatShape(shape)}, got ` +
      formatShape(labels.shape),
  );
}
