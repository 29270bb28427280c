// The logits of a trained classifier for texts, words and images as they are in data.

import type { Device } from "../../device/device.ts";
import type { BertClassifier } from "../../models/bert_classifier.ts";
import type { BertTokenClassifier } from "../../models/bert_token_classifier.ts";
import type { VitClassifier } from "../../models/vit.ts";
import { noGrad } from "../../tensor/scope.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { type ImagePreprocessing, readPixels } from "../data/image_pixels.ts";
import { surroundedTokens, wordTokens } from "./example_tokens.ts";
import { longestOf, paddedLength, paddedRows, paddingMask } from "./padding.ts";
import type { TextTokenizer } from "./text_tokenizer.ts";

/** How texts become tokens. */
export interface TextReading {
  readonly tokenizer: TextTokenizer;
  /** The most tokens of a text. */
  readonly context: number;
}

/** Logits of texts. */
export interface TextLogits<Row> {
  readonly rows: readonly Row[];
  /** Number of texts that were cut. */
  readonly numCut: number;
}

/** Logits [C] of each text, or pair of texts. */
export async function textLogits(
  model: BertClassifier,
  texts: readonly { readonly text: string; readonly pair?: string | undefined }[],
  reading: TextReading,
): Promise<TextLogits<Float32Array>> {
  const read = texts.map((each) => surroundedTokens(each, reading));
  using batch = textBatch(deviceOf(model), read, reading);
  using logits = await noGrad(() => model.forward(batch));
  return { rows: rowsOf(await logits.data(), texts.length), numCut: numCut(read) };
}

/** Logits [C] of each word of each text; undefined for words that have no token, or none among those that the model gets. */
export async function wordLogits(
  model: BertTokenClassifier,
  texts: readonly (readonly string[])[],
  reading: TextReading,
): Promise<TextLogits<readonly (Float32Array | undefined)[]>> {
  const read = texts.map((words) => wordTokens(words, reading));
  using batch = textBatch(deviceOf(model), read, reading);
  using logits = await noGrad(() => model.forward(batch));
  const ofTexts = rowsOf(await logits.data(), texts.length);
  const [, length] = batch.tokens.shape;
  const rows = read.map(({ words }, text) => {
    const ofTokens = rowsOf(ofTexts[text], length);
    const tokenOf = new Map(words.map((word, at) => [word, at]));
    return texts[text].map((_, word) => {
      const at = tokenOf.get(word);
      return at === undefined ? undefined : ofTokens[at];
    });
  });
  return { rows, numCut: numCut(read) };
}

/** Logits [C] of each image. @throws {Error} naming a file that is no image, or of another size than the model wants */
export async function imageLogits(
  model: VitClassifier,
  paths: readonly string[],
  preprocessing: ImagePreprocessing,
): Promise<readonly Float32Array[]> {
  const { numChannels, imageSize } = model.description;
  const shape = [numChannels, ...imageSize];
  const size = shape.reduce((a, b) => a * b);
  const values = new Float32Array(paths.length * size);
  for (const [at, path] of paths.entries()) {
    values.set(imagePixels(await readPixels(path, preprocessing), { path, shape }), at * size);
  }
  using pixels = Tensor.from(deviceOf(model), values, { shape: [paths.length, ...shape] });
  using logits = await noGrad(() => model.forward({ pixels }));
  return rowsOf(await logits.data(), paths.length);
}

/** Pixels of an image, if they have the model's size. @throws {RangeError} naming the file, if they have another */
export function imagePixels(
  pixels: Float32Array,
  { path, shape }: { readonly path: string; readonly shape: readonly number[] },
): Float32Array {
  if (pixels.length === shape.reduce((a, b) => a * b)) return pixels;
  throw new RangeError(
    `${path}: preprocessor_config.json makes ${
      pixels.length / 3
    } pixels of it, and the model wants ${shape.join(" x ")}: give the size of the model there`,
  );
}

function textBatch(
  device: Device,
  read: readonly {
    readonly tokens: readonly number[];
    readonly types?: readonly number[] | undefined;
  }[],
  { context }: TextReading,
) {
  const tokens = read.map((each) => each.tokens);
  const length = paddedLength(longestOf(tokens), context);
  const types = read.map((each) => each.types ?? []);
  const scope = new DisposableStack();
  return {
    tokens: scope.use(paddedRows(device, tokens, { length, fill: 0 })),
    tokenTypes: scope.use(paddedRows(device, types, { length, fill: 0 })),
    mask: scope.use(paddingMask(device, tokens, { length })),
    [Symbol.dispose]: () => scope.dispose(),
  };
}

function deviceOf(model: BertClassifier | BertTokenClassifier | VitClassifier): Device {
  return model.parameters()[0].device;
}

/** The rows of a matrix. */
function rowsOf(values: Float32Array, numRows: number): Float32Array[] {
  const size = values.length / numRows;
  return Array.from({ length: numRows }, (_, row) => values.slice(row * size, (row + 1) * size));
}

function numCut(read: readonly { readonly isCut: boolean }[]): number {
  return read.filter(({ isCut }) => isCut).length;
}
