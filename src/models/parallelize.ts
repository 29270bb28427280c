// Where a whole model's layers lie on a mesh: its layers are replaced by split ones, its maths stays as it is.
//
//   using model = await loadPretrained(device, "gpt2", { model: Decoder });
//   const mesh = new ProcessGroupMesh(2, 2);
//   await parallelize(model, mesh);                     axis 0 is tensor-parallel
//   using optim = new DistributedAdaFactor(model.parameters());
//   optim.setupDistributed({
//     tensorParallelGroup: await mesh.getGroupAlongAxis(0),
//     dataParallelGroup: await mesh.getGroupAlongAxis(1),
//   });
//
// What every rank holds, of every kind of model: its rows of the vocabulary, its heads, its features between the layers of an
// MLP; norms, positions and biases that are added after an all-reduce are whole.          (Shoeybi et al. 2019, section 3)
// Whole are also the few layers that a norm or a position follows at once, which needs all features on every rank: what projects
// embeddings (OPT) or patches (ViT), and what transforms BERT's features before its head.

import { Layout } from "../distributed/layout.ts";
import type { ProcessGroupMesh } from "../distributed/mesh.ts";
import { takeShard } from "../nn/shard_of.ts";
import { BertClassifier, BertMaskedLm } from "./bert.ts";
import { Decoder } from "./decoder.ts";
import type { PretrainedModel } from "./pretrained_model.ts";
import { planBlocks } from "./split_blocks.ts";
import { SplitPlan } from "./split_plan.ts";
import { planTable, planVocabulary } from "./split_vocabulary.ts";
import { T5, type T5Stack } from "./t5.ts";
import { VitClassifier } from "./vit.ts";

/** Options of {@linkcode parallelize}. */
export interface ParallelizeOptions {
  /** The axis of the mesh over which layers are split. Default: 0. */
  readonly axis?: number;
  /**
   * Whether the model's forward gives every rank the logits of the whole vocabulary [..., V]. If not, it gives this rank's
   * [..., ceil(V / ranks)], for `vocabParallelCausalLoss()` or `vocabParallelCrossEntropy()`: they need not travel. A classifier gives
   * every rank the logits of all classes. Default: true.
   */
  readonly gatherLogits?: boolean;
}

/**
 * Splits the layers of a whole model over an axis of the mesh, in place; parameters keep their names. All ranks of the axis
 * must call it, with the same values in the same model. Over an axis of one rank nothing changes.
 *
 * @throws {TypeError} if the model is split already, its layers were replaced, nobody has said how a model of its class is split,
 *   or the logits of a classifier are not to be gathered; nothing was changed.
 * @throws {RangeError} if there are too few heads or features for the ranks; nothing was changed.
 */
export async function parallelize(
  model: PretrainedModel<never>,
  mesh: ProcessGroupMesh,
  { axis = 0, gatherLogits = true }: ParallelizeOptions = {},
): Promise<void> {
  if (mesh.size(axis) === 1) return;
  const split = [...model.namedParameters()].find(([, { layout }]) => layout.splits.length > 0);
  if (split !== undefined) {
    throw new TypeError(`Cannot split a model whose ${split[0]} is split already: split it once`);
  }
  const plan = await SplitPlan.along(mesh, axis);
  await planModel(plan, { model, gatherLogits });
  plan.apply();
}

async function planModel(plan: SplitPlan, { model, gatherLogits }: {
  readonly model: PretrainedModel<never>;
  readonly gatherLogits: boolean;
}): Promise<void> {
  if (model instanceof Decoder) {
    planVocabulary(plan, { reader: model, writer: model, gatherLogits });
    await planBlocks(plan, model.blocks);
  } else if (model instanceof BertMaskedLm) {
    planVocabulary(plan, { reader: model.encoder, writer: model, gatherLogits });
    await planBlocks(plan, model.encoder.blocks);
  } else if (model instanceof T5) {
    planVocabulary(plan, { reader: model, writer: model, gatherLogits });
    for (const stack of [model.encoder, model.decoder]) await planStack(plan, stack);
  } else if (model instanceof BertClassifier) {
    requireGathering(model, gatherLogits);
    planTable(plan, model.encoder);
    await planBlocks(plan, model.encoder.blocks);
    // As an MLP: what is pooled never leaves its rank.
    plan.cutOutput(model, "pooler");
    plan.cutInput(model, "classifier");
  } else if (model instanceof VitClassifier) {
    requireGathering(model, gatherLogits);
    await planBlocks(plan, model.blocks);
    const { processGroup } = plan;
    plan.cutInput(model, "classifier", { processGroup, parallelInput: false });
  } else {
    throw new TypeError(
      `Cannot split a ${model.constructor.name} over ranks: Decoder, BertMaskedLm, BertClassifier, T5 and VitClassifier can be`,
    );
  }
}

/** Every rank has its heads' numbers of the bias: T5 has as many heads of keys as of queries, so each may be cut off. */
async function planStack(plan: SplitPlan, { blocks, relativeBias }: T5Stack): Promise<void> {
  await planBlocks(plan, blocks);
  const { weight } = relativeBias;
  const layout = new Layout(weight.shape, [{ dim: 1, group: plan.processGroup }]);
  plan.add(() => relativeBias.weight = takeShard(weight, layout));
}

/** As layers that are cut by input features give all classes to every rank. */
function requireGathering({ constructor: kind }: PretrainedModel<never>, isWanted: boolean): void {
  if (isWanted) return;
  throw new TypeError(
    `Cannot leave the logits of a ${kind.name} on the ranks of their classes: leave gatherLogits out`,
  );
}
