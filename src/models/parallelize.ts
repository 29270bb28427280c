// Tensor parallelism for a whole model: its layers are replaced by split ones, and its forward pass stays as it is. The model's
// planSplit() says which layers are split, and how.
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
// Every rank holds, of every kind of model, its rows of the vocabulary, its heads, and its features between the layers of an MLP;
// norms, positions and biases that are added after an all-reduce are replicated.          (Shoeybi et al. 2019, section 3)
// Replicated are also the few layers that a norm or a position follows at once, which needs all features on every rank: the
// projections of embeddings (OPT) and patches (ViT), and the transform before BERT's head.

import { requireObject } from "../tensor/option_names.ts";
import { ProcessGroupMesh } from "../distributed/mesh.ts";
import { Experts } from "./blocks/experts.ts";
import { PretrainedModel } from "./pretrained_model.ts";
import { type ExpertSplit, SplitPlan } from "./splitting/split_plan.ts";

/**
 * Options of {@linkcode parallelize}.
 *
 * @category Models
 */
export interface ParallelizeOptions {
  /** The axis of the mesh over which layers are split. Default: 0. */
  readonly axis?: number;
  /**
   * Whether the model's forward returns the logits of the whole vocabulary [..., V] on every rank. If not, it returns this rank's
   * [..., ceil(V / ranks)], for `vocabParallelCausalLoss()` or `vocabParallelCrossEntropy()`, which saves the all-gather. A
   * classifier always returns the logits of all classes. Default: true.
   */
  readonly gatherLogits?: boolean;
  /**
   * What each rank has of a mixture of experts: "features", some hidden features of every expert; or "whole", some experts, to which
   * tokens are sent by all-to-all (expert parallelism). No token is dropped in either, and with "whole" experts have the values and
   * gradients of one rank to the bit. Default: "features".
   */
  readonly experts?: ExpertSplit | undefined;
}

/**
 * Splits the layers of a whole model over an axis of the mesh, in place; parameters keep their names. All ranks of the axis
 * must call it, with the same values in the same model. Over an axis of one rank nothing changes.
 *
 * @throws {TypeError} if it is given no model of transformers, no mesh or an option that does not exist, the model is split
 *   already, its layers were replaced, its class does not define `planSplit()`, `experts` are given for a model without, or
 *   `gatherLogits` is false for a classifier; nothing was changed.
 * @throws {RangeError} if there are too few heads, features or experts for the ranks; nothing was changed.
 *
 * @example
 * ```ts
 * import {
 *   Decoder,
 *   DistributedAdaFactor,
 *   launch,
 *   newModel,
 *   parallelize,
 *   ProcessGroupMesh,
 *   RandomSource,
 *   requestDevice,
 * } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * await using world = await launch({ rank: 0, worldSize: 1, host: "127.0.0.1", port: 29500 });
 * const mesh = ProcessGroupMesh.over(world, 1, 1); // tensor parallel x data parallel
 * const config = { model_type: "gpt2", vocab_size: 16, n_embd: 8, n_layer: 1, n_head: 2, n_positions: 8 };
 * using model = newModel(device, config, { random: new RandomSource(1), model: Decoder });
 * await parallelize(model, mesh);
 * using optim = new DistributedAdaFactor(model.parameters());
 * optim.setupDistributed({
 *   tensorParallelGroup: await mesh.getGroupAlongAxis(0),
 *   dataParallelGroup: await mesh.getGroupAlongAxis(1),
 * });
 * ```
 *
 * @category Models
 */
export async function parallelize(
  model: PretrainedModel<never>,
  mesh: ProcessGroupMesh,
  options: ParallelizeOptions = {},
): Promise<void> {
  requireObject("parallelize()", options, "axis");
  const { axis = 0, gatherLogits = true, experts, ...others } = options;
  if (!(model instanceof PretrainedModel)) {
    throw new TypeError(
      `Cannot split ${
        describe(model)
      } over ranks: give a model that loadPretrained() or newModel() made, or make layers ` +
        "such as Linear1DCol from those of another",
    );
  }
  if (!(mesh instanceof ProcessGroupMesh)) {
    throw new TypeError(
      `Cannot split a model over ${
        describe(mesh)
      }: give a mesh, new ProcessGroupMesh(2, 2), and the axis to split over`,
    );
  }
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw new TypeError(
      `There is no option ${unknown} of parallelize(): there are axis, gatherLogits, experts`,
    );
  }
  requireExpertSplit(model, experts);
  if (mesh.size(axis) === 1) return;
  const split = [...model.namedParameters()].find(([, { layout }]) => layout.splits.length > 0);
  if (split !== undefined) {
    throw new TypeError(`Cannot split a model whose ${split[0]} is split already: split it once`);
  }
  const plan = await SplitPlan.along(mesh, axis, { experts });
  await model.planSplit(plan, { gatherLogits });
  plan.apply();
}

function requireExpertSplit(model: PretrainedModel<never>, split: ExpertSplit | undefined): void {
  if (split === undefined) return;
  if (split !== "features" && split !== "whole") {
    throw new TypeError(`experts of parallelize() must be "features" or "whole", got ${split}`);
  }
  if (model.modules().some((each) => each instanceof Experts)) return;
  throw new TypeError(
    `Cannot say how experts are split, as a ${model.constructor.name} of this config has none: leave experts out`,
  );
}

/** The class of an object; else its value. */
function describe(given: unknown): string {
  if (typeof given !== "object" || given === null) return String(given);
  const { name = "Object" } = given.constructor ?? {};
  return name === "Object" ? "an object" : `an instance of ${name}`;
}
