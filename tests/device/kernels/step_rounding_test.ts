// Parameters of 16 bits rounded to the nearest, and up or down at random: exactly by the rules of tests/reference/storage.ts
// for f32 values that no arithmetic changes (p = 0, no decay, factors of 1: the new p is -g); and random rounding is right on
// average.

import assert from "node:assert/strict";
import { storageTypes } from "../../../src/device/storage_types.ts";
import { adafactorStep } from "../../reference/adafactor_tiles.ts";
import { widened } from "../../reference/storage.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";
import {
  type BlockShape,
  blockTable,
  blockWords,
  stepWords,
  tileRun,
} from "../../support/device/block_records.ts";
import { type KernelCase, runOnDevice, runReference } from "../../support/device/checked_kernel.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";
import { RandomValues } from "../../support/device/random_values.ts";

const { f32, f16, bf16 } = storageTypes;

for (const [name, type] of [["f16", f16], ["bf16", bf16]] as const) {
  testOnEachDevice(`adafactor_step rounds to ${name} as the rules say`, async (device) => {
    // A piece whose rows and columns are from several places of the whole, beyond 2^32 elements.
    const block = {
      batch: 4,
      rows: 12,
      cols: 70,
      batchBegin: 2,
      batchInner: 2,
      batchInnerGlobal: 7,
      rowBegin: 12,
      rowInner: 3,
      rowInnerGlobal: 90_000,
      indexRows: 480_000,
      colBegin: 10,
      colInner: 10,
      colInnerGlobal: 40,
      indexCols: 50_000,
    };
    const grads = awkwardValues(4 * 12 * 70);
    for (const stochastic of [0, 1]) {
      const kernelCase = minusGradients({ block, type, grads, key: 0x9e3779b9, stochastic });
      const got = await runOnDevice(device, "adafactor_step", kernelCase);
      const want = runReference(adafactorStep, "adafactor_step", kernelCase);
      assertSameBits(got.param, want.param);
    }
  });

  testOnEachDevice(`adafactor_step rounds to ${name} right on the average`, async (device) => {
    const length = 2 ** 16;
    const unit = type === f16 ? 2 ** -10 : 2 ** -7;
    const smallest = type === f16 ? 2 ** -24 : 2 ** -133;
    const scales = type === f16 ? [[1, unit], [0, smallest]] : [[1, unit]];
    for (const [base, step] of scales as [number, number][]) {
      for (const key of [1, 2]) {
        const value = base + 0.3 * step;
        const grads = new Float32Array(length).fill(-value);
        const kernelCase = minusGradients({
          block: { batch: 1, rows: 256, cols: 256 },
          type,
          grads,
          key,
          stochastic: 1,
        });
        const { param } = await runOnDevice(device, "adafactor_step", kernelCase);
        const values = Float64Array.from(
          new Uint16Array(Uint32Array.from(param!).buffer).subarray(PARAM_OFFSET).subarray(
            0,
            length,
          ),
          (bits) => widened(bits, type),
        );
        assert.deepEqual([...new Set(values)].sort(), [base, base + step]);
        const mean = values.reduce((sum, x) => sum + x, 0) / length;
        // Five standard deviations.
        const allowed = 5 * step * Math.sqrt(0.3 * 0.7 / length);
        assert.ok(Math.abs(mean - value) < allowed, `${mean} for ${value}, key ${key}`);
      }
    }
  });
}

/** A step that makes a parameter of zeros the negative of the gradients. */
function minusGradients({ block, type, grads, key, stochastic }: {
  readonly block: BlockShape;
  readonly type: number;
  readonly grads: Float32Array;
  readonly key: number;
  readonly stochastic: number;
}): KernelCase<"adafactor_step"> {
  const table = blockTable([block]);
  const { gradOffset, paramOffset } = table.records[0]!;
  assert.equal(paramOffset, PARAM_OFFSET);
  const { lengths } = table;
  const grad = new Float32Array(lengths.grad);
  grad.set(grads, gradOffset);
  const step = { a: 1, d: 1, decay: 0, take: 0, over: 0, share: 1, paramRms: 0, updateRms: 0, key };
  return {
    operands: {
      grad,
      blocks: blockWords(table),
      param: new Uint32Array(lengths.param / 2),
      factors: new Float32Array(lengths.factors).fill(1),
      steps: stepWords([step]),
      guard: Uint32Array.of(0),
      partials: new Float32Array(lengths.partials),
    },
    params: {
      ...tileRun(table),
      gradType: f32,
      gradLength: lengths.grad,
      paramType: type,
      paramLength: lengths.param,
      factorsLength: lengths.factors,
      stochastic,
    },
  };
}

/** Numbers of all sizes, and those near the limits of the formats; the first half are ordinary. */
function awkwardValues(length: number): Float32Array {
  const random = new RandomValues(5);
  const edges = [65504, 65519, 65520, 7e4, 3.3e38, 3.4028234e38, Infinity, 1e-40, 9.2e-41];
  const common = [
    0,
    2 ** -14,
    6.1e-5,
    2 ** -24,
    2 ** -25,
    1 + 2 ** -11,
    1 + 3 * 2 ** -11,
    1 + 2 ** -8,
  ];
  return Float32Array.from({ length }, (_, i) => {
    const sign = i % 2 === 0 ? 1 : -1;
    const from = 2 * i < length ? common : [...common, ...edges];
    if (i % 7 === 0) return sign * from[Math.floor(i / 7) % from.length]!;
    const magnitude = (2 * i < length ? 44 : 48) * random.next() - 30;
    return sign * (1 + random.next()) * 2 ** Math.floor(magnitude);
  });
}

const PARAM_OFFSET = 6;
