// AdamW's step over runs of blocks, as the comment in src/device/kernels/adamw.ts defines it.

import { adamwFields } from "../../src/device/block_table.ts";
import { blocksOf, forEachElement, recordAt } from "./adafactor_blocks.ts";
import { globalIndex } from "./adafactor_tiles.ts";
import type { Reference } from "./reference.ts";
import { elementsOf, randomBits, stochastic, storeElements } from "./storage.ts";

export const adamwStep: Reference<"adamw_step"> = (operands, params) => {
  if (operands.guard[0] !== 0) return;
  const scale = operands.sums[params.gradientScale]!;
  const grad = elementsOf(operands.grad, params.gradType, params.gradLength);
  const { paramType, momentumType, secondMomentType } = params;
  const param = elementsOf(operands.param, paramType, params.paramLength);
  const first = elementsOf(operands.momentum, momentumType, params.momentumLength);
  const second = elementsOf(operands.secondMoment, secondMomentType, params.secondMomentLength);
  const random = new Uint32Array(params.paramLength);
  const words = new Uint32Array(Float32Array.from(operands.steps).buffer);
  for (const { block, index } of blocksOf(operands.blocks, params)) {
    const step = recordAt(adamwFields, words, index);
    forEachElement(block, (element) => {
      const g = scale * grad[block.gradOffset + element.at]!;
      const inFirst = block.momentumOffset + element.at;
      const inSecond = block.secondMomentOffset + element.at;
      const inParam = block.paramOffset + element.at;
      first[inFirst] = (1 - step.take) * first[inFirst]! + step.take * g;
      second[inSecond] = (1 - step.takeSquares) * second[inSecond]! + step.takeSquares * g * g;
      const root = Math.sqrt(second[inSecond]!) * step.rootCorrection + step.eps;
      const p = param[inParam]!;
      param[inParam] = p - step.decay * p - step.stepSize * first[inFirst]! / root;
      random[inParam] = randomBits(globalIndex(block, element), step.key);
    });
  }
  storeElements(operands.momentum, { type: momentumType, elements: first });
  storeElements(operands.secondMoment, { type: secondMomentType, elements: second });
  storeElements(operands.param, {
    type: paramType,
    elements: param,
    ...(params.stochastic === 1 &&
      { round: (value, at) => stochastic(value, paramType, random[at]!) }),
  });
};
