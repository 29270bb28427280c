// One rank of a training of a small GPT-2 with sizes that no mesh divides; rank 0 prints its losses as JSON.

import { launchFromEnv } from "../../../src/distributed/launch.ts";
import {
  type LanguageTrainingEvent,
  trainLanguageModel,
} from "../../../src/train/language_training.ts";
import { tokensInMemory } from "../../../src/train/token_sequence.ts";
import { splitTail } from "../../../src/train/data/held_out.ts";
import { SMALL_CONTEXT as context, smallGpt2, smallText } from "../../support/train/small_gpt2.ts";

const [tensor, zero] = Deno.args.map(Number);
await using world = await launchFromEnv();
using model = smallGpt2({ vocabulary: 257, heads: 5 });
const events: LanguageTrainingEvent[] = [];
await trainLanguageModel(world, model, {
  text: splitTail(tokensInMemory(smallText()), { context }),
  context,
  batch: 10,
  accumulate: 1,
  steps: 50,
  tensor,
  zero,
  zeroStage: 2,
  lr: () => 5e-3,
  optimizer: { beta1: 0.9 },
  seed: 3,
  evaluateEvery: 0,
  evaluateTokens: 400,
  onEvent: (event) => events.push(event),
});
if (world.rank === 0) {
  const losses = events.flatMap((event) => event.kind === "step" ? [event.loss] : []);
  const heldOut = events.flatMap((event) => event.kind === "evaluation" ? [event.loss] : []);
  console.log(JSON.stringify({ losses, heldOutBefore: heldOut[0], heldOutAfter: heldOut[1] }));
}
