import assert from "node:assert/strict";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { exchangeSums, SumsPlan } from "../../../src/optim/sums/packed_sums.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";

/** A group of `size` ranks that all hold the same values; records how much each call reduced. */
class EchoGroup {
  readonly size: number;
  readonly lengths: number[] = [];

  constructor(size: number) {
    this.size = size;
  }

  allReduce(values: Float32Array): Promise<void> {
    this.lengths.push(values.length);
    values.forEach((value, k) => values[k] = value * this.size);
    return Promise.resolve();
  }
}

for (const numGroups of [1, 2, 3]) {
  Deno.test(`exchangeSums() makes one all-reduce per group of ${numGroups} and adds up each sum over its own`, async () => {
    const groups = [new EchoGroup(2), new EchoGroup(3), new EchoGroup(5)].slice(0, numGroups);
    const plan = new SumsPlan(groups);
    const subsets = Array.from(
      { length: 2 ** numGroups },
      (_, mask) => groups.filter((_, index) => mask & (1 << index)),
    );
    const slots = [...subsets, ...subsets].map((over, index) => ({
      over,
      at: plan.add(1 + index % 4, over),
    }));
    const watched = plan.addWatched(2, []);
    const layout = plan.layOut(7);

    using device = wasmDevice();
    using buffer = device.allocate(4 * layout.end);
    const before = Float32Array.from({ length: layout.end }, (_, k) => 1 + k);
    device.write(buffer, before);
    let seen: number[] = [];
    await exchangeSums({ device, buffer }, layout, {
      label: "sums",
      onLocal: (host) => seen = [...host.of(watched)],
    });
    const after = new Float32Array((await device.read(buffer)).buffer);

    const expected = before.slice();
    for (const { over, at: { offset, length } } of slots) {
      const factor = over.reduce((product, { size }) => product * size, 1);
      for (let k = offset; k < offset + length; k++) expected[k] *= factor;
    }
    assertSameBits(after, expected);
    assertSameBits(seen, before.subarray(watched.offset, watched.offset + 2));
    const needed = groups.map((group) =>
      slots.filter(({ over }) => over.includes(group)).reduce(
        (total, { at }) => total + at.length,
        0,
      )
    );
    assert.deepEqual(groups.map(({ lengths }) => lengths), needed.map((length) => [length]));
  });
}
