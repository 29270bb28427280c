// Splits a vocabulary over tensor-parallel ranks: each has some rows of the token table, and the same rows of the output layer, bias
// included, whether that is tied to the table or has a weight of its own.

import { Embedding } from "../../nn/embedding.ts";
import { Linear } from "../../nn/linear.ts";
import type { Layer, Module } from "../../nn/module.ts";
import { VocabParallelEmbedding } from "../../nn/parallel/vocab_parallel_embedding.ts";
import { VocabParallelHead } from "../../nn/parallel/vocab_parallel_head.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { notWhole, type SplitPlan } from "./split_plan.ts";

/** A module that embeds tokens. */
export interface TokenEmbedder {
  tokens: Module<Tensor<"u32">>;
}

/** A module that predicts tokens. */
export interface TokenPredictor {
  head: Layer;
}

/** Adds the token table of a model that predicts no tokens to `plan`. @throws {TypeError} if the table was replaced */
export function planEmbedding(plan: SplitPlan, embedding: TokenEmbedder): void {
  const table = wholeTable(embedding);
  const { processGroup } = plan;
  plan.add(() =>
    embedding.tokens = VocabParallelEmbedding.fromNativeModule(table, { processGroup })
  );
}

/**
 * Adds the token table and the output layer to `plan`; forward then returns the logits of all tokens, or of this rank's rows.
 *
 * @throws {TypeError} if one of them was replaced.
 */
export function planVocabulary(
  plan: SplitPlan,
  { embedding, output, gatherLogits }: {
    readonly embedding: TokenEmbedder;
    readonly output: TokenPredictor;
    readonly gatherLogits: boolean;
  },
): void {
  const [table, { head }] = [wholeTable(embedding), output];
  if (!(head instanceof Linear)) throw notWhole(head, "head");
  const isTied = head.weight === table.weight;
  const { processGroup } = plan;
  const options = { processGroup, gatherOutput: gatherLogits };
  plan.add(() => {
    const shard = VocabParallelEmbedding.fromNativeModule(table, { processGroup });
    embedding.tokens = shard;
    output.head = isTied
      ? VocabParallelHead.tiedTo(shard, { ...options, bias: head.bias })
      : VocabParallelHead.fromNativeModule(head, options);
  });
}

function wholeTable({ tokens }: TokenEmbedder): Embedding {
  if (tokens instanceof Embedding) return tokens;
  throw notWhole(tokens, "tokens");
}
