// Batches of every task: what they count, and that they keep no memory.

import assert from "node:assert/strict";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import type { ModelSplit } from "../../../src/train/model_split.ts";
import { splitModel } from "../../../src/train/model_split.ts";
import { ProcessGroupMesh } from "../../../src/distributed/mesh.ts";
import { inProcessRanks } from "../../support/distributed/in_process_ranks.ts";
import { smallTasks } from "../../support/train/small_tasks.ts";

for (const what of Object.keys(smallTasks)) {
  Deno.test(`${what}: a batch has the targets that its examples have, and keeps no memory`, async () => {
    await inProcessRanks(1, async (world) => {
      using device = wasmDevice();
      const { model, task } = smallTasks[what](device);
      using _model = model;
      const mesh = ProcessGroupMesh.over(world, 1, 1);
      const split: ModelSplit = await splitModel(model, mesh, task);
      const bound = task.bind(model, split);
      const before = device.statistics().liveBytes;
      for (const examples of [task.train, task.heldOut]) {
        const drawn = Array.from({ length: examples.length }, (_, index) => ({ index, epoch: 1 }));
        let [sum, numTargets] = [0, 0];
        for (const each of drawn) {
          using batch = await examples.batch(device, [each]);
          const scores = await bound.score(batch);
          assert.equal(scores[1], examples.numTargets(each));
          assert.ok(scores[1] >= 1);
          sum += scores[0];
          numTargets += scores[1];
        }
        using whole = await examples.batch(device, drawn);
        const scores = await bound.score(whole);
        assert.equal(scores[1], numTargets);
        assert.ok(Math.abs(scores[0] / sum - 1) < 1e-5, `${scores[0]} and ${sum}`);
        using loss = await bound.loss(whole);
        assert.ok(Math.abs(await loss.item() - scores[0] / numTargets) < 1e-5);
        assert.match(await examples.digest(), /^sha256:/);
      }
      assert.equal(device.statistics().liveBytes, before);
      assert.notEqual(await task.train.digest(), await task.heldOut.digest());
    });
  });
}
