// Sampling tokens from logits.

import assert from "node:assert/strict";
import { ProcessGroupMesh } from "../../src/distributed/mesh.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { distributeModel } from "../../src/train/distributed_model.ts";
import { drawToken, type SampleOptions, sampleTokens } from "../../src/train/sampling.ts";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";
import { smallGpt2 } from "../support/train/small_gpt2.ts";

const logits = Float32Array.from([1, 3, 2].map((chance) => Math.log(chance)));

Deno.test("drawToken() draws each token with its probability", () => {
  const counts = [0, 0, 0];
  for (let k = 0; k < 600; k++) {
    counts[drawToken(logits, { temperature: 1, uniform: (k + 0.5) / 600 })]++;
  }
  assert.deepEqual(counts, [100, 300, 200]);
});

Deno.test("drawToken() favours likely tokens with a low temperature and takes the most likely with 0", () => {
  const counts = [0, 0, 0];
  // 1 : 9 : 4
  for (let k = 0; k < 1400; k++) {
    counts[drawToken(logits, { temperature: 0.5, uniform: (k + 0.5) / 1400 })]++;
  }
  assert.deepEqual(counts, [100, 900, 400]);
  assert.equal(drawToken(logits, { temperature: 0, uniform: 0 }), 1);
});

Deno.test("drawToken() takes the last token if rounding leaves none", () => {
  assert.equal(drawToken(logits, { temperature: 1, uniform: 1 }), 2);
});

Deno.test("sampleTokens() takes the most likely tokens with a temperature of 0, or where topK or topP leave one", async () => {
  const sampled = async (rules: Pick<SampleOptions, "temperature" | "topK" | "topP">) => {
    using model = smallGpt2();
    const [{ device }] = model.parameters();
    const random = new RandomSource(5).stream();
    const options = { device, prompt: [49, 50, 32], context: 16, length: 12, random, ...rules };
    return await inProcessRanks(1, async (world) => {
      const distributed = await distributeModel(model, ProcessGroupMesh.over(world, 1));
      return await sampleTokens(distributed, options);
    });
  };
  const greedy = await sampled({ temperature: 0 });
  assert.deepEqual(await sampled({ temperature: 1, topK: 1 }), greedy);
  assert.deepEqual(await sampled({ temperature: 1, topP: 1e-6 }), greedy);
  assert.deepEqual(await sampled({ temperature: 0, topK: 5, topP: 0.5 }), greedy);
  assert.notDeepEqual(await sampled({ temperature: 1, topK: 256 }), greedy);
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
