/**
 * The command that classifies texts, words of texts, or images, with a model from a folder in the format of Hugging Face:
 *
 * ```sh
 * deno run -P=train src/cli/classify.ts --model reviews --text "A good film."
 * deno run -P=train src/cli/classify.ts --model reviews --data texts.jsonl
 * ```
 *
 * @module
 */

import { loadPretrained } from "../checkpoint/pretrained.ts";
import { requestDevice } from "../device/request_device.ts";
import { BertClassifier } from "../models/bert_classifier.ts";
import { BertTokenClassifier } from "../models/bert_token_classifier.ts";
import type { PretrainedModel } from "../models/pretrained_model.ts";
import { VitClassifier } from "../models/vit.ts";
import { openData } from "../train/data/data_source.ts";
import { readPreprocessing } from "../train/data/image_pixels.ts";
import { imageLogits, textLogits, wordLogits } from "../train/tasks/class_logits.ts";
import { readTextTokenizer } from "../train/tasks/text_tokenizer.ts";
import {
  imagesIn,
  inBatches,
  TEXT_KINDS,
  textsIn,
  WORD_KINDS,
  wordsIn,
  wordsOf,
} from "./classifier_input.ts";
import { type ClassifyFlags, parseClassifyFlags } from "./classify_options.ts";
import { ClassOutput } from "./class_output.ts";
import { withLocalModel } from "./local_model.ts";
import { USAGE_CODE } from "./usage.ts";

/** Runs the command and returns its exit code. Wrong arguments, and files that cannot be read, end it with 2. */
export async function main(args: readonly string[]): Promise<number> {
  const given = parseClassifyFlags(args);
  const { device: kind } = given;
  using device = await requestDevice(kind === "auto" ? {} : { kind });
  try {
    const flags = await withLocalModel(given, { rank: 0 });
    const { model: folder, dtype } = flags;
    using model = await loadPretrained(device, folder, dtype === undefined ? {} : { dtype });
    const numCut = await classify(model, flags);
    if (numCut > 0) {
      console.error(`${numCut} texts were longer than the model supports, and cut (--context)`);
    }
    return 0;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    console.error(`error: ${error.message}`);
    return USAGE_CODE;
  }
}

/** Classifies what flags name, and prints it; returns how many texts were cut. */
function classify(model: PretrainedModel, flags: ClassifyFlags): Promise<number> {
  if (model instanceof BertClassifier) return classifyTexts(model, flags);
  if (model instanceof BertTokenClassifier) return classifyWords(model, flags);
  if (model instanceof VitClassifier) return classifyImages(model, flags);
  throw new TypeError(
    `${flags.model} is a ${model.constructor.name}, which has no classes: give a model with a classifier (train makes one of a ` +
      "BERT, ALBERT, ModernBERT, ViT, DINOv2 or SigLIP), or use generate",
  );
}

async function classifyTexts(model: BertClassifier, flags: ClassifyFlags): Promise<number> {
  const { text, data, batch } = flags;
  const reading = await readingOf(model, flags);
  await using source = data && await openData(data, { kinds: TEXT_KINDS });
  const inputs = source === undefined
    ? asIterable(text!.map((each) => ({ text: each })))
    : textsIn(source);
  const output = new ClassOutput(model, model.problemType);
  let cut = 0;
  for await (const some of inBatches(inputs, batch)) {
    const { rows, numCut } = await textLogits(model, some, reading);
    cut += numCut;
    for (const [k, logits] of rows.entries()) await output.write(some[k], logits);
    if (output.isClosed) break;
  }
  return cut;
}

async function classifyWords(model: BertTokenClassifier, flags: ClassifyFlags): Promise<number> {
  const { text, data, batch } = flags;
  const reading = await readingOf(model, flags);
  await using source = data && await openData(data, { kinds: WORD_KINDS });
  const inputs = source === undefined
    ? asIterable(text!.map((each) => ({ words: wordsOf(each) })))
    : wordsIn(source);
  const output = new ClassOutput(model, undefined);
  let cut = 0;
  for await (const some of inBatches(inputs, batch)) {
    const { rows, numCut } = await wordLogits(model, some.map(({ words }) => words), reading);
    cut += numCut;
    for (const [k, logits] of rows.entries()) await output.writeWords(some[k], logits);
    if (output.isClosed) break;
  }
  return cut;
}

async function classifyImages(model: VitClassifier, flags: ClassifyFlags): Promise<number> {
  const { data, batch, model: folder } = flags;
  if (data === undefined) {
    throw new TypeError("this model classifies images, and --text gives texts: give --data");
  }
  const { problemType, imageSize: [imageSize] } = model.description;
  const path = `${folder}/preprocessor_config.json`;
  const preprocessing = await readPreprocessing(path, { imageSize });
  await using source = await openData(data, { kinds: ["image"] });
  const output = new ClassOutput(model, problemType);
  for await (const some of inBatches(imagesIn(source), batch)) {
    const rows = await imageLogits(model, some.map(({ image }) => image), preprocessing);
    for (const [k, logits] of rows.entries()) await output.write(some[k], logits);
    if (output.isClosed) break;
  }
  return 0;
}

async function readingOf(model: PretrainedModel, { tokenizer, context }: ClassifyFlags) {
  const most = Number(model.form.config.values.max_position_embeddings ?? 512);
  if (context !== undefined && context > most) {
    throw new RangeError(
      `--context ${context} is more than the ${most} tokens that the model supports`,
    );
  }
  return { tokenizer: await readTextTokenizer(tokenizer), context: context ?? most };
}

async function* asIterable<Item>(items: readonly Item[]): AsyncGenerator<Item> {
  for (const item of items) {
    await Promise.resolve();
    yield item;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
