// Kinds of records, and the columns that each is read from.

import type { ChatMessage } from "../chat_template.ts";
import type { Row } from "./row.ts";
import { chatMessages, label, tagList, text, textList } from "./values.ts";

/** A class by its name or number, several of them, or a number to predict. */
export type Label = string | number | readonly (string | number)[];

/** What is common to records: where they are, such as `train.jsonl:17`. */
interface Placed {
  readonly place: string;
}

/** The records of each kind. */
export interface RecordsByKind {
  /** A text to continue. */
  readonly text: Placed & { readonly text: string };
  /** A completion to learn, given a prompt. */
  readonly "prompt-completion": Placed & { readonly prompt: string; readonly completion: string };
  /** A chat. */
  readonly messages: Placed & { readonly messages: readonly ChatMessage[] };
  /** A text, or two, with a label. */
  readonly "labelled-text": Placed & {
    readonly text: string;
    readonly pair: string | undefined;
    readonly label: Label;
  };
  /** Words with a tag for each. */
  readonly "tagged-tokens": Placed & {
    readonly tokens: readonly string[];
    readonly tags: readonly (string | number)[];
  };
  /** A text to classify, or two, without a label. */
  readonly "unlabelled-text": Placed & { readonly text: string; readonly pair: string | undefined };
  /** Words to classify. */
  readonly words: Placed & { readonly tokens: readonly string[] };
  /** A text to turn into another. */
  readonly "input-target": Placed & { readonly input: string; readonly target: string };
  /** A file with an image; its label is the name of the folder that it is in. */
  readonly image: Placed & { readonly path: string; readonly label: string };
}

/** What a record is for. */
export type RecordKind = keyof RecordsByKind;

/** A record of a kind. */
export type DataRecord<Kind extends RecordKind = RecordKind> = RecordsByKind[Kind];

/** The kinds that rows can have. */
export type RowKind = Exclude<RecordKind, "image">;

/** Reads rows with certain columns as records of one kind. */
export interface RecordReader<Kind extends RowKind = RowKind> {
  readonly kind: Kind;
  /** The columns that it reads. */
  readonly columns: readonly string[];
  /** @throws {TypeError} naming place and column of a value that is missing or of another type */
  read(row: Row): DataRecord<Kind>;
}

/**
 * The reader for files with these columns.
 *
 * @param kinds the kinds that are of use
 * @throws {TypeError} listing the columns found and those wanted, if there is no such kind, or several
 */
export function recordReader(
  columns: readonly string[],
  { kinds, path }: { readonly kinds: readonly RecordKind[]; readonly path: string },
): RecordReader {
  const readers = READERS.filter((reader) =>
    kinds.includes(reader.kind) && reader.columns.every((name) => columns.includes(name))
  );
  // Labelled texts are texts, too: what uses more columns is meant.
  const found = readers.filter((reader) =>
    !readers.some((other) =>
      other !== reader && reader.columns.every((name) => other.columns.includes(name))
    )
  );
  const [reader] = found;
  if (found.length === 1 || found.every(({ kind }) => kind === reader?.kind) && reader) {
    return reader;
  }
  const names = columns.length === 0 ? "no columns" : `the columns ${columns.join(", ")}`;
  if (found.length > 1) {
    throw new TypeError(
      `${path} has ${names}, which fit ${
        found.map((reader) => `${reader.kind} (${reader.columns.join(", ")})`).join(" and ")
      }: leave the columns of one of them out`,
    );
  }
  const wanted = READERS.filter(({ kind }) => kinds.includes(kind)).map((reader) =>
    `${reader.columns.join(" + ")} (${reader.kind})`
  );
  throw new TypeError(`${path} has ${names}; wanted are ${wanted.join(", or ")}`);
}

/** Every way to read a record, in the order in which a file with the columns of several is read. */
const READERS: readonly RecordReader[] = [
  {
    kind: "messages",
    columns: ["messages"],
    read: (row) => ({ place: row.place, messages: chatMessages(row, "messages") }),
  },
  {
    kind: "prompt-completion",
    columns: ["prompt", "completion"],
    read: (row) => ({
      place: row.place,
      prompt: text(row, "prompt"),
      completion: text(row, "completion"),
    }),
  },
  {
    kind: "input-target",
    columns: ["input", "target"],
    read: (row) => ({ place: row.place, input: text(row, "input"), target: text(row, "target") }),
  },
  ...["tags", "labels", "ner_tags"].map(tagged),
  ...["label", "labels"].flatMap((name) => [
    labelled("sentence1", "sentence2", name),
    labelled("text", "text_pair", name),
    labelled("sentence", undefined, name),
    labelled("text", undefined, name),
  ]),
  unlabelled("sentence1", "sentence2"),
  unlabelled("text", "text_pair"),
  unlabelled("sentence", undefined),
  {
    kind: "words",
    columns: ["tokens"],
    read: (row) => ({ place: row.place, tokens: textList(row, "tokens") }),
  },
  {
    kind: "text",
    columns: ["text"],
    read: (row) => ({ place: row.place, text: text(row, "text") }),
  },
];

function tagged(name: string): RecordReader<"tagged-tokens"> {
  return {
    kind: "tagged-tokens",
    columns: ["tokens", name],
    read: (row) => {
      const [tokens, tags] = [textList(row, "tokens"), tagList(row, name)];
      if (tokens.length === tags.length) return { place: row.place, tokens, tags };
      throw new TypeError(
        `${row.place}: ${tokens.length} tokens and ${tags.length} ${name}; wanted one for each`,
      );
    },
  };
}

function labelled(
  first: string,
  second: string | undefined,
  name: string,
): RecordReader<"labelled-text"> {
  return {
    kind: "labelled-text",
    columns: [first, ...(second === undefined ? [] : [second]), name],
    read: (row) => ({
      place: row.place,
      text: text(row, first),
      pair: second === undefined ? undefined : text(row, second),
      label: label(row, name),
    }),
  };
}

function unlabelled(first: string, second: string | undefined): RecordReader<"unlabelled-text"> {
  return {
    kind: "unlabelled-text",
    columns: [first, ...(second === undefined ? [] : [second])],
    read: (row) => ({
      place: row.place,
      text: text(row, first),
      pair: second === undefined ? undefined : text(row, second),
    }),
  };
}
