// Every pair of a training's options and of a mesh's dimensions that may stand together, in some training of a small GPT-2 on a mesh,
// against the same training on one rank: losses, held-out losses and a sampled text.

import type { World } from "../../src/distributed/world.ts";
import {
  type LanguageTrainingEvent,
  type LanguageTrainingOptions,
  trainLanguageModel,
} from "../../src/train/language_training.ts";
import { splitTail } from "../../src/train/data/held_out.ts";
import { tokensInMemory } from "../../src/train/token_sequence.ts";
import { assertClose } from "../support/assert_close.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { coveringArray, type Row } from "../support/covering_array.ts";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";
import { smallGpt2, smallText } from "../support/train/small_gpt2.ts";

const factors = {
  mesh: [[1, 2], [2, 1], [3, 1], [2, 2], [1, 3], [3, 2]],
  zeroStage: [1, 2],
  batch: [6, 5, 3],
  accumulate: [1, 3],
  lr: [(step: number) => 0.02 / step, undefined, () => 0.004],
  algorithm: ["adafactor", "came", "adamw"],
  beta1: [undefined, 0.8],
  weightDecay: [undefined, 0.1],
  maxGradientNorm: [undefined, 0.5],
  dropout: [0, 0.2],
  recompute: ["nothing", "blocks"],
  evaluateEvery: [0, 2],
  seed: [3, 4],
} as const;

type Case = Row<typeof factors>;

function isAllowed({ algorithm, ...row }: Partial<Case>): boolean {
  return !("lr" in row && row.lr === undefined && algorithm !== undefined &&
    algorithm !== "adafactor");
}

const context = 11;
const text = splitTail(tokensInMemory(smallText().slice(0, 2000)), { context });

function optionsOf(row: Case): LanguageTrainingOptions {
  const { mesh: [tensor, zero], algorithm, beta1, weightDecay, maxGradientNorm, ...shared } = row;
  const optimizer = Object.fromEntries(
    Object.entries({ algorithm, beta1, weightDecay, maxGradientNorm })
      .filter(([, value]) => value !== undefined),
  );
  return {
    ...shared,
    text,
    context,
    steps: 4,
    tensor,
    zero,
    evaluateTokens: 200,
    optimizer,
    sample: { prompt: [48, 49], length: 5, temperature: 0.8 },
  };
}

async function train(world: World, options: LanguageTrainingOptions) {
  using model = smallGpt2();
  const losses: number[] = [];
  const texts: number[] = [];
  const onEvent = (event: LanguageTrainingEvent) => {
    if (event.kind === "step" || event.kind === "evaluation") losses.push(event.loss);
    if (event.kind === "sample") texts.push(...event.tokens);
  };
  await trainLanguageModel(world, model, { ...options, onEvent });
  return { losses, texts };
}

/**
 * CAME's first steps divide by differences that rounding makes up: on one rank, weights that were changed by 2e-7 change losses by up to
 * 2.4e-3 within four steps, where Adafactor's and AdamW's change by 1e-6.
 */
const CAME_TOLERANCE = 1e-2;

const rows = coveringArray(factors, isAllowed);

Deno.test(`every pair of mesh and options of a training trains as one rank, in ${rows.length} trainings`, async () => {
  for (const row of rows) {
    const options = optionsOf(row);
    const [alone] = await inProcessRanks(
      1,
      (world) => train(world, { ...options, tensor: 1, zero: 1 }),
    );
    const { tensor, zero } = options;
    const all = await inProcessRanks(tensor * zero, (world) => train(world, options));
    try {
      for (const each of all) assertSameBits(each, all[0]);
      const isCame = row.algorithm === "came";
      assertClose(all[0].losses, alone.losses, { relative: isCame ? CAME_TOLERANCE : 1e-5 });
      if (!isCame) assertSameBits(all[0].texts, alone.texts);
    } catch (error) {
      throw new Error(`${Deno.inspect(row)}: ${error}`, { cause: error });
    }
  }
});
