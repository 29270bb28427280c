import assert from "node:assert/strict";
import { BufferPool, sizeClass } from "../../src/device/pool.ts";

/** A pool of numbered pieces, and what is alive of them. */
function numberedPool(limits?: { maxPooledBytes?: number; maxPieceBytes?: number }) {
  const alive = new Map<number, number>();
  let made = 0;
  const pool = new BufferPool<number>({
    create(byteLength) {
      alive.set(++made, byteLength);
      return made;
    },
    destroy(piece, byteLength) {
      assert.equal(alive.get(piece), byteLength);
      alive.delete(piece);
    },
  }, limits);
  return { pool, alive };
}

Deno.test("sizeClass() wastes at most an eighth above 4 KiB and never shrinks", () => {
  for (const bytes of [0, 1, 255, 256, 257, 4095, 4096, 4097, 5000, 2 ** 20 + 1, 3 * 2 ** 25 + 7]) {
    const size = sizeClass(bytes);
    assert.ok(size >= bytes && size % 16 === 0, `${bytes} -> ${size}`);
    assert.ok(size <= Math.max(bytes + 256, bytes * 1.125), `${bytes} -> ${size}`);
    assert.equal(sizeClass(size), size);
  }
});

Deno.test("BufferPool gives a returned piece to the next request of its size class", () => {
  const { pool, alive } = numberedPool();
  const first = pool.take(5000);
  pool.give(first);
  assert.equal(pool.pooledBytes, first.capacity);
  assert.deepEqual(pool.take(first.capacity - 3), first);
  assert.equal(pool.pooledBytes, 0);
  assert.notEqual(pool.take(5000).memory, first.memory);
  assert.equal(alive.size, 2);
});

Deno.test("BufferPool frees what is returned beyond maxPooledBytes", () => {
  const { pool, alive } = numberedPool({ maxPooledBytes: 1024 });
  const pieces = [pool.take(512), pool.take(512), pool.take(512)];
  for (const piece of pieces) pool.give(piece);
  assert.equal(pool.pooledBytes, 1024);
  assert.equal(alive.size, 2);
});

Deno.test("BufferPool makes no piece larger than maxPieceBytes unless it is asked to", () => {
  const { pool } = numberedPool({ maxPieceBytes: 5000 });
  assert.equal(pool.take(4999).capacity, 5000);
  assert.equal(pool.take(6000).capacity, 6000);
});

Deno.test("BufferPool frees all that it keeps when it is drained or disposed", () => {
  const { pool, alive } = numberedPool();
  pool.give(pool.take(300));
  pool.drain();
  assert.equal(alive.size, 0);
  assert.equal(pool.pooledBytes, 0);
  pool.give(pool.take(300));
  pool[Symbol.dispose]();
  assert.equal(alive.size, 0);
});
