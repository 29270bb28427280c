// Where a DataLoader's examples come from: those with random access, which can be shuffled, and those that come one after the other.
//
//   array, typed array               length, [index]
//   dataset                          length, get(index)
//   iterable, async iterable         no length: an order of its own

import { kindOf } from "../../tensor/argument_checks.ts";

/**
 * Examples with random access, such as rows of a file.
 *
 * @category Data
 */
export interface Dataset<Example> {
  /** Number of examples. */
  readonly length: number;
  /** The example at `index`, from 0 to below `length`. */
  get(index: number): Example | Promise<Example>;
}

/**
 * What a DataLoader takes examples from. Iterables are read anew in every pass, by every rank.
 *
 * @category Data
 */
export type ExampleSource<Example> =
  | ArrayLike<Example>
  | Dataset<Example>
  | Iterable<Example>
  | AsyncIterable<Example>;

/** Examples that come one after the other, from the first one on in every pass. */
export class ExampleStream<Example> {
  readonly #source: Iterable<Example> | AsyncIterable<Example>;
  #hadExamples = false;

  /** Reads an iterable. */
  constructor(source: Iterable<Example> | AsyncIterable<Example>) {
    this.#source = source;
  }

  /** The examples of a pass. @throws {Error} if there are none, and another pass had some */
  async *pass(): AsyncGenerator<Example, void, undefined> {
    let isEmpty = true;
    for await (const example of this.#source) {
      isEmpty = false;
      this.#hadExamples = true;
      yield example;
    }
    if (isEmpty && this.#hadExamples) {
      throw new Error(
        "DataLoader got no examples in another pass through an iterable, which can be read once as it seems, as a generator: " +
          "give an object whose [Symbol.asyncIterator]() begins anew, or an array",
      );
    }
  }
}

/** The examples of a source. @throws {TypeError} if it is none */
export function examplesFrom<Example>(
  source: ExampleSource<Example>,
): Dataset<Example> | ExampleStream<Example> {
  if (typeof source === "object" && source !== null) {
    if ("length" in source) {
      if ("get" in source && typeof source.get === "function") return source;
      if (Array.isArray(source) || ArrayBuffer.isView(source)) {
        const values = source as ArrayLike<Example>;
        return {
          get length() {
            return values.length;
          },
          get: (index) => values[index],
        };
      }
    }
    if (Symbol.iterator in source || Symbol.asyncIterator in source) {
      return new ExampleStream(source);
    }
  }
  throw new TypeError(
    `DataLoader wants an array, an iterable, or { length, get(index) }, got ${kindOf(source)}`,
  );
}
