// Offsets of a block's tensors in their buffers must not change a bit of the results, whether tiles are full or not.

import assert from "node:assert/strict";
import type { Device } from "../../../src/device/device.ts";
import { kernels } from "../../../src/device/kernels/registry.ts";
import { storageTypes } from "../../../src/device/storage_types.ts";
import {
  type BlockShape,
  blockTable,
  blockWords,
  stepWords,
  tileRun,
} from "../../support/device/block_records.ts";
import {
  type HostValues,
  type KernelCase,
  runOnDevice,
} from "../../support/device/checked_kernel.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";
import { RandomValues } from "../../support/device/random_values.ts";

const OVER_TILES = [
  ...["adafactor_tile_sums", "adafactor_tile_params", "adafactor_tile_updates"] as const,
  ...["adafactor_step", "adafactor_step_momentum", "adafactor_step_cautious"] as const,
  ...["adafactor_tile_momentum", "came_tile_sums"] as const,
];

// Tiles that a workgroup fills and tiles that it does not; wide ones; the last quad of a row not whole.
const SHAPES: readonly BlockShape[] = [
  { batch: 2, rows: 136, cols: 256, partsDown: 1, partsAcross: 2, tileRows: 128, tileCols: 128 },
  { batch: 1, rows: 33, cols: 100, tileRows: 16, tileCols: 48 },
  { batch: 1, rows: 10, cols: 2052, tileRows: 10, tileCols: 2052 },
  { batch: 1, rows: 9, cols: 70, tileRows: 8, tileCols: 64 },
];

for (const type of ["f32", "f16", "bf16"] as const) {
  testOnEachDevice(`tensors of ${type} give the same bits wherever they begin`, async (device) => {
    for (const kernel of OVER_TILES) {
      for (const shape of SHAPES) {
        const aligned = await runAt(device, { kernel, shape, type: storageTypes[type], begin: 8 });
        for (const begin of [4, 6]) {
          const got = await runAt(device, { kernel, shape, type: storageTypes[type], begin });
          assert.deepEqual(got, aligned, `${kernel} ${JSON.stringify(shape)} at ${begin}`);
        }
      }
    }
  });
}

/** The kernel's results: partials, and the elements of other operands that it writes. */
async function runAt(
  device: Device,
  { kernel, shape, type, begin }: {
    readonly kernel: typeof OVER_TILES[number];
    readonly shape: BlockShape;
    readonly type: number;
    readonly begin: number;
  },
): Promise<Record<string, number[]>> {
  const random = new RandomValues(11);
  const { records: [placed], lengths } = blockTable([shape]);
  const record = { ...placed!, gradOffset: begin, paramOffset: begin, momentumOffset: begin };
  const length = shape.batch * shape.rows * shape.cols;
  const factors = random.positive(lengths.factors);
  factors[record.factors + shape.batch * (shape.rows + shape.cols)] = 1.5;
  const operands: Record<string, HostValues> = {
    grad: shifted(random.stored(length, type), type, begin),
    param: shifted(random.stored(length, type), type, begin),
    momentum: shifted(random.stored(length, type), type, begin),
    blocks: blockWords({ records: [record], lengths }),
    factors,
    steps: stepWords([STEP]),
    guard: Uint32Array.of(0),
    partials: new Float32Array(lengths.partials),
  };
  const params: Record<string, number> = {
    ...tileRun({ records: [record], lengths }),
    gradType: type,
    paramType: type,
    momentumType: type,
    gradLength: begin + length,
    paramLength: begin + length,
    momentumLength: begin + length,
    factorsLength: lengths.factors,
    stochastic: type === storageTypes.f32 ? 0 : 1,
  };
  const { operands: bound, params: names } = kernels[kernel];
  const pick = <T>(from: Readonly<Record<string, T>>, wanted: object) =>
    Object.fromEntries(Object.keys(wanted).map((name) => [name, from[name]!]));
  const kernelCase = { operands: pick(operands, bound), params: pick(params, names) };
  const after = await runOnDevice(device, kernel, kernelCase as KernelCase<typeof kernel>);
  const left: Record<string, number[]> = { partials: [...after.partials!] };
  for (const name of ["param", "momentum"]) {
    if (after[name] !== undefined) left[name] = elementsOf(after[name], type).slice(begin);
  }
  return left;
}

/** The same elements behind `begin` zeros. */
function shifted(stored: HostValues, type: number, begin: number): HostValues {
  const zeros = type === storageTypes.f32 ? begin : begin / 2;
  const words = new Uint32Array(zeros + stored.length);
  words.set(new Uint32Array(stored.buffer), zeros);
  return type === storageTypes.f32 ? new Float32Array(words.buffer) : words;
}

function elementsOf(operand: Float64Array, type: number): number[] {
  if (type === storageTypes.f32) return [...operand];
  return [...new Uint16Array(Uint32Array.from(operand).buffer)];
}

const STEP = {
  a: 0.01,
  d: 1.25,
  decay: 0.001,
  take: 0.1,
  over: 0.9,
  share: 1,
  paramRms: 1,
  updateRms: 1,
  key: 12345,
};
