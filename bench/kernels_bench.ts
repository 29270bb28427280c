// Speed of the kernels: matmuls and attention in GFLOP/s, elementwise ones in GB/s. Adafactor has benchmarks of its own.
//
//   deno bench bench/kernels_bench.ts
//
// On the wasm device, and on webgpu too where there is a real GPU. A run is timed from the call to the moment when its
// result can be read (4 bytes are read back), repeated within one measurement so that the readback hardly counts.
// The last lines give each case's best measurement as a rate.

import type { Device, DeviceBuffer } from "../src/device/device.ts";
import { requestDevice } from "../src/device/request_device.ts";
import { type StorageType, storageTypes } from "../src/device/storage_types.ts";
import { tileShape } from "../src/device/kernels/tile_shape.ts";
import {
  blockTable,
  blockWords,
  stepWords,
  tileRun,
  vectorRun,
} from "../tests/support/device/block_records.ts";

const preferred = await requestDevice();
const devices = preferred.kind === "wasm"
  ? [preferred]
  : [await requestDevice({ kind: "wasm" }), preferred];
for (const device of devices) console.log(device.description);
/** Matrices begin where their memory does. */
const NO_OFFSETS = { aFrom: 0, bFrom: 0, outFrom: 0 };
const best = new Map<string, { milliseconds: number; work: Work }>();

/** The work of one run, to turn its time into a rate: floating-point operations or bytes of memory moved. */
type Work = { readonly flops: number } | { readonly bytes: number };

for (const device of devices) {
  for (const kernel of ["matmul_nn", "matmul_nt", "matmul_tn"] as const) {
    for (
      const [m, n, k] of [[512, 512, 512], [64, 1024, 1024], [33, 65, 127], [3, 5, 7]] as const
    ) {
      const [a, b, out] = [random(device, m * k), random(device, k * n), random(device, m * n)];
      const params = {
        ...NO_OFFSETS,
        batch: 1,
        m,
        n,
        k,
        rowBegin: 0,
        rowEnd: m,
        biasLength: 0,
        accumulate: 0,
      };
      measure(`${kernel} ${m} x ${n} x ${k}`, {
        device,
        group: `matmul ${m} x ${n} x ${k}`,
        work: { flops: 2 * m * n * k },
        result: out,
        run: () => device.run(kernel, { a, b, bias: device.empty, out }, params),
      });
    }
  }
  for (const type of ["f32", "f16", "bf16"] as const) measureBlocks(device, type);
  measureGelu(device);
  measureAttention(device);
}

addEventListener("unload", () => {
  for (const [name, { milliseconds, work }] of best) {
    const [amount, unit] = "flops" in work ? [work.flops, "GFLOP/s"] : [work.bytes, "GB/s"];
    const rate = (amount / milliseconds / 1e6).toFixed(1).padStart(7);
    console.log(`${name.padEnd(50)} ${milliseconds.toFixed(3).padStart(9)} ms ${rate} ${unit}`);
  }
});

/** The passes over tiles, one block in 8 x 8 parts, beside a plain copy of as many bytes. */
function measureBlocks(device: Device, type: StorageType): void {
  const [rows, cols, parts] = [4096, 4096, 8];
  const count = rows * cols;
  const bytes = type === "f32" ? 4 : 2;
  const shape = tileShape(device.kind, { rows: rows / parts, cols: cols / parts });
  const laidOut = blockTable([
    { batch: 1, rows, cols, partsDown: parts, partsAcross: parts, ...shape },
  ]);
  const offsets = { gradOffset: 0, paramOffset: 0, momentumOffset: 0 };
  const table = { ...laidOut, records: [{ ...laidOut.records[0]!, ...offsets }] };
  const { partials: partialsLength, factors: factorsLength, sums: sumsLength } = table.lengths;
  const wide = random(device, count);
  const [grad, param] = [0, 1].map(() => {
    const stored = device.allocate(bytes * count);
    device.run("cast", { x: wide, out: stored }, {
      fromType: storageTypes.f32,
      toType: storageTypes[type],
      fromOffset: 0,
      toOffset: 0,
      length: count,
    });
    return stored;
  }) as [DeviceBuffer, DeviceBuffer];
  const blocks = uploadWords(device, blockWords(table));
  const steps = uploadWords(
    device,
    stepWords([{
      a: 1e-4,
      d: 1,
      decay: 0,
      take: 0.1,
      over: 1e-4,
      share: 1,
      paramRms: 0,
      updateRms: 0,
      key: 1,
    }]),
  );
  const guard = uploadWords(device, Uint32Array.of(0));
  const factors = uploadWords(device, new Float32Array(factorsLength).fill(1));
  const partials = random(device, partialsLength);
  const sums = random(device, sumsLength);
  const run = tileRun(table);
  const gradParams = { gradType: storageTypes[type], gradLength: count };
  const paramParams = { paramType: storageTypes[type], paramLength: count };
  const step = (stochastic: number) => () =>
    device.run("adafactor_step", { grad, blocks, factors, steps, guard, param, partials }, {
      ...run,
      ...gradParams,
      ...paramParams,
      factorsLength,
      stochastic,
    });
  const tileSums = () =>
    device.run("adafactor_tile_sums", { grad, blocks, partials }, { ...run, ...gradParams });
  const tileUpdates = () =>
    device.run("adafactor_tile_updates", { grad, blocks, factors, partials }, {
      ...run,
      ...gradParams,
      factorsLength,
    });
  const joinSums = () =>
    device.run("adafactor_join_sums", { blocks, partials, sums }, {
      ...vectorRun(table),
      partialsLength,
      sumsLength,
    });
  const passes: [name: string, run: () => void, elements: number][] = [
    ["copy", () => device.copy(grad, 0, param, 0, bytes * count), 2],
    ["adafactor_tile_sums", tileSums, 1],
    ["adafactor_tile_updates", tileUpdates, 1],
    ["adafactor_step", step(0), 3],
    ["adafactor_join_sums", joinSums, 0],
  ];
  if (type !== "f32") passes.push(["adafactor_step, rounding at random", step(1), 3]);
  for (const [name, runPass, elements] of passes) {
    measure(`${name} ${rows} x ${cols} ${type}`, {
      device,
      group: `adafactor over tiles ${type}`,
      run: runPass,
      result: partials,
      work: { bytes: elements * bytes * count },
    });
  }
}

function uploadWords(device: Device, words: Uint32Array | Float32Array): DeviceBuffer {
  const buffer = device.allocate(words.byteLength);
  device.write(buffer, words);
  return buffer;
}

function measureGelu(device: Device): void {
  const length = 2 ** 20;
  const [x, dy, out] = [random(device, length), random(device, length), random(device, length)];
  measure(`gelu of ${length}`, {
    device,
    group: "gelu",
    work: { bytes: 8 * length },
    result: out,
    run: () => device.run("gelu", { x, out }, { length }),
  });
  measure(`gelu_backward of ${length}`, {
    device,
    group: "gelu",
    work: { bytes: 12 * length },
    result: out,
    run: () => device.run("gelu_backward", { x, dy, dx: out }, { length }),
  });
}

/**
 * One layer's attention of 512 tokens in 8 heads, beside the matmul that it is compared with: forward is two matmuls per
 * head, backward five, of which scores are one that is computed again. Causal counts what is seen only, half of it.
 */
function measureAttention(device: Device): void {
  const [batch, positions, heads, dim] = [1, 512, 8, 64];
  const count = batch * positions * heads * dim;
  const [q, k, v, dout, out, dq, dk, dv] = Array.from({ length: 8 }, () => random(device, count));
  const [lse, moments] = [1, 2].map((each) => random(device, each * batch * heads * positions));
  const operands = { q: q!, k: k!, v: v!, keyMask: device.empty, bias: device.empty };
  for (const causal of [0, 1]) {
    const sizes = {
      batch,
      queries: positions,
      keys: positions,
      heads,
      keyHeads: heads,
      dim,
      valueDim: dim,
      causal,
      window: 0,
      masked: 0,
      biased: 0,
      scale: dim ** -0.5,
      softCap: 0,
      seedLow: 0,
      seedHigh: 0,
      threshold: 0,
      keptScale: 1,
      firstHead: 0,
      allHeads: heads,
    };
    const forward = () => device.run("attention", { ...operands, out: out!, lse: lse! }, sizes);
    const backward = () => {
      device.run("attention_delta", { dout: dout!, out: out!, lse: lse!, moments: moments! }, {
        batch,
        queries: positions,
        heads,
        valueDim: dim,
      });
      const bound = { ...operands, dout: dout!, moments: moments!, dq: dq!, dk: dk!, dv: dv! };
      device.run("attention_backward", bound, sizes);
    };
    forward();
    const pairs = batch * heads * positions * (causal === 1 ? (positions + 1) / 2 : positions);
    const suffix = `${causal === 1 ? ", causal" : ""} ${batch} x ${positions} x ${heads} x ${dim}`;
    measure(`attention${suffix}`, {
      device,
      group: "attention",
      run: forward,
      result: out!,
      work: { flops: 4 * pairs * dim },
    });
    measure(`attention backward${suffix}`, {
      device,
      group: "attention",
      run: backward,
      result: dq!,
      work: { flops: 10 * pairs * dim },
    });
  }
}

/** Registers a benchmark and keeps its best time. */
function measure(
  name: string,
  options: {
    readonly device: Device;
    readonly group: string;
    readonly work: Work;
    readonly run: () => void;
    readonly result: DeviceBuffer;
  },
): void {
  const { device, group, work, run, result } = options;
  const fullName = `${device.kind}: ${name}`;
  const repeats = "flops" in work ? Math.max(1, Math.min(1000, Math.floor(1e7 / work.flops))) : 1;
  const times = repeats === 1 ? "" : ` (${repeats} times)`;
  Deno.bench(fullName + times, { group: `${device.kind} ${group}` }, async () => {
    const start = performance.now();
    for (let i = 0; i < repeats; i++) run();
    await device.read(result, { byteLength: 4 });
    const milliseconds = (performance.now() - start) / repeats;
    if (milliseconds < (best.get(fullName)?.milliseconds ?? Infinity)) {
      best.set(fullName, { milliseconds, work });
    }
  });
}

function random(device: Device, length: number): DeviceBuffer {
  const buffer = device.allocate(4 * length);
  device.write(buffer, Float32Array.from({ length }, () => Math.random() - 0.5));
  return buffer;
}
