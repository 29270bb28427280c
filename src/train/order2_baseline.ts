// An n-gram baseline: the probability of a byte after the two before it, from its counts in the training text, interpolated with the
// probabilities after one byte and after none (Witten and Bell 1991, as in Bell, Cleary and Witten's PPM):
//
//   p_k(b | c) = (n(c b) + d(c) p_{k-1}(b)) / (n(c) + d(c))       c: the last k bytes, n: counts, d: different bytes seen after c
//   p_{-1}(b)  = 1 / 256
//
// A language model of bytes that is no better has learned nothing beyond three adjacent bytes.

/** An order-2 model of bytes: 66 MiB of counts. */
export class Order2Baseline {
  readonly #orders: readonly ByteCounts[];

  /** Counts the bytes of `text`. */
  constructor(text: Uint8Array) {
    this.#orders = [0, 1, 2].map((order) => new ByteCounts(text, order));
  }

  /** The probability of `text[at]` after the bytes before it. */
  probability(text: Uint8Array, at: number): number {
    return this.#orders.reduce((lower, counts) => counts.mix(text, { at, lower }), 1 / NUM_BYTES);
  }

  /** Mean loss, in nats per byte, of predicting the bytes of the windows that begin at `starts`. */
  loss(
    { text, context, starts }: {
      readonly text: Uint8Array;
      /** Bytes of a window. */
      readonly context: number;
      readonly starts: readonly number[];
    },
  ): number {
    let total = 0;
    for (const start of starts) {
      for (let at = start + 1; at <= start + context; at++) {
        total -= Math.log(this.probability(text, at));
      }
    }
    return total / (starts.length * context);
  }
}

/** The counts of each byte after each sequence of `order` bytes. */
class ByteCounts {
  readonly #order: number;
  /** [256^order, 256] */
  readonly #counts: Uint32Array;
  /** Sums of rows of the counts. */
  readonly #totals: Uint32Array;
  /** Number of nonzero counts of each row. */
  readonly #distinct: Uint32Array;

  constructor(text: Uint8Array, order: number) {
    const numContexts = NUM_BYTES ** order;
    this.#order = order;
    this.#counts = new Uint32Array(numContexts * NUM_BYTES);
    this.#totals = new Uint32Array(numContexts);
    this.#distinct = new Uint32Array(numContexts);
    for (let at = order; at < text.length; at++) {
      const context = this.#contextOf(text, at);
      if (this.#counts[NUM_BYTES * context + text[at]]++ === 0) this.#distinct[context]++;
      this.#totals[context]++;
    }
  }

  /** The probability of `text[at]` interpolated with `lower`, that of the shorter context; `lower` at the beginning of the text. */
  mix(text: Uint8Array, { at, lower }: { readonly at: number; readonly lower: number }): number {
    if (at < this.#order) return lower;
    const context = this.#contextOf(text, at);
    const [total, distinct] = [this.#totals[context], this.#distinct[context]];
    if (total === 0) return lower;
    return (this.#counts[NUM_BYTES * context + text[at]] + distinct * lower) / (total + distinct);
  }

  #contextOf(text: Uint8Array, at: number): number {
    let context = 0;
    for (let back = this.#order; back > 0; back--) context = NUM_BYTES * context + text[at - back];
    return context;
  }
}

const NUM_BYTES = 256;
