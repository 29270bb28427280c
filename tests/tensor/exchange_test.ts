import assert from "node:assert/strict";
import { wasmDevice } from "../../src/device/wasm.ts";
import { allGather, allReduce, broadcast, reduceScatter } from "../../src/tensor/exchange.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { inProcessRanks } from "../dist/in_process_ranks.ts";

Deno.test("allReduce() of a range sums it over ranks and leaves its surroundings alone", async () => {
  await inProcessRanks(3, async ({ group }) => {
    using device = wasmDevice();
    using x = Tensor.from(device, [1, 2, 3, 4, 5].map((value) => value * 10 ** group.rank));
    await allReduce({ buffer: x.buffer, offset: 1, length: 3 }, group);
    const own = 10 ** group.rank;
    assert.deepEqual([...await x.data()], [own, 222, 333, 444, 5 * own]);
    await allReduce(x, group);
    assert.deepEqual([...await x.data()], [111, 666, 999, 1332, 555]);
  });
});

Deno.test("broadcast() of a range gives every rank the root's", async () => {
  await inProcessRanks(3, async ({ group }) => {
    using device = wasmDevice();
    using x = Tensor.from(device, [group.rank, group.rank + 10]);
    await broadcast({ buffer: x.buffer, offset: 1, length: 1 }, { group, root: 2 });
    assert.deepEqual([...await x.data()], [group.rank, 12]);
  });
});

Deno.test("allGather() and reduceScatter() of a range work on uneven and empty parts", async () => {
  const counts = [2, 0, 3];
  await inProcessRanks(3, async ({ group }) => {
    using device = wasmDevice();
    const { rank } = group;
    using x = Tensor.from(device, [9, 10, 20, 30, 40, 50].map((value) => value + rank));
    await reduceScatter({ buffer: x.buffer, offset: 1, length: 5 }, { group, counts });
    const summed = [33, 63, 93, 123, 153];
    const isOwn = (i: number) => rank === 0 ? i < 2 : rank === 2 && i >= 2;
    const expected = summed.map((value, i) => isOwn(i) ? value : 10 * (i + 1) + rank);
    assert.deepEqual([...await x.data()], [9 + rank, ...expected]);
    await allGather({ buffer: x.buffer, offset: 1, length: 5 }, { group, counts });
    assert.deepEqual([...await x.data()], [9 + rank, ...summed]);
  });
});

Deno.test("exchanges refuse parts that do not fill the range, before anything is sent", async () => {
  await inProcessRanks(2, async ({ group }) => {
    using device = wasmDevice();
    using x = Tensor.from(device, [1, 2, 3]);
    for (const counts of [[1, 1], [3], [2, 2]]) {
      await assert.rejects(allGather(x, { group, counts }), {
        name: "RangeError",
        message: /2 counts that add up to 3/,
      });
    }
    assert.equal(group.counters.collectives, 0);
  });
});

Deno.test("a group of one rank reads nothing back", async () => {
  await inProcessRanks(1, async ({ group }) => {
    using device = wasmDevice();
    using x = Tensor.from(device, [1, 2]);
    device.read = () => Promise.reject(new Error("nothing should be read"));
    await allReduce(x, group);
    await allGather(x, { group, counts: [2] });
    await reduceScatter(x, { group, counts: [2] });
    await broadcast(x, { group, root: 0 });
  });
});
