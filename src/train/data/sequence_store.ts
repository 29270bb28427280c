// Examples of unlike lengths: rows of named fields, such as the tokens of a chat and, for each, whether it is to be learned.
//
//   values   field a: [row 0 | row 1 | row 2 | ...]     field b: [row 0 | row 1 | ...]
//   ends     field a: [end of row 0, end of row 1, ...]  ...
//
// Both are array stores, so that rows beyond the memory are in temporary files.

import { createHash } from "node:crypto";
import {
  ArrayWriter,
  type StoredArray,
  type StoredType,
  type StoredValues,
  type StorePlace,
} from "./array_store.ts";

/** The fields of a row, and how the numbers of each are stored. */
export type Fields = Readonly<Record<string, StoredType>>;

/** A row: some numbers for each field. */
export type Row<F extends Fields> = { readonly [Name in keyof F]: StoredValues<F[Name]> };

/** Takes rows. Disposing it before `finish` gives them up. */
export class SequenceWriter<F extends Fields> implements Disposable {
  readonly #columns: readonly ColumnWriter[];
  #length = 0;

  /** @param place of the values; its `memoryBytes` hold for each field */
  constructor(fields: F, place: Pick<StorePlace, "memoryBytes"> = {}) {
    this.#columns = Object.entries(fields).map(([name, type]) => ({
      name,
      values: new ArrayWriter(type, place),
      ends: new ArrayWriter("f64", place),
    }));
  }

  /** Number of rows. */
  get length(): number {
    return this.#length;
  }

  /** Appends a row. */
  append(row: { readonly [Name in keyof F]: ArrayLike<number> }): void {
    for (const { name, values, ends } of this.#columns) {
      values.append(row[name]);
      ends.append([values.length]);
    }
    this.#length++;
  }

  /** What was appended; the writer takes no more. */
  finish(): SequenceStore<F> {
    const columns = this.#columns.map(({ name, values, ends }) => ({
      name,
      values: values.finish(),
      ends: ends.finish(),
    }));
    return new SequenceStore(this.#length, columns);
  }

  [Symbol.dispose](): void {
    for (const { values, ends } of this.#columns) {
      values[Symbol.dispose]();
      ends[Symbol.dispose]();
    }
  }
}

/** Rows to read. Disposing it closes its files. */
export class SequenceStore<F extends Fields> implements Disposable {
  /** Number of rows. */
  readonly length: number;
  readonly #columns: ReadonlyMap<string, Column>;

  /** Made by a {@linkcode SequenceWriter}. */
  constructor(length: number, columns: readonly Column[]) {
    this.length = length;
    this.#columns = new Map(columns.map((column) => [column.name, column]));
  }

  /** The numbers of one field of a row, not to be changed. @throws {RangeError} if there is no such row */
  read<Name extends keyof F & string>(index: number, name: Name): StoredValues<F[Name]> {
    const [begin, end] = this.#range(index, name);
    return this.#columns.get(name)!.values.read(begin, end) as StoredValues<F[Name]>;
  }

  /** A whole row. @throws {RangeError} if there is none */
  row(index: number): Row<F> {
    const values = [...this.#columns.keys()].map((name) => [name, this.read(index, name)]);
    return Object.fromEntries(values) as Row<F>;
  }

  /** How many numbers a field of a row has. @throws {RangeError} if there is no such row */
  lengthOf(index: number, name: keyof F & string): number {
    const [begin, end] = this.#range(index, name);
    return end - begin;
  }

  /** SHA-256 of all rows and their lengths, as hexadecimal digits. */
  get sha256(): string {
    const hash = createHash("sha256");
    for (const { name, values, ends } of this.#columns.values()) {
      hash.update(`${name} ${values.type} ${values.sha256} ${ends.sha256}\n`);
    }
    return hash.digest("hex");
  }

  [Symbol.dispose](): void {
    for (const { values, ends } of this.#columns.values()) {
      values[Symbol.dispose]();
      ends[Symbol.dispose]();
    }
  }

  #range(index: number, name: string): readonly [number, number] {
    const { ends } = this.#columns.get(name)!;
    if (index === 0) return [0, ends.read(0, 1)[0]];
    const [begin, end] = ends.read(index - 1, index + 1);
    return [begin, end];
  }
}

interface ColumnWriter {
  readonly name: string;
  readonly values: ArrayWriter<StoredType>;
  readonly ends: ArrayWriter<"f64">;
}

interface Column {
  readonly name: string;
  readonly values: StoredArray<StoredType>;
  readonly ends: StoredArray<"f64">;
}
