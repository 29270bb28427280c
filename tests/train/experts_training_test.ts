// Training a decoder with experts, with the loss of balance that its config asks for, on one rank and on meshes.

import assert from "node:assert/strict";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import type { World } from "../../src/distributed/world.ts";
import { Decoder } from "../../src/models/decoder.ts";
import { newModel } from "../../src/models/new_model.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { splitTail } from "../../src/train/data/held_out.ts";
import { trainLanguageModel } from "../../src/train/language_training.ts";
import { tokensInMemory } from "../../src/train/token_sequence.ts";
import { assertClose } from "../support/assert_close.ts";
import { withFolder } from "../support/temporary_folder.ts";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";
import { smallConfigs } from "../support/models/small_configs.ts";
import { smallText } from "../support/train/small_gpt2.ts";

const FACTOR = 0.5;
const balanced = { output_router_logits: true, router_aux_loss_coef: FACTOR };

interface Setting {
  readonly tensor?: number;
  readonly zero?: number;
  readonly config?: object;
  readonly recompute?: "nothing" | "blocks";
  readonly experts?: "features" | "whole" | undefined;
  readonly numSteps?: number;
  /** A folder of checkpoints, to go on from if there are any. */
  readonly folder?: string;
}

/** Losses of steps, and of evaluations. */
async function losses(
  world: World,
  {
    tensor = 1,
    zero = 1,
    config = {},
    recompute = "nothing",
    experts,
    numSteps = 6,
    folder,
  }: Setting,
) {
  const settings = { ...smallConfigs.mixtral, vocab_size: 256, initializer_range: 0.2, ...config };
  using model = newModel(wasmDevice(), settings, { random: new RandomSource(7), model: Decoder });
  const [steps, evaluations, loads]: number[][] = [[], [], []];
  const context = 8;
  await trainLanguageModel(world, model, {
    text: splitTail(tokensInMemory(smallText()), { context }),
    context,
    batch: 4,
    accumulate: 2,
    steps: numSteps,
    tensor,
    zero,
    zeroStage: 2,
    evaluateEvery: 0,
    evaluateTokens: 16,
    seed: 3,
    recompute,
    experts,
    checkpoints: folder === undefined
      ? undefined
      : { folder, every: 3, keep: 1, keepBest: false, resume: true, about: {} },
    lr: () => 0.02,
    onEvent: (event) => {
      if (event.kind === "step") steps.push(event.loss);
      if (event.kind !== "evaluation") return;
      evaluations.push(event.loss);
      loads.push(event.metrics.expertLoad);
    },
  });
  return { steps, evaluations, loads };
}

const onRanks = (numRanks: number, setting: Setting) =>
  inProcessRanks(numRanks, (world) => losses(world, setting));

Deno.test("training adds the loss of balance to steps' losses, on every mesh the same, and not to evaluations", async () => {
  const [plain] = await onRanks(1, {});
  const [one] = await onRanks(1, { config: balanced });
  assert.equal(one.evaluations[0], plain.evaluations[0]);
  // It is at least the number of choices of a token, 2, if scores follow choices.
  assert.ok(one.steps[0] > plain.steps[0] + 1.5 * FACTOR, `${one.steps[0]}, ${plain.steps[0]}`);
  assert.ok(one.steps[5] < one.steps[0] - 0.1, String(one.steps));
  // 3 experts, of which each token has 2: from 1, for equally many tokens, to 1.5.
  assert.ok(one.loads.every((load) => load >= 1 && load <= 1.5), String(one.loads));
  for (
    const [tensor, zero, experts] of [
      [2, 1, "features"],
      [1, 2],
      [2, 2, "features"],
      [2, 1, "whole"],
      [2, 2, "whole"],
    ] as const
  ) {
    const setting = { tensor, zero, experts, config: balanced };
    for (const { steps, evaluations } of await onRanks(tensor * zero, setting)) {
      assertClose(steps, one.steps, { relative: 1e-4 });
      assertClose(evaluations, one.evaluations, { relative: 1e-4 });
    }
  }
});

Deno.test("experts in recomputed blocks are trained with the same bits, but have no loss of balance", async () => {
  const [plain] = await onRanks(1, {});
  const [recomputed] = await onRanks(1, { recompute: "blocks" });
  assert.deepEqual(recomputed.steps, plain.steps);
  await assert.rejects(
    () => onRanks(1, { config: balanced, recompute: "blocks" }),
    /output_router_logits in config.json, needs scores .*: recompute nothing, or set/,
  );
});

Deno.test("a training of experts on one mesh goes on on another", async () => {
  const [one] = await onRanks(1, { config: balanced });
  await withFolder(async (folder) => {
    const on = (numRanks: number, setting: Setting) =>
      onRanks(numRanks, { folder, config: balanced, ...setting });
    await on(2, { tensor: 2, experts: "whole", numSteps: 3 });
    const [features] = await on(2, { tensor: 2, experts: "features", numSteps: 5 });
    assertClose(features.steps, one.steps.slice(3, 5), { relative: 1e-4 });
    const [whole] = await on(1, {});
    assertClose(whole.steps, one.steps.slice(5), { relative: 1e-4 });
    assertClose(whole.evaluations, one.evaluations.slice(-1), { relative: 1e-4 });
  });
});
