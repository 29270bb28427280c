// Sampling tokens from logits.

import assert from "node:assert/strict";
import { drawToken } from "../../src/models/generation/next_token.ts";
import { ProcessGroupMesh } from "../../src/distributed/mesh.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { distributeModel } from "../../src/train/distributed_model.ts";
import { type SampleOptions, sampleTokens } from "../../src/train/sampling.ts";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";
import { smallGpt2 } from "../support/train/small_gpt2.ts";

/** What a model of random weights samples. */
async function sampled(rules: Pick<SampleOptions, "temperature" | "topK" | "topP">) {
  using model = smallGpt2();
  const [{ device }] = model.parameters();
  const random = new RandomSource(5).stream();
  const options = { device, prompt: [49, 50, 32], context: 16, length: 12, random, ...rules };
  return await inProcessRanks(1, async (world) => {
    const distributed = await distributeModel(model, ProcessGroupMesh.over(world, 1));
    return await sampleTokens(distributed, options);
  });
}

Deno.test("sampleTokens() takes the most likely tokens with a temperature of 0, or where only one may be drawn", async () => {
  const greedy = await sampled({ temperature: 0 });
  assert.deepEqual(await sampled({ temperature: 1, topK: 1 }), greedy);
  assert.deepEqual(await sampled({ temperature: 1, topP: 1e-6 }), greedy);
  assert.deepEqual(await sampled({ temperature: 1e-4 }), greedy);
});

Deno.test("sampleTokens() draws other tokens than the most likely, and the same again from the same random numbers", async () => {
  const drawn = await sampled({ temperature: 1 });
  assert.notDeepEqual(drawn, await sampled({ temperature: 0 }));
  assert.deepEqual(await sampled({ temperature: 1 }), drawn);
});

Deno.test("sampleTokens() with topK and topP that leave all tokens draws what it draws without", async () => {
  const drawn = await sampled({ temperature: 1 });
  assert.deepEqual(await sampled({ temperature: 1, topK: 256, topP: 1 }), drawn);
});

Deno.test("sampleTokens() samples the text that whole windows give, also beyond the context, and keeps no memory", async () => {
  for (const ranks of [1, 2]) {
    await inProcessRanks(ranks, async (world) => {
      using model = smallGpt2();
      const [{ device }] = model.parameters();
      const distributed = await distributeModel(model, ProcessGroupMesh.over(world, ranks));
      const random = new RandomSource(5).stream();
      const [prompt, context] = [[49, 50, 32], 9];
      const before = device.statistics().liveBytes;
      const options = { device, prompt, context, length: 14, temperature: 1, random };
      const found = await sampleTokens(distributed, options);
      assert.equal(device.statistics().liveBytes, before);
      const expected = [...prompt];
      for (let position = 0; position < 14; position++) {
        const seen = expected.slice(-context);
        using tokens = Tensor.from(device, Uint32Array.from(seen), { shape: [1, seen.length] });
        using logits = await distributed.logits(tokens);
        const last = (await logits.data()).slice(-256);
        expected.push(drawToken(last, { temperature: 1, uniform: random.uniform(position) }));
      }
      assert.deepEqual(found, expected.slice(prompt.length));
    });
  }
});
