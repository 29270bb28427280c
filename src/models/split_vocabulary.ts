// How a vocabulary is split over tensor-parallel ranks: each has some rows of the token table, and the same of the output layer,
// bias included, whether its weight is the table or its own.

import { Embedding } from "../nn/embedding.ts";
import { Linear } from "../nn/linear.ts";
import type { Layer, Module } from "../nn/module.ts";
import { VocabParallelEmbedding } from "../nn/vocab_parallel_embedding.ts";
import { VocabParallelHead } from "../nn/vocab_parallel_head.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { notWhole, type SplitPlan } from "./split_plan.ts";

/** A module that looks tokens up. */
export interface TokenReader {
  tokens: Module<Tensor<"u32">>;
}

/** A module that guesses tokens. */
export interface TokenWriter {
  head: Layer;
}

/** Plans to split the table of a model that guesses no tokens. @throws {TypeError} if it is no whole one */
export function planTable(plan: SplitPlan, reader: TokenReader): void {
  const table = wholeTable(reader);
  plan.add(() => reader.tokens = VocabParallelEmbedding.fromNativeModule(table, plan));
}

/**
 * Plans to split the table and the head; every rank gets the logits of all tokens, or those of its own.
 *
 * @throws {TypeError} if one of them is no whole one.
 */
export function planVocabulary(
  plan: SplitPlan,
  { reader, writer, gatherLogits }: {
    readonly reader: TokenReader;
    readonly writer: TokenWriter;
    readonly gatherLogits: boolean;
  },
): void {
  const [table, { head }] = [wholeTable(reader), writer];
  if (!(head instanceof Linear)) throw notWhole(head, "head");
  const isTied = head.weight === table.weight;
  const options = { processGroup: plan.processGroup, gatherOutput: gatherLogits };
  plan.add(() => {
    const shard = VocabParallelEmbedding.fromNativeModule(table, options);
    reader.tokens = shard;
    writer.head = isTied
      ? VocabParallelHead.tiedTo(shard, { ...options, bias: head.bias })
      : VocabParallelHead.fromNativeModule(head, options);
  });
}

function wholeTable({ tokens }: TokenReader): Embedding {
  if (tokens instanceof Embedding) return tokens;
  throw notWhole(tokens, "tokens");
}
