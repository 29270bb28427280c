// The task of images in folders, whose names are their classes. Every image is read and prepared once, before training: pixels beyond
// 64 MiB are in a temporary file.

import type { VitClassifier } from "../../models/vit.ts";
import type { DataSource } from "../data/data_source.ts";
import { type ImagePreprocessing, readPixels } from "../data/image_pixels.ts";
import type { DataRecord } from "../data/records.ts";
import { SequenceWriter } from "../data/sequence_store.ts";
import type { Task } from "../task.ts";
import { LabelsBuilder } from "./class_labels.ts";
import { imagePixels } from "./class_logits.ts";
import type { ClassNames } from "./class_names.ts";
import { divideExamples, type ExampleTaker, type Taken } from "./divided_examples.ts";
import {
  type ImageBatch,
  imageClassification,
  type LabelledImages,
} from "./image_classification.ts";
import type { RecordTask } from "./record_tasks.ts";

/** The images of a task, and how they are prepared. */
export interface ImagesOfTask {
  readonly data: DataSource<"image">;
  /** Other images to evaluate on. Default: one of ten. */
  readonly evaluation?: DataSource<"image"> | undefined;
  readonly preprocessing: ImagePreprocessing;
  /** [C, height, width] of the model's images. */
  readonly shape: readonly [number, number, number];
  readonly names: ClassNames;
}

/** Classifying images. @throws {Error} naming a file that is no image, or of another size, or whose class is not among the names */
export async function imagesTask(
  { data, evaluation, ...images }: ImagesOfTask,
): Promise<RecordTask<Task<VitClassifier, ImageBatch>>> {
  using scope = new DisposableStack();
  const [train, heldOut] = [new ImageTaker(images), new ImageTaker(images)];
  scope.use(train.writer);
  scope.use(heldOut.writer);
  const counts = await divideExamples(data.records(), {
    train,
    heldOut,
    evaluation: evaluation?.records(),
  });
  const stores = new DisposableStack();
  const { shape } = images;
  return {
    counts,
    task: imageClassification({
      train: imagesOf(train, stores),
      heldOut: imagesOf(heldOut, stores),
      shape,
    }),
    [Symbol.dispose]: () => stores.dispose(),
  };
}

class ImageTaker implements ExampleTaker<DataRecord<"image">> {
  readonly writer = new SequenceWriter({ pixels: "f32" });
  readonly labels: LabelsBuilder;
  readonly #images: Pick<ImagesOfTask, "preprocessing" | "shape">;

  constructor({ names, ...images }: Omit<ImagesOfTask, "data" | "evaluation">) {
    this.labels = new LabelsBuilder({ problem: "single_label_classification", names });
    this.#images = images;
  }

  async take({ path, label, place }: DataRecord<"image">): Promise<Taken> {
    const { preprocessing, shape } = this.#images;
    const pixels = imagePixels(await readPixels(path, preprocessing), { path, shape });
    this.labels.add(label, place);
    this.writer.append({ pixels });
    return "whole";
  }
}

function imagesOf({ writer, labels }: ImageTaker, stores: DisposableStack): LabelledImages {
  const store = stores.use(writer.finish());
  return {
    length: store.length,
    labels: labels.labels(),
    pixels: (index) => Promise.resolve(store.read(index, "pixels")),
    digest: () => Promise.resolve(store.sha256),
  };
}
