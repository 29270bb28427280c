// Rows of unsigned numbers, of unlike lengths, in one array: the tokens of examples, with what belongs to them.

/** Rows by index. */
export interface TokenRows {
  /** Number of rows. */
  readonly length: number;
  /** Row `index`; not to be changed. */
  row(index: number): Uint32Array;
  /** SHA-256 of all rows and their lengths, as hexadecimal digits. */
  digest(): Promise<string>;
}

/** Collects rows. */
export class TokenRowsBuilder {
  #values = new Uint32Array(1024);
  #ends: number[] = [];

  /** Number of rows. */
  get length(): number {
    return this.#ends.length;
  }

  /** Adds a row. */
  add(row: ArrayLike<number>): void {
    const begin = this.#ends.at(-1) ?? 0;
    const end = begin + row.length;
    if (end > this.#values.length) {
      const larger = new Uint32Array(Math.max(end, 2 * this.#values.length));
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values.set(row, begin);
    this.#ends.push(end);
  }

  /** All rows, in the order in which they were added, or those from `begin` to `end`. */
  rows(begin = 0, end = this.length): TokenRows {
    const values = this.#values;
    const beginOf = (index: number) => index === 0 ? 0 : this.#ends[index - 1];
    return {
      length: end - begin,
      row: (index) => values.subarray(beginOf(begin + index), this.#ends[begin + index]),
      digest: async () => {
        const ends = Uint32Array.from(
          { length: end - begin },
          (_, k) => this.#ends[begin + k] - beginOf(begin),
        );
        const all = values.subarray(beginOf(begin), beginOf(end));
        return await digestOf(ends, all);
      },
    };
  }
}

/** SHA-256 of the digests of arrays, as hexadecimal digits. */
export async function digestOf(
  ...arrays: readonly (Uint32Array<ArrayBuffer> | Float32Array<ArrayBuffer>)[]
): Promise<string> {
  const digests = await Promise.all(
    arrays.map(async (each) => new Uint8Array(await crypto.subtle.digest("SHA-256", each))),
  );
  const all = Uint8Array.from(digests.flatMap((each) => [...each]));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", all)).toHex();
}
