// A small task of every kind, with a model for it, on data that can be learnt.

import type { Device } from "../../../src/device/device.ts";
import { BertMaskedLm } from "../../../src/models/bert.ts";
import { BertClassifier } from "../../../src/models/bert_classifier.ts";
import { BertTokenClassifier } from "../../../src/models/bert_token_classifier.ts";
import { Decoder } from "../../../src/models/decoder.ts";
import type { ProblemType } from "../../../src/models/losses/classification_loss.ts";
import { newModel } from "../../../src/models/new_model.ts";
import type { PretrainedModel } from "../../../src/models/pretrained_model.ts";
import { T5 } from "../../../src/models/t5.ts";
import { VitClassifier } from "../../../src/models/vit.ts";
import { RandomSource } from "../../../src/nn/philox.ts";
import type { Task } from "../../../src/train/task.ts";
import type { ClassLabels } from "../../../src/train/tasks/class_labels.ts";
import { imageClassification } from "../../../src/train/tasks/image_classification.ts";
import { languageRows, targetRow } from "../../../src/train/tasks/language_rows.ts";
import { maskedLanguageModel } from "../../../src/train/tasks/masked_language_model.ts";
import { sequenceToSequence, textPairRow } from "../../../src/train/tasks/sequence_to_sequence.ts";
import { textClassification, typedRow } from "../../../src/train/tasks/text_classification.ts";
import { labelledRow, tokenClassification } from "../../../src/train/tasks/token_classification.ts";
import { rowWriter, tokenRows } from "../../../src/train/tasks/token_rows.ts";

/** A model and its task. */
export interface SmallTask {
  readonly model: PretrainedModel<never>;
  readonly task: Task;
}

const VOCABULARY = 31;
const CONTEXT = 24;
/** Examples, of which the last ones are held out. */
const [EXAMPLES, HELD_OUT] = [30, 7];

const bertSizes = {
  model_type: "bert",
  vocab_size: VOCABULARY,
  hidden_size: 12,
  num_hidden_layers: 1,
  num_attention_heads: 3,
  intermediate_size: 10,
  max_position_embeddings: CONTEXT,
  initializer_range: 0.3,
};
const sizes = {
  gpt2: {
    model_type: "gpt2",
    vocab_size: VOCABULARY,
    n_embd: 12,
    n_head: 3,
    n_layer: 1,
    n_positions: CONTEXT,
  },
  t5: {
    model_type: "t5",
    vocab_size: VOCABULARY,
    d_model: 12,
    d_kv: 4,
    d_ff: 10,
    num_layers: 1,
    num_heads: 3,
    relative_attention_num_buckets: 4,
    relative_attention_max_distance: 8,
    decoder_start_token_id: 0,
    pad_token_id: 0,
  },
  vit: {
    model_type: "vit",
    num_labels: 3,
    hidden_size: 12,
    num_hidden_layers: 1,
    num_attention_heads: 3,
    intermediate_size: 10,
    image_size: [4, 6],
    patch_size: [2, 3],
    num_channels: 1,
    initializer_range: 0.3,
  },
};

/** Text k: tokens of unlike numbers, of which the second says most of the rest. */
function text(k: number): number[] {
  const length = 4 + k * 7 % 15;
  return Array.from({ length }, (_, at) => 5 + (k * k + (at % 3) * (k % 5)) % (VOCABULARY - 5));
}

function rowsOf(row: (k: number) => ArrayLike<number>) {
  const some = (begin: number, end: number) => {
    const writer = rowWriter();
    for (let k = begin; k < end; k++) writer.append({ row: row(k) });
    return tokenRows(writer.finish());
  };
  return { train: some(0, EXAMPLES - HELD_OUT), heldOut: some(EXAMPLES - HELD_OUT, EXAMPLES) };
}

function labelsOf(problem: ProblemType): Record<"train" | "heldOut", ClassLabels> {
  const [numClasses, ofOne] = ({
    "single_label_classification": [3, (k: number) => [k % 3]],
    "multi_label_classification": [3, (k: number) => [k % 2, k % 3 === 0 ? 1 : 0, 1]],
    "regression": [1, (k: number) => [Math.sin(k)]],
  } as const)[problem];
  const some = (begin: number, end: number): ClassLabels => {
    const values = Array.from({ length: end - begin }, (_, k) => ofOne(begin + k)).flat();
    return {
      problem,
      numClasses,
      values: problem === "single_label_classification"
        ? Uint32Array.from(values)
        : Float32Array.from(values),
    };
  };
  return { train: some(0, EXAMPLES - HELD_OUT), heldOut: some(EXAMPLES - HELD_OUT, EXAMPLES) };
}

function classification(device: Device, problem: ProblemType): SmallTask {
  const rows = rowsOf((k) =>
    typedRow({ tokens: text(k), types: text(k).map((_, at) => k % 2 === 1 && at > 2 ? 1 : 0) })
  );
  const labels = labelsOf(problem);
  return {
    model: newModel(device, {
      ...bertSizes,
      num_labels: labels.train.numClasses,
      problem_type: problem,
    }, { model: BertClassifier, random: new RandomSource(5) }),
    task: textClassification({
      train: { rows: rows.train, labels: labels.train },
      heldOut: { rows: rows.heldOut, labels: labels.heldOut },
      context: CONTEXT,
    }) as unknown as Task,
  };
}

/** Small tasks by what they are. */
export const smallTasks: Readonly<Record<string, (device: Device) => SmallTask>> = {
  "a decoder on rows": (device) => ({
    model: newModel(device, sizes.gpt2, { model: Decoder, random: new RandomSource(5) }),
    task: languageRows({
      ...rowsOf((k) =>
        targetRow({ tokens: text(k), isTarget: text(k).map((_, at) => at > k % 3) })!
      ),
      context: CONTEXT,
    }) as unknown as Task,
  }),
  "masked language modelling": (device) => ({
    model: newModel(device, bertSizes, { model: BertMaskedLm, random: new RandomSource(5) }),
    task: maskedLanguageModel({
      ...rowsOf((k) => [1, ...text(k), 2]),
      context: CONTEXT,
      seed: 3,
      maskToken: 4,
      vocabularySize: VOCABULARY,
      special: new Set([0, 1, 2, 3, 4]),
    }) as unknown as Task,
  }),
  "a T5": (device) => ({
    model: newModel(device, sizes.t5, { model: T5, random: new RandomSource(5) }),
    task: sequenceToSequence({
      ...rowsOf((k) => textPairRow(text(k), text(k).slice(0, 2 + k % 9))),
      context: CONTEXT,
      vocabularySize: VOCABULARY,
    }) as unknown as Task,
  }),
  "classification of texts": (device) => classification(device, "single_label_classification"),
  "sets of labels of texts": (device) => classification(device, "multi_label_classification"),
  "numbers of texts": (device) => classification(device, "regression"),
  "classification of tokens": (device) => ({
    model: newModel(device, { ...bertSizes, num_labels: 4 }, {
      model: BertTokenClassifier,
      random: new RandomSource(5),
    }),
    task: tokenClassification({
      ...rowsOf((k) =>
        labelledRow(
          { tokens: text(k), words: text(k).map((_, at) => at % 3 === 1 ? undefined : at) },
          text(k).map((token) => token % 4),
        )!
      ),
      context: CONTEXT,
      numClasses: 4,
    }) as unknown as Task,
  }),
  "classification of images": (device) => {
    const labels = labelsOf("single_label_classification");
    const images = (begin: number, part: "train" | "heldOut") => ({
      length: labels[part].values.length,
      labels: labels[part],
      digest: () => Promise.resolve(""),
      pixels: (index: number) =>
        Promise.resolve(
          Float32Array.from({ length: 24 }, (_, at) => Math.sin((begin + index) % 3 * at)),
        ),
    });
    return {
      model: newModel(device, sizes.vit, { model: VitClassifier, random: new RandomSource(5) }),
      task: imageClassification({
        train: images(0, "train"),
        heldOut: images(EXAMPLES - HELD_OUT, "heldOut"),
        shape: [1, 4, 6],
      }) as unknown as Task,
    };
  },
};
