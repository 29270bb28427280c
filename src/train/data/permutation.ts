// The order of examples in an epoch: a permutation of 0 to n - 1 with random access, in constant memory.
//
//   n <= A B, A = ceil(sqrt n), B = ceil(n / A);   index = l B + r
//   even rounds   l = (l + F(round, r)) mod A      F: Philox under (seed, epoch)
//   odd rounds    r = (r + F(round, l)) mod B
//
// Each round can be undone, so all of them are a permutation of 0 to A B - 1 (a Feistel network; Black and Rogaway, "Ciphers with
// arbitrary finite domains", 2002). A result of n or more is put in again until it is below n ("cycle walking"), which leaves a
// permutation of 0 to n - 1; A B is below n + A, so this is rare.

import { philox } from "../../nn/philox.ts";

/** An order of the numbers from 0 to below `length`, which (seed, epoch) determine. */
export class Permutation {
  /** How many numbers there are. */
  readonly length: number;
  readonly #rows: number;
  readonly #columns: number;
  readonly #seed: number;
  readonly #epoch: number;
  readonly #words = new Uint32Array(4);

  /** @throws {RangeError} if `length` or `epoch` is no integer from 0 to 2^53 - 1, or `seed` none from 0 to 2^32 - 1 */
  constructor(
    length: number,
    { seed, epoch }: { readonly seed: number; readonly epoch: number },
  ) {
    requireInteger("a length", length);
    requireInteger("an epoch", epoch);
    requireInteger("a seed", seed, 2 ** 32 - 1);
    this.length = length;
    this.#rows = Math.max(1, Math.ceil(Math.sqrt(length)));
    this.#columns = Math.ceil(length / this.#rows);
    this.#seed = seed;
    this.#epoch = epoch;
  }

  /** The number at `position`. @throws {RangeError} unless it is an integer from 0 to below `length` */
  at(position: number): number {
    requireInteger("a position", position, this.length - 1);
    let index = position;
    do index = this.#mixed(index); while (index >= this.length);
    return index;
  }

  #mixed(index: number): number {
    const [rows, columns] = [this.#rows, this.#columns];
    let row = Math.floor(index / columns);
    let column = index % columns;
    for (let round = 0; round < ROUNDS; round += 2) {
      row = (row + this.#random(round, column, rows)) % rows;
      column = (column + this.#random(round + 1, row, columns)) % columns;
    }
    return row * columns + column;
  }

  /** A number below `bound`, which is at most 2^27: the remainder of 53 bits. */
  #random(round: number, half: number, bound: number): number {
    const epoch = this.#epoch;
    philox(
      this.#words,
      [half, round, epoch >>> 0, Math.floor(epoch / 2 ** 32)],
      [this.#seed, ORDERS],
    );
    return (this.#words[0] * 2 ** 21 + (this.#words[1] >>> 11)) % bound;
  }
}

function requireInteger(what: string, value: number, most = Number.MAX_SAFE_INTEGER): void {
  if (Number.isSafeInteger(value) && value >= 0 && value <= most) return;
  throw new RangeError(`Wanted ${what} from 0 to ${most}, an integer, got ${value}`);
}

const ROUNDS = 8;
/** Separates these random numbers from others of the same seed. */
const ORDERS = 0x6f726472;
