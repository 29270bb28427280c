// A split model in training: the loss of one rank, without communicating logits, and gathered logits for sampling.

import assert from "node:assert/strict";
import { ProcessGroupMesh } from "../../src/distributed/mesh.ts";
import type { World } from "../../src/distributed/world.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { distributeModel } from "../../src/train/distributed_model.ts";
import { makeBatch } from "../../src/train/token_batch.ts";
import { tokensInMemory } from "../../src/train/token_sequence.ts";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";
import { smallGpt2 } from "../support/train/small_gpt2.ts";

const VOCABULARY = 1001;
const CONTEXT = 16;
const STARTS = [0, 3, 9, 20];

/** Loss and logits, and what the group of all ranks sent for each. */
async function run(world: World) {
  using model = smallGpt2({ vocabulary: VOCABULARY });
  const [{ device }] = model.parameters();
  const mesh = ProcessGroupMesh.over(world, world.worldSize);
  const group = await mesh.getGroupAlongAxis(0);
  const distributed = await distributeModel(model, mesh);
  const text = Uint32Array.from({ length: 60 }, (_, k) => k * k * 37 % VOCABULARY);
  using batch = makeBatch(device, { text: tokensInMemory(text), context: CONTEXT, starts: STARTS });
  const before = group.counters.bytesSent;
  using loss = await distributed.loss(batch);
  await loss.backward();
  const forLoss = group.counters.bytesSent - before;
  using tokens = Tensor.from(device, text.slice(0, 6), { shape: [2, 3] });
  using logits = await distributed.logits(tokens);
  const gradient = await model.positions!.weight.grad!.data();
  model.zeroGrad();
  return { loss: await loss.item(), gradient, logits: await logits.data(), forLoss };
}

Deno.test("a split model has the loss of a whole one without sending logits, and gathers them for sampling", async () => {
  const [one] = await inProcessRanks(1, run);
  assert.equal(one.logits.length, 6 * VOCABULARY);
  const near = (actual: ArrayLike<number>, expected: ArrayLike<number>) => {
    assert.equal(actual.length, expected.length);
    const largest = Array.from(expected).reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    for (let k = 0; k < expected.length; k++) {
      assert.ok(Math.abs(actual[k] - expected[k]) <= 1e-5 * largest, `${k}`);
    }
  };
  for (const { loss, gradient, logits, forLoss } of await inProcessRanks(3, run)) {
    near([loss], [one.loss]);
    near(gradient, one.gradient);
    near(logits, one.logits);
    // What a rank would have to send at least: its own logits of the batch, to each of the two others.
    const ownLogits = 4 * STARTS.length * CONTEXT * VOCABULARY / 3;
    assert.ok(forLoss < 2 * ownLogits, `${forLoss} bytes`);
  }
});
