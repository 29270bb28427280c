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

import type { ProcessGroupMesh } from "../dist/mesh.ts";
import { Decoder } from "./decoder.ts";
import { parallelizeDecoder } from "./parallelize_decoder.ts";
import type { PretrainedModel } from "./pretrained_model.ts";

/** Options of {@linkcode parallelize}. */
export interface ParallelizeOptions {
  /** The axis of the mesh over which layers are split. Default: 0. */
  readonly axis?: number;
  /**
   * Whether the model's forward gives every rank the logits of the whole vocabulary [..., V]. If not, it gives this rank's
   * [..., ceil(V / ranks)], for `splitCausalLoss()` or `vocabParallelCrossEntropy()`: they need not travel. Default: true.
   */
  readonly gatherLogits?: boolean;
}

/**
 * Splits the layers of a whole model over an axis of the mesh, in place; parameters keep their names. All ranks of the axis
 * must call it, with the same values in the same model. Over an axis of one rank nothing changes.
 *
 * @throws {TypeError} if the model is split already, or nobody has said how a model of its class is split; nothing was changed.
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
  if (model instanceof Decoder) {
    return await parallelizeDecoder(model, mesh, { axis, gatherLogits });
  }
  throw new TypeError(`Cannot split a ${model.constructor.name} over ranks: Decoder can be`);
}
