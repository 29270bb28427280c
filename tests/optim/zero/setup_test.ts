import assert from "node:assert/strict";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import type { ProcessGroup } from "../../../src/distributed/group.ts";
import { Layout } from "../../../src/distributed/layout.ts";
import { ProcessGroupMesh } from "../../../src/distributed/mesh.ts";
import { DistributedAdaFactor } from "../../../src/optim/distributed_adafactor.ts";
import { Parameter } from "../../../src/tensor/parameter.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { assertOtherBits, assertSameBits } from "../../support/assert_same_bits.ts";
import { inProcessRanks } from "../../support/distributed/in_process_ranks.ts";

const VALUES = Float32Array.from({ length: 12 }, (_, k) => Math.sin(1 + k));

/** Two steps of a [4, 3] shard of a [4, 6] parameter on each of two ranks, placed in one of three ways. */
async function trainShards(
  placed: "by layout" | "by shardToParam" | "not at all",
): Promise<Float32Array[]> {
  return await inProcessRanks(2, async ({ group, rank }) => {
    using device = wasmDevice();
    const layout = new Layout<ProcessGroup>([4, 6], [{ dim: 1, group }]);
    using working = new Parameter(device, VALUES, { layout, name: "working" });
    using raw = new Parameter(device, VALUES, { shape: [4, 3], name: "raw" });
    const shard = placed === "by layout" ? working : raw;
    using optim = new DistributedAdaFactor([shard], { lr: 0.1 });
    optim.setupDistributed({
      tensorParallelGroup: group,
      ...(placed === "by shardToParam" ? { shardToParam: new Map([[raw, working]]) } : {}),
    });
    for (let step = 0; step < 2; step++) {
      const grad = VALUES.map((value, k) => value * (1 + k + 10 * rank + step));
      shard.grad = Tensor.from(device, grad, { shape: [4, 3] });
      await optim.step();
    }
    return await shard.data();
  });
}

Deno.test("shardToParam gives raw shards the layout of the parameters they stand for", async () => {
  const expected = await trainShards("by layout");
  assertSameBits(await trainShards("by shardToParam"), expected);
  assertOtherBits(await trainShards("not at all"), expected);
});

Deno.test("setupDistributed() refuses a group under a name that does not exist", async () => {
  await inProcessRanks(2, async ({ group }) => {
    using device = wasmDevice();
    using parameter = new Parameter(device, VALUES, { shape: [12] });
    using optim = new DistributedAdaFactor([parameter]);
    const misspelt = { dataParalelGroup: group } as object;
    assert.throws(() => optim.setupDistributed(misspelt), {
      name: "TypeError",
      message:
        /There is no option dataParalelGroup of setupDistributed\(\): there are .*dataParallelGroup/,
    });
    optim.setupDistributed({ dataParallelGroup: group });
    await Promise.resolve();
  });
});

Deno.test("useZero decides whether state and gradients are cut or only averaged", async () => {
  for (const [useZero, collectives] of [[true, 6], [false, 3]] as const) {
    const steps = await inProcessRanks(4, async (world) => {
      const mesh = ProcessGroupMesh.over(world, 2, 2);
      const tensorParallelGroup = await mesh.getGroupAlongAxis(0);
      using device = wasmDevice();
      const layout = new Layout<ProcessGroup>([8, 6], [{ dim: 1, group: tensorParallelGroup }]);
      using parameter = new Parameter(device, new Float32Array(24).fill(1), { layout });
      using optim = new DistributedAdaFactor([parameter], { beta1: 0.9 });
      optim.setupDistributed({
        tensorParallelGroup,
        dataParallelGroup: await mesh.getGroupAlongAxis(1),
        useZero,
      });
      parameter.grad = Tensor.from(device, new Float32Array(24).fill(0.5), { shape: [8, 3] });
      await optim.step();
      return optim.lastStep.collectives;
    });
    // With ZeRO a reduce-scatter and an all-gather, and two exchanges over both groups; without, one all-reduce of
    // gradients and two exchanges over the tensor-parallel group.
    assert.deepEqual(steps, [collectives, collectives, collectives, collectives]);
  }
});
