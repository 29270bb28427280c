// A model on a mesh of ranks, compared like a whole one: shards are gathered before they are compared.

import type { ProcessGroup } from "../../../src/distributed/group.ts";
import type { ProcessGroupMesh } from "../../../src/distributed/mesh.ts";
import { parallelize, type ParallelizeOptions } from "../../../src/models/parallelize.ts";
import {
  type BlockDim,
  wholeWith,
  withoutPads,
} from "../../../src/optim/factoring/block_of_whole.ts";
import { DistributedAdaFactor } from "../../../src/optim/distributed_adafactor.ts";
import type { Parameter } from "../../../src/tensor/parameter.ts";
import { shardOf } from "../optim/sharded_training.ts";
import type { GoldenPlacement } from "./golden_model.ts";

/** A mesh of tensor x data, whose data-parallel ranks all have the same batch, and share optimizer state. */
export async function onMesh(
  mesh: ProcessGroupMesh,
  options: ParallelizeOptions,
): Promise<GoldenPlacement> {
  const tensorParallelGroup = await mesh.getGroupAlongAxis(0);
  const dataParallelGroup = await mesh.getGroupAlongAxis(1);
  return {
    place: (model) => parallelize(model, mesh, options),
    optimizer: (parameters, options) => {
      const optim = new DistributedAdaFactor(parameters, options);
      optim.setupDistributed({ tensorParallelGroup, dataParallelGroup });
      return optim;
    },
    whole: wholeOf,
    part: (values, { layout }) => shardOf(values, layout),
  };
}

/** All ranks' values of a parameter; all ranks must call it. */
async function wholeOf(values: Float32Array, { layout }: Parameter): Promise<Float32Array> {
  const dims = layout.globalShape.map((length, dim): BlockDim => ({
    length,
    range: layout.range(dim),
  }));
  const whole = wholeWith(withoutPads(values, layout), dims);
  const groups = new Set<ProcessGroup>(layout.splits.map(({ group }) => group));
  // Zero except for this rank's block.
  for (const group of groups) await group.allReduce(whole);
  return whole;
}
