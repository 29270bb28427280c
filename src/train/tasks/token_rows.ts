// Examples as rows of unsigned numbers, of unlike lengths: tokens, with what belongs to them. Each task says what is in its rows.

import { type SequenceStore, SequenceWriter } from "../data/sequence_store.ts";

/** Rows by index. */
export interface TokenRows {
  /** Number of rows. */
  readonly length: number;
  /** Row `index`; not to be changed. */
  row(index: number): Uint32Array;
  /** SHA-256 of all rows and their lengths, as hexadecimal digits. */
  digest(): Promise<string>;
}

/** Takes rows; its `finish()` is for {@linkcode tokenRows}. */
export type RowWriter = SequenceWriter<{ readonly row: "u32" }>;

/** A writer of rows, which go to a temporary file beyond 64 MiB. */
export function rowWriter(): RowWriter {
  return new SequenceWriter({ row: "u32" });
}

/** The rows of a store. */
export function tokenRows(store: SequenceStore<{ readonly row: "u32" }>): TokenRows {
  return {
    length: store.length,
    row: (index) => store.read(index, "row"),
    digest: () => Promise.resolve(store.sha256),
  };
}

/** SHA-256 of numbers, as hexadecimal digits. */
export async function digestOf(
  values: Uint32Array<ArrayBuffer> | Float32Array<ArrayBuffer>,
): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", values)).toHex();
}
