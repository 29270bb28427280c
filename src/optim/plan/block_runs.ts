// Runs of blocks that one dispatch serves: consecutive blocks whose tensors are in the same buffers.

import { numTilesOf } from "./plan_blocks.ts";
import type { StepPlan } from "./step_plan.ts";

/** Consecutive blocks of a plan. */
export interface BlockRun {
  readonly firstBlock: number;
  readonly numBlocks: number;
}

/** A run with its tiles, as kernels take it. */
export interface TileRun extends BlockRun {
  readonly firstTile: number;
  readonly numTiles: number;
  readonly partialsLength: number;
}

/** The runs of blocks `from` to before `to` within which `isSame` holds of neighbours. */
export function runsOf(
  { from, to }: { readonly from: number; readonly to: number },
  isSame: (one: number, next: number) => boolean,
): BlockRun[] {
  const runs: BlockRun[] = [];
  let first = from;
  for (let index = from; index < to; index++) {
    if (index + 1 < to && isSame(index, index + 1)) continue;
    runs.push({ firstBlock: first, numBlocks: index + 1 - first });
    first = index + 1;
  }
  return runs;
}

/** All blocks of a plan. */
export function allBlocks({ blocks }: Pick<StepPlan, "blocks">): BlockRun {
  return { firstBlock: 0, numBlocks: blocks.length };
}

/** Those of the runs that have tiles, with them. */
export function tilesOf(plan: StepPlan, runs: readonly BlockRun[]): TileRun[] {
  return runs.map(({ firstBlock, numBlocks }) => {
    const { firstTile } = plan.blocks[firstBlock].record;
    const last = plan.blocks[firstBlock + numBlocks - 1];
    const numTiles = last.record.firstTile + numTilesOf(last.record) - firstTile;
    return { firstBlock, numBlocks, firstTile, numTiles, partialsLength: plan.partialsLength };
  }).filter(({ numTiles }) => numTiles > 0);
}
