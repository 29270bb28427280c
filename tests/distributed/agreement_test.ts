// Ranks find what they do not have alike: the same differences on all ranks of a mesh, wherever they are.

import { deepEqual, equal } from "node:assert/strict";
import {
  type Compared,
  describeDifferences,
  findDifferences,
} from "../../src/distributed/agreement.ts";
import type { ProcessGroup } from "../../src/distributed/group.ts";
import { ProcessGroupMesh } from "../../src/distributed/mesh.ts";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";

interface Axes {
  readonly rank: number;
  readonly groups: readonly ProcessGroup[];
}

async function onMesh<Result>(
  shape: readonly number[],
  work: (axes: Axes) => Promise<Result>,
): Promise<Result[]> {
  const size = shape.reduce((product, each) => product * each, 1);
  return await inProcessRanks(size, async (world) => {
    const mesh = ProcessGroupMesh.over(world, ...shape);
    const groups: ProcessGroup[] = [];
    for (const axis of shape.keys()) groups.push(await mesh.getGroupAlongAxis(axis));
    return await work({ rank: world.rank, groups });
  });
}

for (const shape of [[2], [4], [2, 2], [2, 3], [2, 2, 2], [1, 3]]) {
  const size = shape.reduce((product, each) => product * each, 1);
  Deno.test(`on a mesh of ${shape.join(" x ")}, one rank that differs is found by all, and equal ranks make one all-gather per group`, async () => {
    for (const odd of [undefined, 0, size - 1]) {
      const found = await onMesh(shape, async ({ rank, groups }) => {
        const differences = await findDifferences(groups, [
          { name: "lr", value: rank === odd ? "0.1" : "0.01" },
          { name: "beta1", value: "0.9" },
        ]);
        return { differences, collectives: groups.map(({ counters }) => counters.collectives) };
      });
      const others = found.map((_, rank) => rank).filter((rank) => rank !== odd);
      for (const { differences, collectives } of found) {
        if (odd === undefined) {
          deepEqual(differences, []);
          deepEqual(collectives, shape.map((length) => length > 1 ? 1 : 0));
          continue;
        }
        const [both] = differences;
        deepEqual(differences, [{ name: "lr", values: both.values }]);
        deepEqual([...both.values].sort((a, b) => Number(a.value) - Number(b.value)), [
          { value: "0.01", ranks: others },
          { value: "0.1", ranks: [odd] },
        ]);
      }
    }
  });
}

Deno.test("parts of a split value may differ along the groups that split it, and along no other", async () => {
  // The value on each rank of a mesh of 2 x 2, and the ranks that are found to differ.
  const cases = [
    [["a", "a", "b", "b"], undefined],
    [["a", "a", "b", "c"], { b: [2], c: [3] }],
    [["a", "x", "b", "b"], { a: [0], x: [1] }],
  ] as const;
  for (const [values, expected] of cases) {
    const found = await onMesh([2, 2], ({ rank, groups }) =>
      findDifferences(groups, [
        { name: "whole", value: "same" },
        { name: "part", value: values[rank], splitOver: [groups[0]] },
      ]));
    for (const differences of found) {
      const sets = differences.map(({ name, values }) => [
        name,
        Object.fromEntries(values.map(({ value, ranks }) => [value, ranks])),
      ]);
      deepEqual(sets, expected === undefined ? [] : [["part", expected]]);
    }
  }
});

Deno.test("what only some ranks have is found, and lists of other lengths and orders", async () => {
  const lists: readonly (readonly Compared[])[] = [
    [{ name: "a", value: "1" }, { name: "b", value: "ü" }],
    [{ name: "b", value: "ü" }, { name: "a", value: "2" }],
    [{ name: "a", value: "1" }, { name: "b", value: "ü" }, { name: "c", value: "x".repeat(999) }],
  ];
  const found = await onMesh([3], ({ rank, groups }) => findDifferences(groups, lists[rank]));
  for (const differences of found) {
    deepEqual(differences, [
      { name: "a", values: [{ value: "1", ranks: [0, 2] }, { value: "2", ranks: [1] }] },
      {
        name: "c",
        values: [{ value: undefined, ranks: [0, 1] }, { value: "x".repeat(999), ranks: [2] }],
      },
    ]);
  }
});

Deno.test("groups may be given in another order on every rank, and more than once", async () => {
  const found = await onMesh([2, 2], ({ rank, groups: [first, second] }) =>
    findDifferences(
      rank % 2 === 0 ? [first, second] : [second, first, second],
      [{ name: "lr", value: rank === 2 ? "0.1" : "0.01" }],
    ));
  for (const differences of found) {
    equal(
      describeDifferences(differences),
      "lr is 0.01 on ranks 0, 1 and 3 and 0.1 on rank 2",
    );
  }
});

Deno.test("many differences and many ranks are described by the first", () => {
  const values = [
    { value: "1", ranks: Array.from({ length: 40 }, (_, rank) => rank) },
    { value: undefined, ranks: [40, 41] },
  ];
  const text = describeDifferences(
    Array.from({ length: 9 }, (_, k) => ({ name: `option ${k}`, values })),
  );
  const numbers = Array.from({ length: 16 }, (_, rank) => rank).join(", ");
  equal(
    text.split("; ")[0],
    `option 0 is 1 on ranks ${numbers} and 24 more and not there on ranks 40 and 41`,
  );
  equal(text.split("; ").length, 5);
  equal(text.split("; ").at(-1), "and 5 more differences");
});
