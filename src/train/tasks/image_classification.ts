// Classification of images, each of which has one class.

import type { VitClassifier } from "../../models/vit.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { Examples, Task } from "../task.ts";
import {
  boundClassification,
  type ClassLabels,
  digestOfLabels,
  type LabelledBatch,
  labelTensor,
} from "./class_labels.ts";

/** Labelled images on a device. Disposing it releases both tensors. */
export interface ImageBatch extends LabelledBatch {
  /** [B, C, height, width] */
  readonly pixels: Tensor;
}

/** Images with labels, by index. */
export interface LabelledImages {
  readonly length: number;
  /** [C, height, width], as the model expects them. */
  pixels(index: number): Promise<Float32Array>;
  readonly labels: ClassLabels;
  /** SHA-256 of the images, as hexadecimal digits. */
  digest(): Promise<string>;
}

/** Makes the task of classifying images of `shape`, [C, height, width]. */
export function imageClassification(
  { train, heldOut, shape }: {
    readonly train: LabelledImages;
    readonly heldOut: LabelledImages;
    readonly shape: readonly [number, number, number];
  },
): Task<VitClassifier, ImageBatch> {
  const { problem, numClasses } = train.labels;
  return {
    name: "image-classification",
    facts: { "image size": shape.join(" x ") },
    hasVocabularyLogits: false,
    train: examples(train, shape),
    heldOut: examples(heldOut, shape),
    bind: (model) =>
      boundClassification(
        ({ pixels }, dropout) => model.forward({ pixels, dropout }),
        { problem, numClasses },
      ),
  };
}

function examples(
  images: LabelledImages,
  shape: readonly [number, number, number],
): Examples<ImageBatch> {
  const size = shape.reduce((a, b) => a * b);
  return {
    length: images.length,
    numTargets: () => 1,
    digest: async () => `sha256:${await images.digest()}${await digestOfLabels(images.labels)}`,
    batch: async (device, drawn) => {
      const values = new Float32Array(drawn.length * size);
      for (const [at, { index }] of drawn.entries()) {
        values.set(await images.pixels(index), at * size);
      }
      const scope = new DisposableStack();
      return {
        pixels: scope.use(Tensor.from(device, values, { shape: [drawn.length, ...shape] })),
        labels: scope.use(labelTensor(device, images.labels, drawn)),
        [Symbol.dispose]: () => scope.dispose(),
      };
    },
  };
}
