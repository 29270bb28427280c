// Adafactor (Shazeer & Stern 2018, alg. 4-6), one step t for a parameter p with gradient g, both [batch, rows, cols]:
//
//   R <- b2 R + (1 - b2) mean_j(g^2 + eps1)       C <- b2 C + (1 - b2) mean_i(g^2 + eps1)       b2 = 1 - t^decayRate
//   u  = g rsqrt(R / mean R) rsqrt(C)             u <- u / max(1, RMS(u) / clipThreshold)
//   a  = rho_t (scaleParameter ? max(eps2, RMS(p)) : 1)
//   p <- p - a weightDecay p - a u                (with beta1: a running average of a u is applied instead)
//
// Options turn this into what other implementations compute (optim/options/presets.ts). Three passes over memory with two
// exchanges of sums between them, empty on one device:
//
//   sums of g^2  ->  exchange 0  ->  R, C, sums of u^2  ->  exchange 1  ->  apply, and the sums of p^2 for the next step
//
// With cautious parameters an average of momentum and exchange 2 come before apply; with CAME (came.ts) a second half with
// exchange 3 after it.

import type { Device } from "../../device/device.ts";
import type { ProcessGroup } from "../../distributed/group.ts";
import type { Hyperparameters } from "../options/hyperparameters.ts";
import { BlockMemory } from "../plan/block_memory.ts";
import { allBlocks } from "../plan/block_runs.ts";
import type { RuleRecord, RuleRecords, UnplacedBlock } from "../plan/plan_blocks.ts";
import type { StepPlan } from "../plan/step_plan.ts";
import type { StateField } from "../state/state_fields.ts";
import type { PassOperands } from "../step/passes.ts";
import type { StepPasses, UpdateRule } from "../step/update_rule.ts";
import type { SumsPlan } from "../sums/packed_sums.ts";
import { numbersOf, StepNumbers } from "./adafactor_numbers.ts";
import {
  type AdafactorOperands,
  advanceAverages,
  applyUpdates,
  averageMomentum,
  cautiousBlocks,
  sizeSteps,
  sumStatistics,
  sumUpdates,
} from "./adafactor_passes.ts";
import { CameHalf, confidenceField, hasConfidence, reserveConfidenceSums } from "./came.ts";

/**
 * Adafactor's measures of a parameter: RMS p = sqrt(P2 / n), RMS u = sqrt(U2 / n), d = max(1, RMS u / clipThreshold).
 *
 * @category Optimizers
 */
export interface AdafactorMeasures {
  /** The factor of the clipped update: the rate times the parameter's scale. */
  readonly stepSize: number;
  /** Root of the mean square of the parameter before the step. */
  readonly parameterRms: number;
  /** The same of the update before it was clipped. */
  readonly updateRms: number;
  /** The divisor of the update: 1 where it was not clipped. */
  readonly clipFactor: number;
}

/** Adafactor, and CAME where options say so. */
export const adafactorRule: UpdateRule<Hyperparameters, AdafactorMeasures> = {
  name: "Adafactor",
  kinds: ["plain", "momentum", "cautious", "came"],
  numExchanges: 4,
  kindOf({ hyper, view }) {
    if (hasConfidence(view, hyper)) return "came";
    return hyper.beta1 === undefined ? "plain" : hyper.cautious ? "cautious" : "momentum";
  },
  factoringOf: ({ hyper }) => hyper.factoring,
  numbersAt({ rate, take, decay }, step) {
    const { timesStep, absolute } = decay(step);
    return [rate(step), take(step), timesStep, absolute];
  },
  isPerMatrix: ({ perMatrix }) => perMatrix,

  fieldsOf({ hyper, view }) {
    const fields: StateField[] = [
      { name: "moments", shape: "sums", saved: ["rowMeans", "colMeans", "means"] },
    ];
    if (hyper.beta1 !== undefined) {
      const dtype = hyper.momentumDtype;
      fields.push({
        name: "momentum",
        shape: "tensor",
        dtype,
        least: -Infinity,
        offset: "momentumOffset",
      });
    }
    if (hasConfidence(view, hyper)) fields.push(confidenceField);
    return fields;
  },
  sizesOf({ globalRows: rows, globalCols: cols, globalCount }) {
    return { batch: globalCount === 0 ? 1 : globalCount / (rows * cols), rows, cols };
  },
  describeSizes: ({ batch, rows, cols }) => `${batch} x [${rows}, ${cols}]`,
  optionalFields: [
    {
      key: "momentum",
      without: "without momentum: leave out beta1",
      with: "with momentum: give beta1",
    },
    {
      key: "confidenceMeans",
      without: "by Adafactor: set algorithm so",
      with: "by CAME: set algorithm so",
    },
  ],

  reserveSums,
  prepare: (device, plan) => new AdafactorPasses(device, plan),
};

/** The rule's sums of a block, and the words of its record that follow from them and from options. */
function reserveSums(
  block: UnplacedBlock<Hyperparameters>,
  [statistics, updates, alignments, confidences]: readonly SumsPlan<ProcessGroup>[],
): (gradientSquares: number) => RuleRecords {
  const { kind, hyper, geometry, local, state, view } = block;
  const { batch, rows, cols, factored, rowSumGroups, colSumGroups, groups } = view;
  const perScalar = geometry.batchSlots * geometry.rowSlots;
  const rowSums = statistics.add(batch * rows, rowSumGroups);
  const colSums = statistics.add(batch * cols, colSumGroups);
  const totals = statistics.add(batch * geometry.rowSlots, [...rowSumGroups, ...colSumGroups]);
  const paramSquares = statistics.add(perScalar, groups);
  const updateSquares = updates.add(perScalar, groups);
  const aligned = kind === "cautious" ? alignments.add(perScalar, groups) : undefined;
  const confidence = kind === "came" ? reserveConfidenceSums(block, confidences) : undefined;
  return () => ({
    // Every field that the plan does not fill in, or it does not compile.
    record: {
      moments: state.values.moments.offset + local * (rows + cols + 1),
      rowSums: rowSums.offset,
      colSums: colSums.offset,
      totals: totals.offset,
      updateSquares: updateSquares.offset,
      paramSquares: paramSquares.offset,
      // Without caution it is not used, but must be within the buffer.
      aligned: (aligned ?? updateSquares).offset,
      eps1: hyper.eps1,
      meanFloor: factored ? hyper.meanFloor : 0,
      factorCap: hyper.factorCap,
      scaleParameter: hyper.scaleParameter ? 1 : 0,
      scaleFloor: hyper.scaleFloor,
      scaleCeiling: hyper.scaleCeiling,
      clipThreshold: hyper.clipThreshold,
      beta1: hyper.beta1 ?? 0,
      rateAfterMomentum: hyper.momentumOf === "update" ? 1 : 0,
      cautious: hyper.cautious ? 1 : 0,
    } satisfies Required<RuleRecord>,
    ...(confidence === undefined ? {} : { second: confidence() }),
  });
}

class AdafactorPasses implements StepPasses<AdafactorMeasures> {
  readonly memory: BlockMemory;
  readonly #plan: StepPlan<Hyperparameters>;
  readonly #numbers: StepNumbers;
  readonly #came: CameHalf | undefined;

  constructor(device: Device, plan: StepPlan<Hyperparameters>) {
    const { blocks } = plan;
    const moments = blocks[0].state.values.moments.buffer;
    this.#plan = plan;
    this.memory = new BlockMemory(device, { numBlocks: blocks.length, moments });
    this.#numbers = new StepNumbers(device, blocks.length);
    if (blocks.some(({ second }) => second !== undefined)) this.#came = new CameHalf(device, plan);
  }

  begin(): void {
    this.#numbers.write(this.#plan.blocks.map(numbersOf));
  }

  sumGradients(operands: PassOperands): void {
    sumStatistics(operands);
  }

  async update(
    shared: PassOperands,
    exchange: (which: number) => Promise<void>,
  ): Promise<void> {
    const { device, plan } = shared;
    using factors = device.allocate(4 * plan.factorsLength);
    const moments = plan.blocks[0].state.values.moments.buffer;
    const operands: AdafactorOperands = { ...shared, numbers: this.#numbers, moments, factors };
    advanceAverages(operands, plan.gradientScale);
    sumUpdates(operands);
    await exchange(1);

    sizeSteps(operands, allBlocks(plan));
    const cautious = cautiousBlocks(plan);
    if (cautious !== undefined) {
      averageMomentum(operands, cautious);
      await exchange(2);
      sizeSteps(operands, cautious);
    }
    applyUpdates(operands);
    await this.#came?.step(operands, () => exchange(3));
  }

  async measure(): Promise<readonly AdafactorMeasures[]> {
    const steps = await this.#numbers.read();
    return steps.map(({ a, d, paramRms, updateRms }) => ({
      // Uphill it is negative.
      stepSize: Math.abs(a),
      parameterRms: paramRms,
      updateRms,
      clipFactor: d,
    }));
  }

  [Symbol.dispose](): void {
    this.memory[Symbol.dispose]();
    this.#numbers[Symbol.dispose]();
    this.#came?.[Symbol.dispose]();
  }
}
