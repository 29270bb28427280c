// Where a decoder's layers lie on a tensor-parallel group: see parallelize.ts.
//
//   tokens, head     rows of the vocabulary; one table where they are tied
//   attention        queries, keys and values by heads, the output layer by input features: one all-reduce per block
//   mlp              gate and up by output features, down by input features: one all-reduce per block

import type { ProcessGroup } from "../dist/group.ts";
import type { ProcessGroupMesh } from "../dist/mesh.ts";
import { Embedding } from "../nn/embedding.ts";
import { HeadRmsNorm } from "../nn/head_rms_norm.ts";
import { type HeadSplit, splitHeads } from "../nn/head_split.ts";
import { Linear } from "../nn/linear.ts";
import { Linear1DCol, type Linear1DColOptions } from "../nn/linear_1d_col.ts";
import { Linear1DRow } from "../nn/linear_1d_row.ts";
import type { Layer } from "../nn/module.ts";
import { RmsNorm } from "../nn/rms_norm.ts";
import { TransposedLinear } from "../nn/transposed_linear.ts";
import { VocabParallelEmbedding } from "../nn/vocab_parallel_embedding.ts";
import { VocabParallelHead } from "../nn/vocab_parallel_head.ts";
import type { Attention } from "./attention.ts";
import type { Decoder } from "./decoder.ts";
import type { BlockDescription } from "./decoder_description.ts";
import type { Mlp } from "./mlp.ts";
import type { ParallelizeOptions } from "./parallelize.ts";

/** Splits a whole decoder in place. @throws {RangeError} if there are too few heads or features; nothing was changed */
export async function parallelizeDecoder(
  model: Decoder,
  mesh: ProcessGroupMesh,
  { axis, gatherLogits }: Required<ParallelizeOptions>,
): Promise<void> {
  const processGroup = await mesh.getGroupAlongAxis(axis);
  const splits: HeadSplit[] = [];
  for (const index of model.blocks.keys()) {
    const block = model.description.block(index);
    splits.push(await splitsOf(block, { mesh, axis, processGroup }));
  }
  for (const [index, { attention, mlp }] of model.blocks.entries()) {
    splitAttention(attention, splits[index]);
    splitMlp(mlp, processGroup);
  }
  splitVocabulary(model, { processGroup, gatherOutput: gatherLogits });
}

/** @throws {RangeError} if a block cannot be split */
async function splitsOf(
  { attention, mlp }: BlockDescription,
  { processGroup, ...place }: {
    readonly mesh: ProcessGroupMesh;
    readonly axis: number;
    readonly processGroup: ProcessGroup;
  },
): Promise<HeadSplit> {
  const split = await splitHeads(attention, place);
  const { numHeads, numKeyHeads, projections } = attention;
  if (projections === "fused" && split.fused === undefined) {
    throw new RangeError(
      `Cannot split one layer of ${numHeads} heads of queries and ${numKeyHeads} of keys over ranks: store them in layers ` +
        "of their own",
    );
  }
  if (mlp.width < processGroup.size) {
    throw new RangeError(
      `Cannot split ${mlp.width} features of an MLP over ${processGroup.size} ranks`,
    );
  }
  return split;
}

function splitAttention(attention: Attention, split: HeadSplit): void {
  const { processGroup } = split.query;
  const { qkv, query, key, value, queryNorm, keyNorm } = attention;
  if (qkv !== undefined) attention.qkv = byOutput(qkv, split.fused!);
  if (query !== undefined) attention.query = byOutput(query, split.query);
  if (key !== undefined) attention.key = byOutput(key, split.keyValue);
  if (value !== undefined) attention.value = byOutput(value, split.keyValue);
  if (queryNorm !== undefined) attention.queryNorm = ofHeads(queryNorm, processGroup);
  if (keyNorm !== undefined) attention.keyNorm = ofHeads(keyNorm, processGroup);
  attention.output = Linear1DRow.fromNativeModule(native(attention.output), split.output);
}

function splitMlp(mlp: Mlp, processGroup: ProcessGroup): void {
  if (mlp.gate !== undefined) mlp.gate = byOutput(mlp.gate, { processGroup });
  mlp.up = byOutput(mlp.up, { processGroup });
  mlp.down = Linear1DRow.fromNativeModule(native(mlp.down), { processGroup });
}

function splitVocabulary(
  model: Decoder,
  options: { readonly processGroup: ProcessGroup; readonly gatherOutput: boolean },
): void {
  const { tokens, head, description: { tied } } = model;
  if (!(tokens instanceof Embedding)) throw alreadySplit();
  const shard = VocabParallelEmbedding.fromNativeModule(tokens, options);
  model.tokens = shard;
  if (tied) {
    model.head = VocabParallelHead.tiedTo(shard, options);
  } else if (head instanceof Linear) {
    model.head = VocabParallelHead.fromNativeModule(head, options);
  } else {
    throw alreadySplit();
  }
}

function byOutput(layer: Layer, options: Linear1DColOptions): Layer {
  return Linear1DCol.fromNativeModule(native(layer), options);
}

function ofHeads(norm: Layer, processGroup: ProcessGroup): Layer {
  if (norm instanceof RmsNorm) return HeadRmsNorm.fromNativeModule(norm, { processGroup });
  throw alreadySplit();
}

function native(layer: Layer): Linear | TransposedLinear {
  if (layer instanceof Linear || layer instanceof TransposedLinear) return layer;
  throw alreadySplit();
}

function alreadySplit(): TypeError {
  return new TypeError("Cannot split a model of which a layer was replaced: split a whole one");
}
