// How goldens of decoders are run, on one rank and on a mesh.

import type { ProcessGroupMesh } from "../../src/dist/mesh.ts";
import { causalLoss } from "../../src/models/causal_loss.ts";
import { Decoder } from "../../src/models/decoder.ts";
import { splitCausalLoss } from "../../src/models/split_causal_loss.ts";
import type { GoldenRun } from "./golden_model.ts";
import { onMesh } from "./split_model.ts";

/** On one rank. */
export const decoderRun: GoldenRun<Decoder> = {
  model: Decoder,
  logits: (model, inputs) =>
    model.forward({ tokens: inputs.u32("input_ids"), mask: inputs.u32("attention_mask") }),
  loss: (logits, inputs) => causalLoss(logits, inputs.u32("labels")),
};

/** On a mesh of tensor x data; every rank has the logits of all tokens. */
export async function gatheredRun(mesh: ProcessGroupMesh): Promise<GoldenRun<Decoder>> {
  return { ...decoderRun, placement: await onMesh(mesh, { gatherLogits: true }) };
}

/** On a mesh of tensor x data; every rank has the logits of its own tokens alone. */
export async function splitRun(
  mesh: ProcessGroupMesh,
  { numClasses }: { readonly numClasses: number },
): Promise<GoldenRun<Decoder>> {
  const processGroup = await mesh.getGroupAlongAxis(0);
  return {
    ...decoderRun,
    loss: (logits, inputs) =>
      splitCausalLoss(logits, inputs.u32("labels"), { processGroup, numClasses }),
    placement: await onMesh(mesh, { gatherLogits: false }),
  };
}

/** V of a golden's model. */
export async function vocabularyOf(folder: string): Promise<number> {
  return JSON.parse(await Deno.readTextFile(`${folder}/config.json`)).vocab_size;
}
