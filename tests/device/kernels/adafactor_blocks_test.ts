// Adafactor's passes over blocks: several blocks of different shapes per call, from the first or from a later one on, so that
// the elements of earlier blocks must not change.

import {
  adafactorTileParams,
  adafactorTileSums,
  adafactorTileUpdates,
} from "../../reference/adafactor_tiles.ts";
import {
  adafactorAverages,
  adafactorJoinScalar,
  adafactorJoinSums,
  adafactorScaleGradients,
  adafactorStepSizes,
} from "../../reference/adafactor_blocks.ts";
import {
  type BlockTable,
  blockTable,
  blockWords,
  numberWords,
  stepWords,
  tileRun,
  vectorRun,
} from "../../support/device/block_records.ts";
import {
  F32,
  factorsOf,
  gradOperand,
  gradParams,
  HALVES,
  numbersRecord,
  paramOperand,
  paramParams,
  stepRecord,
  tables,
} from "../../support/device/block_cases.ts";
import { checkKernel } from "../../support/device/checked_kernel.ts";

const EXACT = { relative: 1e-6, ofLargest: 1e-7 };

checkKernel("adafactor_tile_sums", {
  reference: adafactorTileSums,
  tolerance: EXACT,
  cases: (random) =>
    tables([...F32, ...HALVES]).map(({ table, type, firstBlock }) => ({
      operands: {
        ...gradOperand(random, table, type),
        blocks: blockWords(table),
        partials: random.signed(table.lengths.partials),
      },
      params: { ...tileRun(table, firstBlock), ...gradParams(table, type) },
    })),
});

checkKernel("adafactor_tile_params", {
  reference: adafactorTileParams,
  tolerance: EXACT,
  cases: (random) =>
    tables([...F32, ...HALVES]).map(({ table, type, firstBlock }) => ({
      operands: {
        ...paramOperand(random, table, type),
        blocks: blockWords(table),
        partials: random.signed(table.lengths.partials),
      },
      params: { ...tileRun(table, firstBlock), ...paramParams(table, type) },
    })),
});

checkKernel("adafactor_join_sums", {
  reference: adafactorJoinSums,
  tolerance: EXACT,
  cases: (random) =>
    tables(F32).map(({ table, firstBlock }) => ({
      operands: {
        blocks: blockWords(table),
        partials: random.positive(table.lengths.partials),
        sums: random.signed(table.lengths.sums),
      },
      params: {
        ...vectorRun(table, firstBlock),
        partialsLength: table.lengths.partials,
        sumsLength: table.lengths.sums,
      },
    })),
});

checkKernel("adafactor_join_scalar", {
  reference: adafactorJoinScalar,
  tolerance: EXACT,
  cases: (random) =>
    tables(F32).flatMap(({ table, firstBlock }) =>
      [0, 1, 2, 3].map((scalar) => {
        const { numBlocks } = vectorRun(table, firstBlock);
        return {
          operands: {
            blocks: blockWords(table),
            partials: random.positive(table.lengths.partials),
            sums: random.signed(table.lengths.sums),
          },
          params: {
            firstBlock,
            numBlocks,
            scalar,
            partialsLength: table.lengths.partials,
            sumsLength: table.lengths.sums,
          },
        };
      })
    ),
});

checkKernel("adafactor_scale_gradients", {
  reference: adafactorScaleGradients,
  tolerance: EXACT,
  cases: (random) =>
    tables(F32).flatMap(({ table, firstBlock }) =>
      [1e-3, 1e9].flatMap((maxNorm) =>
        [1, 1e-20, 1e35, NaN, Infinity].map((size) => {
          const sums = random.positive(table.lengths.sums);
          const { gradientSquares, rowSlots, batchSlots } = table.records.at(-1)!;
          const last = gradientSquares + batchSlots * rowSlots - 1;
          if (Number.isFinite(size)) sums.forEach((square, i) => sums[i] = size * square);
          else sums[last] = size;
          const { numBlocks } = vectorRun(table, firstBlock);
          return {
            operands: { blocks: blockWords(table), sums, guard: Uint32Array.of(7) },
            params: {
              firstBlock,
              numBlocks,
              slot: 2,
              factor: 0.25,
              maxNorm,
              sumsLength: table.lengths.sums,
            },
          };
        }).filter(({ operands }) => maxNorm === 1e9 || operands.sums.every(Number.isFinite))
      )
    ),
});

checkKernel("adafactor_averages", {
  reference: adafactorAverages,
  tolerance: { relative: 2e-6 },
  cases: (random) =>
    averagesVariants().flatMap(({ guard, factor, take, ...variant }) =>
      tables(F32, variant).map(({ table, firstBlock }) => ({
        operands: {
          blocks: blockWords(largerParams(table)),
          numbers: numberWords(table.records.map(() => ({ ...numbersRecord(random), take }))),
          sums: random.positive(table.lengths.sums).map((sum, at) => at === 3 ? sum : factor * sum),
          guard: Uint32Array.of(guard),
          moments: random.positive(table.lengths.moments),
          factors: random.positive(table.lengths.factors),
        },
        params: {
          ...vectorRun(table, firstBlock),
          gradientScale: 3,
          sumsLength: table.lengths.sums,
          momentsLength: table.lengths.moments,
          factorsLength: table.lengths.factors,
        },
      }))
    ),
});

checkKernel("adafactor_tile_updates", {
  reference: adafactorTileUpdates,
  tolerance: EXACT,
  cases: (random) =>
    tables([...F32, ...HALVES]).map(({ table, type, firstBlock }) => ({
      operands: {
        ...gradOperand(random, table, type),
        blocks: blockWords(table),
        factors: factorsOf(random, table),
        partials: random.signed(table.lengths.partials),
      },
      params: {
        ...tileRun(table, firstBlock),
        ...gradParams(table, type),
        factorsLength: table.lengths.factors,
      },
    })),
});

checkKernel("adafactor_step_sizes", {
  reference: adafactorStepSizes,
  tolerance: { relative: 2e-6 },
  cases: (random) =>
    stepSizesVariants().flatMap((variant) =>
      tables(F32.slice(0, 1), variant).map(({ table, firstBlock }) => {
        const full = largerParams(table);
        return {
          operands: {
            blocks: blockWords(full),
            numbers: numberWords(full.records.map(() => numbersRecord(random))),
            sums: random.positive(full.lengths.sums).map((sum) => 100 * sum),
            steps: stepWords(full.records.map(() => stepRecord(random))),
          },
          params: {
            firstBlock,
            numBlocks: full.records.length - firstBlock,
            sumsLength: full.lengths.sums,
          },
        };
      })
    ),
});

/** The same blocks as pieces of larger parameters. */
function largerParams({ records }: BlockTable): BlockTable {
  return blockTable(records.map(({ rows, cols, globalCount, ...record }) => ({
    ...record,
    rows,
    cols,
    globalCount: globalCount + 1,
    globalRows: 2 * rows + 1,
    globalCols: 3 * cols + 1,
  })));
}

/** Guarded or not; eps inside the squares, or as floors; sums of gradients that are 0. */
function averagesVariants() {
  const plain = { guard: 0, factor: 1, take: 0.3, eps1: 1e-30, meanFloor: 0, factorCap: 1e37 };
  return [
    plain,
    { ...plain, guard: 1 },
    { ...plain, eps1: 0, meanFloor: 5, factorCap: 0.2 },
    { ...plain, take: 1, eps1: 0, factor: 0, factorCap: 1 },
  ];
}

/** Clipped and not, scaled by the parameter, by the floor and not at all; before and after the momentum; cautious. */
function stepSizesVariants() {
  return [
    { clipThreshold: 1 },
    { clipThreshold: 1e6, scaleParameter: 1 },
    { scaleParameter: 1, scaleFloor: 1e6, scaleCeiling: 1e30 },
    { scaleParameter: 1, scaleCeiling: 1e-2, beta1: 0 },
    { scaleParameter: 1, rateAfterMomentum: 1 },
    { cautious: 1 },
    { cautious: 1, rateAfterMomentum: 1, beta1: 0.5 },
  ];
}
