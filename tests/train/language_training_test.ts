// The training loop on ranks of one process: micro-batches, uneven shares, 16-bit weights, ranks that differ, and stopping.

import assert from "node:assert/strict";
import type { World } from "../../src/distributed/world.ts";
import {
  type LanguageTrainingEvent,
  type LanguageTrainingOptions,
  trainLanguageModel,
} from "../../src/train/language_training.ts";
import { splitTail, tokenRange } from "../../src/train/data/held_out.ts";
import { tokensInMemory } from "../../src/train/token_sequence.ts";
import { assertClose } from "../support/assert_close.ts";
import { assertOtherBits, assertSameBits } from "../support/assert_same_bits.ts";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";
import { smallGpt2, smallText } from "../support/train/small_gpt2.ts";

const context = 11;
const OPTIONS: LanguageTrainingOptions = {
  text: splitTail(tokensInMemory(smallText()), { context }),
  context,
  batch: 6,
  accumulate: 1,
  steps: 6,
  tensor: 1,
  zero: 1,
  zeroStage: 1,
  evaluateEvery: 4,
  evaluateTokens: 400,
  seed: 3,
  lr: (step) => 0.02 / step,
  sample: { prompt: [48, 49], length: 12, temperature: 0.8 },
};

interface Told {
  readonly losses: readonly number[];
  readonly heldOut: readonly number[];
  readonly sample: readonly number[];
  readonly kinds: string;
}

async function train(world: World, options: LanguageTrainingOptions): Promise<Told> {
  using model = smallGpt2();
  const events: LanguageTrainingEvent[] = [];
  await trainLanguageModel(world, model, { ...options, onEvent: (event) => events.push(event) });
  return {
    losses: events.flatMap((event) => event.kind === "step" ? [event.loss] : []),
    heldOut: events.flatMap((event) => event.kind === "evaluation" ? [event.loss] : []),
    sample: events.flatMap((event) => event.kind === "sample" ? event.tokens : []),
    kinds: events.map(({ kind }) => kind[0]).join(""),
  };
}

async function trainAlone(options: Partial<LanguageTrainingOptions> = {}): Promise<Told> {
  const [told] = await inProcessRanks(1, (world) => train(world, { ...OPTIONS, ...options }));
  return told;
}

function assertSame(one: Told, other: Told): void {
  const lossesOf = ({ losses, heldOut }: Told) => ({ losses, heldOut });
  assertClose(lossesOf(one), lossesOf(other), { relative: 1e-4 });
  assertSameBits(one.sample, other.sample);
}

Deno.test("trainLanguageModel() evaluates before, during and after training, learns, and samples a text", async () => {
  const { losses, heldOut, sample, kinds } = await trainAlone();
  assert.equal(kinds, "esssseesses".replace("ee", "e"));
  assert.ok(losses[5] < losses[0] - 0.5, String(losses));
  assert.ok(heldOut[2] < heldOut[1] && heldOut[1] < heldOut[0], String(heldOut));
  assert.ok(Math.abs(heldOut[0] - Math.log(256)) < 0.2, "before training it knows nothing");
  assert.equal(sample.length, 12);
});

Deno.test("two micro-batches make the same step as one that is twice as large", async () => {
  const whole = await trainAlone();
  assertSame(await trainAlone({ batch: 3, accumulate: 2 }), whole);
});

Deno.test("ranks that share a batch unevenly train as one rank does, in both stages of ZeRO", async () => {
  const options = { ...OPTIONS, batch: 4, accumulate: 2 };
  const alone = await trainAlone(options);
  for (const zeroStage of [1, 2] as const) {
    const all = await inProcessRanks(
      3,
      (world) => train(world, { ...options, zero: 3, zeroStage }),
    );
    assertSame(all[0], alone);
    assertSameBits(all[1], all[0]);
    assertSameBits(all[2], all[0]);
  }
});

Deno.test("ranks that split the model train as one rank does, beside others that share the batch", async () => {
  const options = { ...OPTIONS, batch: 4, accumulate: 2 };
  const alone = await trainAlone(options);
  for (const [tensor, zero] of [[2, 1], [2, 2]]) {
    const all = await inProcessRanks(
      tensor * zero,
      (world) => train(world, { ...options, tensor, zero }),
    );
    assertSame(all[0], alone);
    for (const each of all) assertSameBits(each, all[0]);
  }
});

Deno.test("training with recomputed blocks has the same bits", async () => {
  const alone = await trainAlone({ recompute: "blocks" });
  assertSameBits(alone, await trainAlone());
  const all = await inProcessRanks(
    4,
    (world) => train(world, { ...OPTIONS, tensor: 2, zero: 2, zeroStage: 2, recompute: "blocks" }),
  );
  assertSame(all[0], alone);
  for (const each of all) assertSameBits(each, all[0]);
});

Deno.test("dropout in training is the same on every mesh, in micro-batches and in recomputed blocks", async () => {
  const options = { ...OPTIONS, batch: 8, dropout: 0.2 };
  const alone = await trainAlone(options);
  const none = await trainAlone({ batch: 8 });
  assertOtherBits(alone.losses, none.losses);
  // Before the first step weights are the same, and evaluation drops nothing.
  assert.equal(alone.heldOut[0], none.heldOut[0]);
  assertSame(await trainAlone({ ...options, batch: 4, accumulate: 2 }), alone);
  assertSameBits(await trainAlone({ ...options, recompute: "blocks" }), alone);
  for (const [tensor, zero] of [[2, 1], [1, 2], [2, 2], [1, 3]]) {
    const all = await inProcessRanks(
      tensor * zero,
      (world) => train(world, { ...options, tensor, zero, recompute: "blocks" }),
    );
    assertSame(all[0], alone);
    for (const each of all) assertSameBits(each, all[0]);
  }
  // The config of this model says nothing, so transformers' default probabilities apply: 0.1 everywhere.
  assert.deepEqual(
    await trainAlone({ ...options, dropout: "config" }),
    await trainAlone({ ...options, dropout: 0.1 }),
  );
});

Deno.test("trainLanguageModel() uses other windows and another sample with another seed", async () => {
  const [one, same, other] = [
    await trainAlone(),
    await trainAlone(),
    await trainAlone({ seed: 4 }),
  ];
  assertSameBits(one, same);
  assertOtherBits(one.losses, other.losses);
  assertOtherBits(one.sample, other.sample);
});

Deno.test("ranks with different options, text or weights are refused on every rank, with their numbers", async () => {
  const { heldOut } = OPTIONS.text;
  const text = { ...OPTIONS.text, heldOut: tokenRange(heldOut, 1, heldOut.length) };
  const cases: [Partial<LanguageTrainingOptions>, RegExp][] = [
    [{ seed: 9 }, /ranks differ: seed is 3 on rank 0 and 9 on rank 1\. /],
    [{ optimizer: { beta1: 0.5 } }, /optimizer.beta1 is not there on rank 0 and 0.5 on rank 1\. /],
    [{ text }, /the digest of the held-out data is "?sha256.* on rank 0 and .* on rank 1/],
    [{ lr: () => 0.01 }, /the learning rate of step 1 is 0.02 on rank 0 and 0.01 on rank 1; /],
    [
      { lr: (step) => (step === 3 ? 0.021 : 0.02) / step },
      /ranks differ: the digest of all learning rates is #/,
    ],
    [
      { lr: undefined },
      /the kind of learning rate is a schedule on rank 0 and relative on rank 1; the/,
    ],
  ];
  for (const [other, message] of cases) {
    const errors = await inProcessRanks(2, async (world) => {
      const options = { ...OPTIONS, zero: 2, ...(world.rank === 1 ? other : {}) };
      return await train(world, options).then(() => "", ({ message }) => String(message));
    });
    assert.equal(errors[0], errors[1]);
    assert.match(errors[0], message);
  }
  const weights = await inProcessRanks(2, async (world) => {
    using model = smallGpt2();
    const parameter = model.parameters()[world.rank];
    parameter.write(new Float32Array(parameter.length));
    return await trainLanguageModel(world, model, { ...OPTIONS, zero: 2 })
      .then(() => "", ({ message }) => String(message));
  });
  assert.match(
    weights[0],
    /ranks differ: tokens.weight is \[256,18\] of f32 with digest #[0-9a-f]{16} on rank 0 and .* on rank 1/,
  );
});

Deno.test("ranks with another config.json are refused on every rank, with the setting and both values", async () => {
  const cases: [object, RegExp][] = [
    [
      { activation_function: "relu" },
      /ranks differ: activation_function of config.json is "gelu" on rank 0 and "relu" on rank 1\. /,
    ],
    [
      { layer_norm_epsilon: 1e-6 },
      /ranks differ: layer_norm_epsilon of config.json is 0.00001 on rank 0 and 0.000001 on rank 1\. /,
    ],
    [
      { attn_pdrop: 0.5 },
      /ranks differ: attn_pdrop of config.json is 0.1 on rank 0 and 0.5 on rank 1\. /,
    ],
    [
      { task_specific_params: { text: { length: [1, 2] } } },
      /task_specific_params.text.length of config.json is not there on rank 0 and \[1,2\] on rank 1\. /,
    ],
  ];
  const usual = { activation_function: "gelu", layer_norm_epsilon: 1e-5, attn_pdrop: 0.1 };
  for (const [other, message] of cases) {
    const errors = await inProcessRanks(2, async (world) => {
      using model = smallGpt2({ settings: { ...usual, ...(world.rank === 1 ? other : {}) } });
      return await trainLanguageModel(world, model, { ...OPTIONS, zero: 2 })
        .then(() => "", ({ message }) => String(message));
    });
    assert.equal(errors[0], errors[1]);
    assert.match(errors[0], message);
  }
});

Deno.test("all ranks stop after the step in which one of them is asked to", async () => {
  const results = await inProcessRanks(2, async (world) => {
    using model = smallGpt2();
    const controller = new AbortController();
    let last = 0;
    const { steps, stopped } = await trainLanguageModel(world, model, {
      ...OPTIONS,
      zero: 2,
      signal: controller.signal,
      onEvent: (event) => {
        if (event.kind === "step") last = event.step;
        if (world.rank === 1 && last === 2) controller.abort();
      },
    });
    return { steps, stopped, last };
  });
  const expected = { steps: 3, stopped: true, last: 3 };
  assertSameBits(results, [expected, expected]);
});
