// A model in training is whole, or split over tensor-parallel ranks: tasks need not know which. The logits of a split vocabulary stay
// on their ranks for the loss, which communicates three numbers per row instead of V.

import type { ProcessGroup } from "../distributed/group.ts";
import type { ProcessGroupMesh } from "../distributed/mesh.ts";
import { parallelize } from "../models/parallelize.ts";
import type { ExpertSplit } from "../models/splitting/split_plan.ts";
import type { PretrainedModel } from "../models/pretrained_model.ts";
import { gatherFromGroup } from "../nn/parallel/group_exchanges.ts";
import { vocabParallelCrossEntropy } from "../nn/parallel/vocab_parallel_cross_entropy.ts";
import { crossEntropy } from "../ops/cross_entropy.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";

/** Options of {@linkcode ModelSplit.vocabularyLoss}. */
export interface VocabularyLossOptions {
  /** V, the size of the vocabulary. */
  readonly numClasses: number;
  /** Rows with this target are ignored. Default: none. */
  readonly ignored?: number;
}

/** How the logits of a vocabulary are stored: whole on every rank, or this rank's classes. */
export interface ModelSplit {
  /**
   * Mean cross-entropy, in nats, of the model's logits [..., V], or this rank's part of V, against the classes `targets` [...]: a tensor
   * of shape [], equal on all ranks that share the model.
   */
  vocabularyLoss(
    logits: FloatTensor,
    targets: Tensor<"u32">,
    options: VocabularyLossOptions,
  ): Promise<Tensor>;
  /** The model's logits [..., V] of the whole vocabulary, on every rank. */
  wholeLogits(logits: Tensor, numClasses: number): Promise<Tensor>;
  /** The ranks that have other parts of a batch; undefined if the mesh has no second axis. */
  readonly batchGroup: ProcessGroup | undefined;
}

/**
 * Splits `model` over the first axis of the mesh, if that has several ranks.
 *
 * @throws {RangeError} if it cannot be split.
 */
export async function splitModel(
  model: PretrainedModel<never>,
  mesh: ProcessGroupMesh,
  { hasVocabularyLogits, experts }: {
    readonly hasVocabularyLogits: boolean;
    readonly experts?: ExpertSplit | undefined;
  },
): Promise<ModelSplit> {
  if (mesh.size(0) > 1) {
    await parallelize(model, mesh, { gatherLogits: !hasVocabularyLogits, experts });
  }
  const batchGroup = mesh.size().length > 1 ? await mesh.getGroupAlongAxis(1) : undefined;
  if (mesh.size(0) === 1 || !hasVocabularyLogits) {
    return {
      batchGroup,
      vocabularyLoss: (logits, targets, { ignored }) =>
        Promise.resolve(
          crossEntropy(logits, targets, ignored === undefined ? {} : { ignored }),
        ),
      wholeLogits: (logits) => Promise.resolve(logits),
    };
  }
  const group = await mesh.getGroupAlongAxis(0);
  return {
    batchGroup,
    vocabularyLoss: async (logits, targets, options) =>
      await vocabParallelCrossEntropy(logits, targets, { processGroup: group, ...options }),
    wholeLogits: async (own, numCols) => {
      const paddedCols = own.shape.at(-1)! * group.size;
      return await gatherFromGroup(own, { group, label: "logits", numCols, paddedCols });
    },
  };
}
