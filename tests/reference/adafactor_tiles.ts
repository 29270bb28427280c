// Adafactor's passes over the elements of blocks, as the comments in src/device/kernels/ define them.

import type { BlockRecord } from "../../src/device/block_table.ts";
import {
  type BlockRange,
  blocksOf,
  type Element,
  forEachElement,
  stepOf,
  type StepRecord,
  TileSums,
} from "./adafactor_blocks.ts";
import type { Reference } from "./reference.ts";
import { elementsOf, randomBits, stochastic, storeElements } from "./storage.ts";

export const adafactorTileSums: Reference<"adafactor_tile_sums"> = (operands, params) => {
  const grad = elementsOf(operands.grad, params.gradType, params.gradLength);
  for (const { block } of blocksOf(operands.blocks, params)) {
    const sums = new TileSums(operands.partials, block, "all");
    forEachElement(block, (element) => {
      sums.add(element, grad[block.gradOffset + element.at]! ** 2);
    });
  }
};

export const adafactorTileParams: Reference<"adafactor_tile_params"> = (operands, params) => {
  const param = elementsOf(operands.param, params.paramType, params.paramLength);
  for (const { block } of blocksOf(operands.blocks, params)) {
    const sums = new TileSums(operands.partials, block, "tiles");
    forEachElement(block, (element) => {
      sums.add(element, param[block.paramOffset + element.at]! ** 2);
    });
  }
};

export const adafactorTileUpdates: Reference<"adafactor_tile_updates"> = (operands, params) => {
  const grad = elementsOf(operands.grad, params.gradType, params.gradLength);
  for (const { block } of blocksOf(operands.blocks, params)) {
    const sums = new TileSums(operands.partials, block, "tiles");
    forEachElement(block, (element) => {
      sums.add(element, updateOf(grad, operands.factors, { block, element }) ** 2);
    });
  }
};

export const adafactorStep: Reference<"adafactor_step"> = (operands, params) =>
  stepParams(operands, params, (u, { step }) => step.a / step.d * u);

export const adafactorStepMomentum: Reference<"adafactor_step_momentum"> = (operands, params) => {
  const momentum = elementsOf(operands.momentum, params.momentumType, params.momentumLength);
  stepParams(operands, params, (u, { block, step, at }) => {
    const i = block.momentumOffset + at;
    momentum[i] = block.beta1 * momentum[i]! + step.take * u;
    return step.over * momentum[i]!;
  });
  storeElements(operands.momentum, { type: params.momentumType, elements: momentum });
};

export const adafactorTileMomentum: Reference<"adafactor_tile_momentum"> = (operands, params) => {
  const averaged = averageUpdates(operands, params, "tiles");
  const stored = elementsOf(operands.momentum, params.momentumType, params.momentumLength);
  for (const { sums, element, at, u, step } of averaged) {
    sums.add(element, stored[at]! * step.take * u > 0 ? 1 : 0);
  }
};

export const cameTileSums: Reference<"came_tile_sums"> = (operands, params) => {
  for (const { sums, element, u, m, step } of averageUpdates(operands, params, "all")) {
    sums.add(element, (u / step.d - m) ** 2);
  }
};

export const adafactorStepCautious: Reference<"adafactor_step_cautious"> = (operands, params) => {
  const momentum = elementsOf(operands.momentum, params.momentumType, params.momentumLength);
  stepParams(operands, params, (u, { block, step, at }) => {
    const m = momentum[block.momentumOffset + at]!;
    return m * step.take * u > 0 ? step.over * m : 0;
  });
};

/** An element whose update was averaged into the momentum, with the tile sums of its block, still 0. */
interface Averaged {
  readonly sums: TileSums;
  readonly element: Element;
  /** The index of its momentum, and its value before it is stored. */
  readonly at: number;
  readonly m: number;
  readonly u: number;
  readonly step: StepRecord;
}

/** momentum <- beta1 momentum + take u, unless the guard is set: then there is no element. */
function averageUpdates(
  operands: StepOperands & { readonly momentum: Float64Array },
  params: BlockRange & {
    readonly gradType: number;
    readonly gradLength: number;
    readonly momentumType: number;
    readonly momentumLength: number;
  },
  kind: "tiles" | "all",
): Averaged[] {
  const grad = elementsOf(operands.grad, params.gradType, params.gradLength);
  const momentum = elementsOf(operands.momentum, params.momentumType, params.momentumLength);
  const averaged: Averaged[] = [];
  for (const { block, index } of blocksOf(operands.blocks, params)) {
    const step = stepOf(operands.steps, index);
    const sums = new TileSums(operands.partials, block, kind);
    if (operands.guard[0] !== 0) continue;
    forEachElement(block, (element) => {
      const at = block.momentumOffset + element.at;
      const u = updateOf(grad, operands.factors, { block, element });
      const m = block.beta1 * momentum[at]! + step.take * u;
      momentum[at] = m;
      averaged.push({ sums, element, at, m, u, step });
    });
  }
  storeElements(operands.momentum, { type: params.momentumType, elements: momentum });
  return averaged;
}

interface StepOperands {
  readonly grad: Float64Array;
  readonly blocks: Float64Array;
  readonly factors: Float64Array;
  readonly steps: Float64Array;
  readonly guard: Float64Array;
  readonly partials: Float64Array;
}

/** p <- p - decay p - subtracted(u), and tiles' sums of p^2 as stored. */
function stepParams(
  operands: StepOperands & { readonly param: Float64Array },
  params: BlockRange & {
    readonly gradType: number;
    readonly gradLength: number;
    readonly paramType: number;
    readonly paramLength: number;
    readonly stochastic: number;
  },
  subtracted: (
    u: number,
    found: { readonly block: BlockRecord; readonly step: StepRecord; readonly at: number },
  ) => number,
): void {
  const grad = elementsOf(operands.grad, params.gradType, params.gradLength);
  const { paramType: type, paramLength } = params;
  const run = blocksOf(operands.blocks, params);
  if (operands.guard[0] === 0) {
    const elements = elementsOf(operands.param, type, paramLength);
    const random = new Uint32Array(paramLength);
    for (const { block, index } of run) {
      const step = stepOf(operands.steps, index);
      forEachElement(block, (element) => {
        const at = block.paramOffset + element.at;
        const u = updateOf(grad, operands.factors, { block, element });
        const p = elements[at]!;
        elements[at] = p - step.decay * p - subtracted(u, { block, step, at: element.at });
        random[at] = randomBits(globalIndex(block, element), step.key);
      });
    }
    storeElements(operands.param, {
      type,
      elements,
      ...(params.stochastic === 1 &&
        { round: (value, at) => stochastic(value, type, random[at]!) }),
    });
  }
  const stored = elementsOf(operands.param, type, paramLength);
  for (const { block } of run) {
    const sums = new TileSums(operands.partials, block, "tiles");
    forEachElement(block, (element) => {
      sums.add(element, stored[block.paramOffset + element.at]! ** 2);
    });
  }
}

/** u = g min(rowFactor colFactor, cap) */
function updateOf(
  grad: Float64Array,
  factors: Float64Array,
  { block, element: { b, i, j, at } }: { readonly block: BlockRecord; readonly element: Element },
): number {
  const { batch, rows, cols } = block;
  const rowFactor = factors[block.factors + b * rows + i]!;
  const colFactor = factors[block.factors + batch * rows + b * cols + j]!;
  const cap = factors[block.factors + batch * (rows + cols)]!;
  return grad[block.gradOffset + at]! * Math.min(rowFactor * colFactor, cap);
}

/** An element's index in the whole parameter, its low 32 bits. */
export function globalIndex(block: BlockRecord, { b, i, j }: Element): number {
  const globalB = globalAt(b, block.batchInner, block.batchInnerGlobal) + block.batchBegin;
  const globalI = globalAt(i, block.rowInner, block.rowInnerGlobal) + block.rowBegin;
  const globalJ = globalAt(j, block.colInner, block.colInnerGlobal) + block.colBegin;
  const row = Math.imul(globalB, block.indexRows) + globalI;
  return (Math.imul(row, block.indexCols) + globalJ) >>> 0;
}

function globalAt(i: number, inner: number, innerGlobal: number): number {
  return Math.floor(i / inner) * innerGlobal + i % inner;
}
