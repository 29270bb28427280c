// The mesh: coordinates, and groups along one axis or several.

import { deepEqual, equal, rejects, throws } from "node:assert/strict";
import { ProcessGroupMesh } from "../../src/distributed/mesh.ts";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";

Deno.test("ravel() and unravel() are inverse, with the last axis fastest", () => {
  deepEqual(ProcessGroupMesh.unravel(4, [2, 3]), [1, 1]);
  equal(ProcessGroupMesh.ravel([1, 1], [2, 3]), 4);
  for (const shape of [[1], [6], [2, 3], [3, 1, 2], [2, 2, 2]]) {
    for (let rank = 0; rank < shape.reduce((a, b) => a * b); rank++) {
      equal(ProcessGroupMesh.ravel(ProcessGroupMesh.unravel(rank, shape), shape), rank);
    }
  }
});

Deno.test("ravel() raises, wraps or clips outside of the shape", () => {
  throws(() => ProcessGroupMesh.ravel([2, 0], [2, 3]), /Index 2 is outside of an axis of 2/);
  throws(() => ProcessGroupMesh.ravel([0, -1], [2, 3], "raise"), RangeError);
  equal(ProcessGroupMesh.ravel([2, -1], [2, 3], "wrap"), 2);
  equal(ProcessGroupMesh.ravel([-3, 7], [2, 3], "wrap"), 4);
  equal(ProcessGroupMesh.ravel([5, -9], [2, 3], "clip"), 3);
  throws(() => ProcessGroupMesh.ravel([0], [2, 3]), /coordinate of 2 integers/);
  throws(() => ProcessGroupMesh.unravel(6, [2, 3]), /Rank 6 is out of range.*0 to 5/);
});

Deno.test("getCoordsAlongAxis() varies one axis, or several in all combinations", () => {
  deepEqual(ProcessGroupMesh.getCoordsAlongAxis([0, 1], 0, [0, 1]), [[0, 1], [1, 1]]);
  deepEqual(ProcessGroupMesh.getCoordsAlongAxis([0, 1], -1, [2, 0]), [[0, 2], [0, 0]]);
  deepEqual(
    ProcessGroupMesh.getCoordsAlongAxis([9, 5, 9], [0, 2], [[0, 1], [3, 4]]),
    [[0, 5, 3], [0, 5, 4], [1, 5, 3], [1, 5, 4]],
  );
  throws(
    () => ProcessGroupMesh.getCoordsAlongAxis([0, 0], [0, 1], [[0]]),
    /for each of the 2 axes/,
  );
});

Deno.test("a mesh of 2 x 3 has its shape, sizes and coordinates, also for negative axes", async () => {
  await inProcessRanks(6, (world) => {
    const mesh = ProcessGroupMesh.over(world, 2, 3);
    deepEqual(mesh.shape, [2, 3]);
    deepEqual(mesh.size(), [2, 3]);
    equal(mesh.size(0), 2);
    equal(mesh.size(-1), 3);
    deepEqual(mesh.coordinate(), [Math.floor(world.rank / 3), world.rank % 3]);
    equal(mesh.coordinate(-2), Math.floor(world.rank / 3));
    equal(mesh.rank, world.rank);
    throws(() => mesh.size(2), /Axis 2 does not exist in a mesh of 2 axes/);
    throws(() => mesh.coordinate(-3), /Axis -3 does not exist/);
    return Promise.resolve();
  });
});

Deno.test("groups along each axis contain and sum over the right ranks", async () => {
  await inProcessRanks(6, async (world) => {
    const mesh = ProcessGroupMesh.over(world, 2, 3);
    const [row, column] = mesh.coordinate();
    const [along0, along1] = await Promise.all([
      mesh.getGroupAlongAxis(0),
      mesh.getGroupAlongAxis(1),
    ]);
    deepEqual(along0.ranks, [column, 3 + column]);
    deepEqual(along1.ranks, [3 * row, 3 * row + 1, 3 * row + 2]);
    equal(along0.rank, row);
    equal(along1.rank, column);
    const values = Float32Array.of(10 ** world.rank);
    await along1.allReduce(values);
    await along0.allReduce(values);
    equal(values[0], 111_111);
    deepEqual(mesh.getRanksInGroup(along1), along1.ranks);
    throws(() => mesh.getRanksInGroup(world.group), /is not one of this mesh/);
  });
});

Deno.test("a group along several axes is one group in any order of axes, and is cached", async () => {
  await inProcessRanks(4, async (world) => {
    const mesh = ProcessGroupMesh.over(world, 2, 1, 2);
    const group = await mesh.getGroupAlongAxis([0, 2]);
    deepEqual(group.ranks, [0, 1, 2, 3]);
    equal(await mesh.getGroupAlongAxis([2, 0]), group);
    equal(await mesh.getGroupAlongAxis([-1, -3]), group);
    equal(await mesh.createGroupAlongAxis([0, 1, 2]), group, "the same ranks are the same group");
    const single = await mesh.getGroupAlongAxis(1);
    deepEqual(single.ranks, [world.rank]);
    await rejects(mesh.getGroupAlongAxis([0, -3]), /Axis 0 is given twice/);
    await rejects(mesh.getGroupAlongAxis(3), /Axis 3 does not exist/);
  });
});

Deno.test("a group at some indices excludes the other ranks", async () => {
  await inProcessRanks(3, async (world) => {
    const mesh = ProcessGroupMesh.over(world, 3);
    const group = await mesh.createGroupAlongAxis(0, [2, 0]);
    deepEqual(group?.ranks, world.rank === 1 ? undefined : [0, 2]);
    await group?.barrier();
    await rejects(mesh.getGroupAlongAxis(0, [0, 3]), /Index 3 is outside of an axis of 3/);
  });
});

Deno.test("destroy() closes the mesh's groups and leaves the world open", async () => {
  await inProcessRanks(2, async (world) => {
    const mesh = ProcessGroupMesh.over(world, 2);
    const group = await mesh.getGroupAlongAxis(0);
    await group.barrier();
    await mesh.destroy();
    await mesh.destroyMeshProcessGroups();
    await rejects(group.barrier(), /is destroyed/);
    await world.group.barrier();
    const again = await mesh.getGroupAlongAxis(0);
    await again.barrier();
  });
});

Deno.test("a mesh that does not fit the number of ranks is refused", async () => {
  await inProcessRanks(2, (world) => {
    throws(() => ProcessGroupMesh.over(world, 2, 2), /needs 4 ranks, the world has 2/);
    throws(() => ProcessGroupMesh.over(world, 2, 0), /positive integers, got 0/);
    throws(() => new ProcessGroupMesh(2), /call launch\(\) or launchFromEnv\(\) first/);
    return Promise.resolve();
  });
});
