// What is to be classified: texts of --text, or of the data, each with what names it in the output.

import { basename } from "node:path";
import type { DataSource } from "../train/data/data_source.ts";
import type { RecordKind } from "../train/data/records.ts";

/** A text, or two. */
export interface TextInput {
  readonly text: string;
  readonly pair?: string;
}

/** Words of a text. */
export interface WordsInput {
  readonly words: readonly string[];
}

/** An image. */
export interface ImageInput {
  readonly image: string;
}

/** The kinds of data that a classifier of texts reads; labels are not needed, and not looked at. */
export const TEXT_KINDS = ["text", "labelled-text", "unlabelled-text"] as const;
/** Those of a classifier of words. */
export const WORD_KINDS = ["text", "tagged-tokens", "words"] as const;

/** The texts of data: a line of a text file, or a record. */
export async function* textsIn(
  source: DataSource<(typeof TEXT_KINDS)[number]>,
): AsyncGenerator<TextInput> {
  for await (const record of source.records()) {
    if ("pair" in record) {
      const { text, pair } = record;
      yield pair === undefined ? { text } : { text, pair };
    } else if (isOfText(source)) {
      for (const text of linesOf(record.text)) yield { text };
    } else yield { text: record.text };
  }
}

/** The texts of data as words. */
export async function* wordsIn(
  source: DataSource<(typeof WORD_KINDS)[number]>,
): AsyncGenerator<WordsInput> {
  for await (const record of source.records()) {
    if ("tokens" in record) yield { words: record.tokens };
    else {
      const texts = isOfText(source) ? linesOf(record.text) : [record.text];
      for (const text of texts) yield { words: wordsOf(text) };
    }
  }
}

/** The images of data. */
export async function* imagesIn(source: DataSource<"image">): AsyncGenerator<ImageInput> {
  for await (const { path } of source.records()) yield { image: path };
}

/** Words and punctuation, as BERT's tokenizers divide a text. */
export function wordsOf(text: string): string[] {
  return text.match(/[^\s\p{P}\p{S}]+|[\p{P}\p{S}]/gu) ?? [];
}

/** Batches of items, the last of which may be smaller. */
export async function* inBatches<Item>(
  items: AsyncIterable<Item>,
  size: number,
): AsyncGenerator<Item[]> {
  let batch: Item[] = [];
  for await (const item of items) {
    batch.push(item);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** The name of an input in a table. */
export function nameOf(input: TextInput | ImageInput): string {
  if ("image" in input) return basename(input.image);
  return input.pair === undefined ? input.text : `${input.text} | ${input.pair}`;
}

function isOfText({ files }: DataSource<RecordKind>): boolean {
  return files[0].format === "text";
}

function linesOf(text: string): string[] {
  return text.split(/\r?\n/).filter((line) => line.trim() !== "");
}
