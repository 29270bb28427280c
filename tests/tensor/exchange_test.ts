import assert from "node:assert/strict";
import type { DeviceKind } from "../../src/device/device.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import type { ProcessGroup } from "../../src/distributed/group.ts";
import {
  allGather,
  allReduce,
  broadcast,
  reduceScatter,
  type TensorOrRange,
} from "../../src/tensor/exchange.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { requestDevice } from "../../src/device/request_device.ts";
import { storageTypes } from "../../src/device/storage_types.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { webgpuTest } from "../support/device/webgpu_adapter.ts";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";
import { decode, encode } from "../reference/cast.ts";

const label = "x";

Deno.test("allReduce() of a range sums it over ranks and changes nothing around it", async () => {
  await inProcessRanks(3, async ({ group }) => {
    using device = wasmDevice();
    using x = Tensor.from(device, [1, 2, 3, 4, 5].map((value) => value * 10 ** group.rank));
    await allReduce({ buffer: x.buffer, offset: 1, length: 3 }, { group, label });
    const own = 10 ** group.rank;
    assertSameBits(await x.data(), [own, 222, 333, 444, 5 * own]);
    await allReduce(x, { group, label });
    assertSameBits(await x.data(), [111, 666, 999, 1332, 555]);
  });
});

Deno.test("broadcast() of a range copies the root's to every rank", async () => {
  await inProcessRanks(3, async ({ group }) => {
    using device = wasmDevice();
    using x = Tensor.from(device, [group.rank, group.rank + 10]);
    await broadcast({ buffer: x.buffer, offset: 1, length: 1 }, { group, label, root: 2 });
    assertSameBits(await x.data(), [group.rank, 12]);
  });
});

Deno.test("allGather() and reduceScatter() of a range work on uneven and empty parts", async () => {
  const counts = [2, 0, 3];
  await inProcessRanks(3, async ({ group }) => {
    using device = wasmDevice();
    const { rank } = group;
    using x = Tensor.from(device, [9, 10, 20, 30, 40, 50].map((value) => value + rank));
    await reduceScatter({ buffer: x.buffer, offset: 1, length: 5 }, { group, label, counts });
    const summed = [33, 63, 93, 123, 153];
    const isOwn = (i: number) => rank === 0 ? i < 2 : rank === 2 && i >= 2;
    const expected = summed.map((value, i) => isOwn(i) ? value : 10 * (i + 1) + rank);
    assertSameBits(await x.data(), [9 + rank, ...expected]);
    await allGather({ buffer: x.buffer, offset: 1, length: 5 }, { group, label, counts });
    assertSameBits(await x.data(), [9 + rank, ...summed]);
  });
});

Deno.test("collectives refuse parts that do not fill the range, before anything is sent", async () => {
  await inProcessRanks(2, async ({ group }) => {
    using device = wasmDevice();
    using x = Tensor.from(device, [1, 2, 3]);
    for (const counts of [[1, 1], [3], [2, 2]]) {
      await assert.rejects(allGather(x, { group, label, counts }), {
        name: "RangeError",
        message: /2 counts that add up to 3/,
      });
    }
    assert.equal(group.counters.collectives, 0);
  });
});

for (const dtype of ["f16", "bf16"] as const) {
  Deno.test(`collectives of ${dtype} sum in f32, round once and change nothing around the range`, async () => {
    await inProcessRanks(3, ({ group }) => exchangeHalves({ group, dtype, kind: "wasm" }));
  });
}
webgpuTest("exchanges of bf16 work on webgpu too", async () => {
  await inProcessRanks(2, ({ group }) => exchangeHalves({ group, dtype: "bf16", kind: "webgpu" }));
});

/** Every collective, of ranges that begin and end in either half of a word. */
async function exchangeHalves(
  { group, dtype, kind }: {
    readonly group: ProcessGroup;
    readonly dtype: "f16" | "bf16";
    readonly kind: DeviceKind;
  },
): Promise<void> {
  using device = await requestDevice({ kind });
  const { rank, size } = group;
  const type = storageTypes[dtype];
  const stored = (value: number) => decode(encode(value, type), type);
  for (const [offset, length, total] of [[0, 7, 7], [1, 4, 7], [1, 5, 6], [2, 4, 6], [2, 3, 6]]) {
    // Values that use all bits, so that sums must be rounded.
    const valueOf = (of: number, i: number) => stored(1.01 * (i + 1) + 0.37 * of);
    const begin = (of: number) => Array.from({ length: total }, (_, i) => valueOf(of, i));
    const within = (i: number) => i >= offset && i < offset + length;
    const ranks = group.ranks.map((_, of) => of);
    const summed = (i: number) =>
      stored(ranks.reduce((sum, of) => Math.fround(sum + valueOf(of, i)), 0));
    const counts = ranks.map((of) => of === 0 ? length - (size - 1) : 1);
    const ownerOf = (i: number) => Math.max(0, i - offset - counts[0] + 1);
    const expectAfter = async (
      exchange: (range: TensorOrRange) => Promise<void>,
      expected: (i: number) => number,
    ) => {
      using x = Tensor.from(device, begin(rank), { dtype });
      await exchange({ buffer: x.buffer, offset, length, dtype });
      const want = begin(rank).map((value, i) => within(i) ? expected(i) : value);
      assertSameBits(await x.data(), want);
    };
    await expectAfter((range) => allReduce(range, { group, label }), summed);
    await expectAfter((range) => broadcast(range, { group, label, root: 1 }), (i) => valueOf(1, i));
    await expectAfter(
      (range) => allGather(range, { group, label, counts }),
      (i) => valueOf(ownerOf(i), i),
    );
    await expectAfter(
      (range) => reduceScatter(range, { group, label, counts }),
      (i) => ownerOf(i) === rank ? summed(i) : valueOf(rank, i),
    );
  }
  using whole = Tensor.from(device, [1, 2, 3], { dtype });
  await allReduce(whole, { group, label });
  assertSameBits(await whole.data(), [size, 2 * size, 3 * size]);
}

Deno.test("a group of one rank reads nothing back", async () => {
  await inProcessRanks(1, async ({ group }) => {
    using device = wasmDevice();
    using x = Tensor.from(device, [1, 2]);
    device.read = () => Promise.reject(new Error("nothing should be read"));
    await allReduce(x, { group, label });
    await allGather(x, { group, label, counts: [2] });
    await reduceScatter(x, { group, label, counts: [2] });
    await broadcast(x, { group, label, root: 0 });
  });
});
