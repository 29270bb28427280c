// Looks at the first chunk of a stream without taking it away.

/** A stream, and its first chunk; undefined if it is empty. */
export interface Peeked<Chunk> {
  readonly first: Chunk | undefined;
  /** All chunks, the first too. */
  readonly all: AsyncIterable<Chunk>;
}

/** Reads the first chunk. */
export async function peeked<Chunk>(chunks: AsyncIterable<Chunk>): Promise<Peeked<Chunk>> {
  const source = chunks[Symbol.asyncIterator]();
  const { value: first, done } = await source.next();
  if (done === true) return { first: undefined, all: chunks };
  return { first, all: { [Symbol.asyncIterator]: () => startingWith(first, source) } };
}

async function* startingWith<Chunk>(
  first: Chunk,
  rest: AsyncIterator<Chunk>,
): AsyncGenerator<Chunk> {
  try {
    yield first;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) {
      yield next.value;
    }
  } finally {
    // Closes the file if not everything was wanted.
    await rest.return?.();
  }
}
