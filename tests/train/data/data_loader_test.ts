// DataLoader: the same batches on any number of ranks, in the order of a plain loop.

import assert from "node:assert/strict";
import fc from "fast-check";
import { microBatchesFrom } from "../../../src/train/example_order.ts";
import {
  type BatchPlace,
  DataLoader,
  type DataLoaderOptions,
} from "../../../src/train/data/data_loader.ts";

const numbers = (length: number) => Array.from({ length }, (_, i) => i);

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

async function* generated(length: number): AsyncGenerator<number> {
  for (let i = 0; i < length; i++) yield await Promise.resolve(i);
}

/** Plain chunks. */
function chunks(values: readonly number[], size: number, dropLast: boolean): number[][] {
  const found: number[][] = [];
  for (let at = 0; at < values.length; at += size) found.push(values.slice(at, at + size));
  return dropLast ? found.filter((each) => each.length === size) : found;
}

Deno.test("the ranks' parts together are the batches of a plain loop, from any source", async () => {
  const lengths = fc.record({
    length: fc.nat(40),
    batchSize: fc.integer({ min: 1, max: 9 }),
    dropLast: fc.boolean(),
    size: fc.integer({ min: 1, max: 4 }),
    prefetch: fc.nat(3),
  });
  await fc.assert(
    fc.asyncProperty(lengths, async ({ length, batchSize, dropLast, size, prefetch }) => {
      const last = length % batchSize;
      fc.pre(batchSize >= size && (dropLast || last === 0 || last >= size));
      const values = numbers(length);
      const sources = [
        values,
        Uint16Array.from(values),
        { length, get: (i: number) => Promise.resolve(i) },
        new Set(values),
        generated(length),
      ];
      for (const [which, source] of sources.entries()) {
        const parts: (readonly number[])[][] = [];
        for (let rank = 0; rank < size; rank++) {
          const processGroup = { rank, size };
          const options = { batchSize, dropLast, processGroup, prefetch };
          const fresh = which === 4 ? generated(length) : source;
          parts.push(await all(new DataLoader(fresh, options)));
        }
        const joined = parts[0].map((_, b) => parts.flatMap((own) => own[b]));
        assert.deepEqual(joined, chunks(values, batchSize, dropLast));
        for (const [b, first] of parts[0].entries()) {
          const sizes = parts.map((own) => own[b].length);
          assert.deepEqual(sizes, sizes.toSorted((x, y) => y - x));
          assert.ok(first.length - sizes.at(-1)! <= 1);
        }
      }
    }),
    { numRuns: 40 },
  );
});

Deno.test("a shuffled pass is that of `meshfactor train`, and another one in every epoch", async () => {
  const [length, seed, batchSize] = [24, 9, 4];
  const loader = new DataLoader(numbers(length), { batchSize, shuffle: true, seed });
  const [first, second] = [await all(loader), await all(loader)];
  for (const [epoch, batches] of [first, second].entries()) {
    const order = { length, seed, accumulate: 6, batch: batchSize };
    const wanted = microBatchesFrom(order, epoch * length);
    assert.deepEqual(batches, wanted.map((drawn) => drawn.map(({ index }) => index)));
    assert.deepEqual(batches.flat().toSorted((a, b) => a - b), numbers(length));
  }
  assert.notDeepEqual(first, second);
  // A pass can be repeated, and begun where it was left.
  assert.deepEqual(await all(loader.batches({ epoch: 0, begin: 2 })), first.slice(2));
  assert.deepEqual(await all(loader), second);
  const other = new DataLoader(numbers(length), { batchSize, shuffle: true, seed: 10 });
  assert.notDeepEqual(await all(other), first);
});

Deno.test("the next batch is made while the present one is used, and no more than `prefetch`", async () => {
  for (const prefetch of [0, 1, 2]) {
    let numMade = 0;
    const loader = new DataLoader(numbers(10), {
      batchSize: 2,
      prefetch,
      collate: (examples) => (numMade++, examples),
    });
    assert.equal(numMade, 0);
    let numUsed = 0;
    for await (const _ of loader) {
      numUsed++;
      for (let turn = 0; turn < 50; turn++) await Promise.resolve(); // what awaiting a step leaves time for
      assert.equal(numMade, Math.min(5, numUsed + prefetch));
    }
    assert.equal(numMade, 5);
  }
});

Deno.test("a loop that ends early closes the source and disposes of batches that nobody got", async () => {
  for (const kind of ["dispose", "asyncDispose"] as const) {
    const disposed: number[] = [];
    let isClosed = false;
    const source = async function* () {
      try {
        yield* generated(100);
      } finally {
        isClosed = true;
      }
    };
    const loader = new DataLoader(source(), {
      batchSize: 2,
      prefetch: 3,
      collate: ([first]) => ({ first, [Symbol[kind]]: () => void disposed.push(first) }),
    });
    for await (const { first } of loader) if (first === 2) break;
    assert.deepEqual([disposed, isClosed], [[4, 6, 8], true]);
  }
});

Deno.test("an error of a source or of collate is thrown when its batch is reached, not before", async () => {
  const failing = {
    length: 8,
    get: (index: number) => {
      if (index === 5) throw new Error("cannot read row 5");
      return index;
    },
  };
  const got: (readonly number[])[] = [];
  await assert.rejects(async () => {
    for await (const batch of new DataLoader(failing, { batchSize: 2, prefetch: 3 })) {
      got.push(batch);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }, /cannot read row 5/);
  assert.deepEqual(got, [[0, 1], [2, 3]]);
  // A batch that fails beyond the end of a loop that was left is nobody's.
  for await (const _ of new DataLoader(failing, { batchSize: 2, prefetch: 3 })) break;
});

Deno.test("collate knows where its examples are in the whole batch", async () => {
  const places: BatchPlace[] = [];
  const loader = new DataLoader(numbers(12), {
    batchSize: 5,
    processGroup: { rank: 1, size: 2 },
    collate: (examples, place) => (places.push(place), examples),
  });
  assert.deepEqual(await all(loader.batches({ epoch: 3, begin: 1 })), [[8, 9], [11]]);
  assert.deepEqual(places, [
    { epoch: 3, index: 1, wholeSize: 5, firstRow: 3 },
    { epoch: 3, index: 2, wholeSize: 2, firstRow: 1 },
  ]);
});

Deno.test("a generator is not read as empty in a second pass", async () => {
  const loader = new DataLoader(generated(4), { batchSize: 2 });
  assert.equal(loader.numBatches, undefined);
  assert.equal((await all(loader)).length, 2);
  await assert.rejects(() => all(loader), /no examples in another pass.*begins anew/s);
  const again = new DataLoader(new Set([1, 2]), { batchSize: 2 });
  assert.deepEqual([await all(again), await all(again)], [[[1, 2]], [[1, 2]]]);
});

Deno.test("what would end in unequal numbers of batches, or is no option, is refused", async () => {
  const make = (length: number, options: unknown) =>
    new DataLoader(numbers(length), options as DataLoaderOptions<number, readonly number[]>);
  const processGroup = { rank: 0, size: 3 };
  assert.throws(() => make(9, { batchSize: 2, processGroup }), /A batch has 2 examples for 3/);
  assert.throws(() => make(8, { batchSize: 3, processGroup }), /last batch has 2 .* dropLast/);
  assert.equal(make(8, { batchSize: 3, processGroup, dropLast: true }).numBatches, 2);
  const stream = new DataLoader(generated(4), { batchSize: 3, processGroup });
  await assert.rejects(() => all(stream), /last batch has 1 examples for 3 ranks/);
  assert.throws(() => make(9, { batchSize: 0 }), /batchSize to be an integer from 1 on, got 0/);
  assert.throws(() => make(9, { batchsize: 2 }), /no option "batchsize"/);
  assert.throws(() => make(9, { batchSize: 2, seed: -1 }), /seed/);
  assert.throws(() => make(9, { batchSize: 2, processGroup: { rank: 2, size: 2 } }), /rank/);
  const shuffled = { batchSize: 2, shuffle: true };
  assert.throws(() => new DataLoader(new Set([1]), shuffled), /cannot shuffle an iterable/);
  assert.throws(() => new DataLoader(5 as unknown as number[], shuffled), /wants an array.*got 5/);
});
