// Every kernel's extents, tried on a real device: with operands of exactly the length asked for each kernel runs, with
// one element less in any operand it is refused, so no kernel can reach beyond its buffers.

import assert from "node:assert/strict";
import type { Device, DeviceBuffer, KernelBindings } from "../../../src/device/device.ts";
import {
  type KernelName,
  kernelNamed,
  type KernelParams,
  kernels,
} from "../../../src/device/kernels/registry.ts";
import { wasmDevice } from "../../../src/device/wasm/device.ts";

Deno.test("run() takes operands of exactly their extent and refuses one element less", () => {
  using device = wasmDevice();
  for (const kernel of Object.keys(kernels) as KernelName[]) {
    const params = plausibleParams(kernel);
    const lengths = extentsOf(kernel, params);
    for (const short of [undefined, ...Object.keys(lengths)]) {
      using stack = new DisposableStack();
      const bindings: Record<string, DeviceBuffer> = {};
      for (const [operand, length] of Object.entries(lengths)) {
        assert.ok(length > 0, `${kernel}.${operand}`);
        const buffer = stack.use(zeros(device, length - (operand === short ? 1 : 0)));
        // A record of ones is a block of one element.
        if (operand === "blocks") {
          device.write(buffer, new Uint32Array(buffer.byteLength / 4).fill(1));
        }
        bindings[operand] = buffer;
      }
      const run = () => device.run(kernel, bindings as KernelBindings<typeof kernel>, params);
      if (short === undefined) run();
      else assert.throws(run, new RegExp(`${kernel}: operand "${short}" wants \\d+ bytes`));
    }
  }
});

Deno.test("run() refuses missing operands and parameters that are not 32-bit numbers", () => {
  using device = wasmDevice();
  using x = zeros(device, 4);
  using out = zeros(device, 4);
  const run = (bindings: Record<string, DeviceBuffer>, params: Record<string, number>) =>
    device.run("scale", bindings as KernelBindings<"scale">, params as KernelParams<"scale">);
  run({ x, out }, { length: 4, factor: 1 });
  assert.throws(() => run({ x }, { length: 4, factor: 1 }), /scale: wanted a buffer for .*"out"/);
  for (const length of [-1, 1.5, NaN, 2 ** 32]) {
    assert.throws(() => run({ x, out }, { length, factor: 1 }), /scale: parameter "length"/);
  }
  assert.throws(() => run({ x, out }, { length: 4 }), /scale: parameter "factor" must be a number/);
});

Deno.test("run() refuses a written operand that is bound twice, and device.empty for results", () => {
  using device = wasmDevice();
  using x = zeros(device, 4);
  assert.throws(
    () => device.run("gelu", { x, out: x }, { length: 4 }),
    /gelu: operand "out" is written and also bound as "x"/,
  );
  assert.throws(
    () => device.run("gelu", { x, out: device.empty }, { length: 4 }),
    /got device.empty/,
  );
});

Deno.test("run() refuses released buffers and those of another device", () => {
  using device = wasmDevice();
  using other = wasmDevice();
  using out = zeros(device, 4);
  using foreign = zeros(other, 4);
  const released = zeros(device, 4);
  released[Symbol.dispose]();
  assert.throws(() => device.run("gelu", { x: foreign, out }, { length: 4 }), /another device/);
  assert.throws(() => device.run("gelu", { x: released, out }, { length: 4 }), /is released/);
});

Deno.test("matmul refuses rows beyond m, a bias that is not n long and flags other than 0 and 1", () => {
  using device = wasmDevice();
  using a = zeros(device, 16);
  using out = zeros(device, 16);
  const run = (params: Partial<KernelParams<"matmul_nn">>) =>
    device.run("matmul_nn", { a, b: a, bias: a, out }, {
      aFrom: 0,
      bFrom: 0,
      outFrom: 0,
      batch: 1,
      m: 4,
      n: 4,
      k: 4,
      rowBegin: 0,
      rowEnd: 4,
      biasLength: 0,
      accumulate: 0,
      ...params,
    });
  run({});
  assert.throws(() => run({ rowEnd: 5 }), /0 <= rowBegin <= rowEnd <= m/);
  assert.throws(() => run({ rowBegin: 3, rowEnd: 2 }), /0 <= rowBegin <= rowEnd <= m/);
  assert.throws(() => run({ biasLength: 3 }), /biasLength must be 0 or n = 4, got 3/);
  assert.throws(() => run({ accumulate: 2 }), /"accumulate" must be 0 or 1, got 2/);
});

/** Small parameters with which every operand is in use. */
function plausibleParams(kernel: KernelName): KernelParams<KernelName> {
  const special: Record<string, number> = {
    m: 3,
    n: 5,
    k: 7,
    rowEnd: 3,
    biasLength: 5,
    accumulate: 1,
    centred: 1,
    interleaved: 1,
    causal: 1,
    masked: 1,
    biased: 1,
    fromStride: 9,
    toStride: 8,
    rank: 1,
    stochastic: 1,
    descending: 1,
    backwards: 1,
    smallest: 1,
    rotaryBegin: 0,
    gradLength: 4,
    paramLength: 4,
    momentumLength: 4,
    partialsLength: 4,
    sumsLength: 3,
    momentsLength: 4,
    factorsLength: 4,
  };
  const params: Record<string, number> = {};
  for (const name of Object.keys(kernels[kernel].params)) params[name] = special[name] ?? 2;
  if ("rowBegin" in params) params.rowBegin = 1;
  if (kernel === "norm") params.biasLength = params.cols!;
  if (kernel === "fold") params.biasLength = params.channels!;
  return params as unknown as KernelParams<KernelName>;
}

function extentsOf(
  kernel: KernelName,
  params: KernelParams<KernelName>,
): Record<string, number> {
  const { operands } = kernelNamed(kernel);
  return Object.fromEntries(
    Object.entries(operands).map(([name, operand]) => [name, operand.words(params)]),
  );
}

function zeros(device: Device, length: number): DeviceBuffer {
  const buffer = device.allocate(4 * length);
  device.write(buffer, new Float32Array(length));
  return buffer;
}
