// Guarantees of the WebGPU device beside its kernels: order without waiting, memory that stays flat, grids
// beyond 65535 workgroups, and the matmul of real GPUs, which a software adapter would not choose.

import assert from "node:assert/strict";
import type { KernelParams } from "../../../src/device/kernels/registry.ts";
import { requestDevice } from "../../../src/device/request_device.ts";
import { openWebGpuDevice, WebGpuDevice } from "../../../src/device/webgpu/device.ts";
import { findAdapter, openAdapter } from "../../../src/device/webgpu/adapter.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";
import { download, upload, wave } from "../../support/device/device_values.ts";
import { webgpuTest } from "../../support/device/webgpu_adapter.ts";

webgpuTest("1,000 rounds of allocate, run, read and release leave memory flat", async () => {
  using device = await requestDevice({ kind: "webgpu" });
  const round = async (i: number) => {
    using x = upload(device, Float32Array.of(i, i + 1, i + 2));
    using out = device.allocate(12);
    device.run("scale", { x, out }, { length: 3, factor: 2 });
    using sums = device.allocate(4 * (1 + i % 7));
    device.run("row_sums", { x: out, out: sums }, { rows: 1, cols: 3, accumulate: 0 });
    const sum = 6 * i + 6;
    assert.equal((await download(device, sums))[0], Math.fround(sum));
  };
  for (let i = 0; i < 20; i++) await round(i);
  const { pooledBytes } = device.statistics();
  assert.ok(pooledBytes > 0);
  for (let i = 0; i < 1000; i++) await round(i);
  assert.deepEqual(device.statistics(), {
    liveBytes: 0,
    peakBytes: pooledBytes,
    pooledBytes,
    kernelsRun: 2040,
  });
});

webgpuTest("memory beyond the pool's limit is destroyed, after the work that uses it", async () => {
  using device = new WebGpuDevice(await openAdapter((await findAdapter())!), {
    description: "small pool",
    software: true,
    maxPooledBytes: 2 ** 12,
  });
  using sum = upload(device, Float32Array.of(0));
  for (let i = 0; i < 100; i++) {
    using part = device.allocate(2 ** 12 + 4 * i);
    device.run("fill", { out: part }, { offset: 0, length: 1, value: i });
    device.run("accumulate", { x: part, out: sum }, { length: 1, factor: 1 });
  }
  assertSameBits(await download(device, sum), Float32Array.of(4950));
  assert.ok(device.statistics().pooledBytes <= 2 ** 12);
});

webgpuTest(
  "gpuTimeOf() adds up the time of kernels, in milliseconds, and nothing else",
  async () => {
    using device = await openWebGpuDevice((await findAdapter())!, "for a test");
    using x = upload(device, wave(2 ** 20, 1));
    using out = device.allocate(2 ** 22);
    const work = async (rounds: number) => {
      for (let i = 0; i < rounds; i++) device.run("gelu", { x, out }, { length: 2 ** 20 });
      await device.read(out, { byteLength: 4 });
    };
    await work(1);
    if (await device.gpuTimeOf(() => work(1)) === undefined) return;
    const timed = async (rounds: number) => {
      const start = performance.now();
      const gpu = (await device.gpuTimeOf(() => work(rounds)))!;
      return { gpu, wall: performance.now() - start };
    };
    const [one, many] = [await timed(1), await timed(30)];
    const idle = () => new Promise<void>((resolve) => setTimeout(resolve, 20));
    assert.equal(await device.gpuTimeOf(idle), 0);
    assert.ok(
      one.gpu > 0 && many.gpu > one.gpu,
      `1 kernel ${one.gpu} ms, 30 kernels ${many.gpu} ms`,
    );
    // Milliseconds: ticks in any other unit are a thousand times off. The unit is measured, on a machine that may be busy.
    assert.ok(many.gpu < 4 * many.wall, `${many.gpu} ms on the GPU, ${many.wall} ms in all`);
    assert.ok(many.gpu > many.wall / 100, `${many.gpu} ms on the GPU, ${many.wall} ms in all`);
  },
);

webgpuTest("write() after run() does not change what the kernel reads", async () => {
  using device = await requestDevice({ kind: "webgpu" });
  using x = upload(device, Float32Array.of(1, 2));
  using out = device.allocate(8);
  device.run("scale", { x, out }, { length: 2, factor: 10 });
  device.write(x, Float32Array.of(7, 8));
  device.run("accumulate", { x, out }, { length: 2, factor: 1 });
  assertSameBits(await download(device, out), Float32Array.of(17, 28));
});

webgpuTest(
  "memory released and allocated again is not changed by kernels called before",
  async () => {
    using device = await requestDevice({ kind: "webgpu" });
    using x = upload(device, Float32Array.of(1, 2));
    const first = device.allocate(8);
    device.run("scale", { x, out: first }, { length: 2, factor: 10 });
    first[Symbol.dispose]();
    const { pooledBytes } = device.statistics();
    using again = upload(device, Float32Array.of(5, 6));
    assert.ok(device.statistics().pooledBytes < pooledBytes, "the released memory was not reused");
    assertSameBits(await download(device, again), Float32Array.of(5, 6));
  },
);

webgpuTest("read() gives the contents as they were when it was called", async () => {
  using device = await requestDevice({ kind: "webgpu" });
  using x = upload(device, Float32Array.of(1, 2));
  const before = download(device, x);
  device.write(x, Float32Array.of(3, 4));
  device.run("fill", { out: x }, { offset: 0, length: 1, value: 9 });
  const after = download(device, x);
  device.run("fill", { out: x }, { offset: 0, length: 2, value: 0 });
  assertSameBits(await before, Float32Array.of(1, 2));
  assertSameBits(await after, Float32Array.of(9, 4));
});

webgpuTest("copy() takes its place between kernels, and honours offsets", async () => {
  using device = await requestDevice({ kind: "webgpu" });
  using x = upload(device, Float32Array.of(1, 2, 3, 4));
  using y = upload(device, new Float32Array(4));
  device.run("scale", { x, out: y }, { length: 4, factor: 10 });
  device.copy(x, 4, y, 8, 8);
  device.run("fill", { out: x }, { offset: 0, length: 4, value: 0 });
  assertSameBits(await download(device, y), Float32Array.of(10, 20, 2, 3));
});

webgpuTest("one batch holds more kernels than there are parameter slots", async () => {
  using device = await requestDevice({ kind: "webgpu" });
  using one = upload(device, Float32Array.of(1));
  using out = upload(device, Float32Array.of(0));
  let sum = 0;
  for (let i = 0; i < 1000; i++) {
    device.run("accumulate", { x: one, out }, { length: 1, factor: i });
    sum += i;
  }
  assertSameBits(await download(device, out), Float32Array.of(sum));
});

webgpuTest(
  "read() brings back 40 MiB, more than one staging buffer, in whole and in part",
  async () => {
    using device = await requestDevice({ kind: "webgpu" });
    const words = Uint32Array.from({ length: 10 * 2 ** 20 }, (_, i) => Math.imul(i, 2654435761));
    using buffer = device.allocate(words.byteLength);
    device.write(buffer, words);
    for (const byteOffset of [0, 4, 4 * 12345]) {
      const bytes = await device.read(buffer, { byteOffset });
      assertSameBits(new Uint32Array(bytes.buffer), words.subarray(byteOffset / 4));
    }
  },
);

webgpuTest(
  "kernels and reads of different lengths share staging buffers without mixing",
  async () => {
    using device = await requestDevice({ kind: "webgpu" });
    const lengths = [1, 1000, 2, 5000, 999];
    const arrays = lengths.map((n, k) => Float32Array.from({ length: n }, (_, i) => i + k / 8));
    const buffers = arrays.map((array) => upload(device, array));
    for (let round = 0; round < 5; round++) {
      const all = await Promise.all(buffers.map((buffer) => download(device, buffer)));
      assertSameBits(all, arrays);
    }
    for (const buffer of buffers) buffer[Symbol.dispose]();
  },
);

webgpuTest("a kernel over more than 65,535 workgroups reaches its last element", async () => {
  using device = await requestDevice({ kind: "webgpu" });
  const cols = 2;
  const rows = 65535 * 8 + 11; // row_sums does 8 short rows per workgroup
  using x = device.allocate(4 * rows * cols);
  device.run("fill", { out: x }, { offset: 0, length: rows * cols, value: 1 });
  device.run("fill", { out: x }, { offset: (rows - 1) * cols, length: 1, value: 5 });
  using out = device.allocate(4 * rows);
  device.run("row_sums", { x, out }, { rows, cols, accumulate: 0 });
  const sums = await download(device, out);
  assert.ok(sums.subarray(0, rows - 1).every((sum) => sum === 2));
  assert.equal(sums[rows - 1], 6);
});

webgpuTest("sums over nothing are written as 0", async () => {
  using device = await requestDevice({ kind: "webgpu" });
  using some = upload(device, Float32Array.of(1, 2, 3));
  for (const kernel of ["row_sums", "column_sums"] as const) {
    const shape = kernel === "row_sums" ? { rows: 2, cols: 0 } : { rows: 0, cols: 2 };
    using out = upload(device, Float32Array.of(9, 9, 9));
    device.run(kernel, { x: some, out }, { ...shape, accumulate: 0 });
    assertSameBits(await download(device, out), Float32Array.of(0, 0, 9));
  }
});

for (const kernel of ["matmul_nn", "matmul_nt", "matmul_tn"] as const) {
  webgpuTest(`${kernel}: the tiled form for real GPUs gives the product`, async () => {
    using device = new WebGpuDevice(await openAdapter((await findAdapter())!), {
      description: "tiled",
      software: false,
    });
    for (const [m, n, k] of [[1, 1, 1], [64, 64, 16], [65, 63, 17], [3, 130, 67], [129, 5, 0]]) {
      const batch = 2;
      const aData = wave(3 + batch * m * k, 1);
      const bData = wave(5 + batch * n * k, 2);
      const biasData = wave(n, 3);
      const before = wave(7 + batch * m * n, 4);
      using a = upload(device, aData);
      using b = upload(device, bData);
      using bias = upload(device, biasData);
      using out = upload(device, before);
      const rowBegin = Math.min(2, m - 1);
      device.run(
        kernel,
        { a, b, bias, out },
        {
          aFrom: 3,
          bFrom: 5,
          outFrom: 7,
          batch,
          m,
          n,
          k,
          rowBegin,
          rowEnd: m,
          biasLength: n,
          accumulate: 1,
        } satisfies KernelParams<typeof kernel>,
      );
      const result = await download(device, out);
      const aAt = (i: number, q: number) => kernel === "matmul_tn" ? q * m + i : i * k + q;
      const bAt = (q: number, j: number) => kernel === "matmul_nt" ? j * k + q : q * n + j;
      for (let at = 0; at < batch * m * n; at++) {
        const [z, i, j] = [Math.floor(at / n / m), Math.floor(at / n) % m, at % n];
        let want = before[7 + at];
        if (i >= rowBegin) {
          want += biasData[j];
          for (let q = 0; q < k; q++) {
            want += aData[3 + z * m * k + aAt(i, q)] * bData[5 + z * k * n + bAt(q, j)];
          }
        }
        assert.ok(
          Math.abs(result[7 + at] - want) < 2e-5,
          `[${m}, ${n}, ${k}] at ${z}, ${i}, ${j}: wanted ${want}, got ${result[7 + at]}`,
        );
      }
    }
  });
}

webgpuTest(
  "work is handed over without a read, once the program is back in the event loop",
  async () => {
    const gpu = await openAdapter((await findAdapter())!);
    using device = new WebGpuDevice(gpu, { description: "counting submits", software: true });
    let numSubmits = 0;
    const submit = gpu.queue.submit.bind(gpu.queue);
    gpu.queue.submit = (commands) => {
      numSubmits++;
      submit(commands);
    };
    using out = device.allocate(4);
    for (let i = 0; i < 10; i++) {
      device.run("fill", { out }, { offset: 0, length: 1, value: i });
      await Promise.resolve();
    }
    assert.equal(numSubmits, 0);
    await new Promise((resolve) => setTimeout(resolve, 0));
    assert.equal(numSubmits, 1);
    assertSameBits(await download(device, out), Float32Array.of(9));
  },
);

webgpuTest("timers fire in a program that does nothing but read", async () => {
  using device = await requestDevice({ kind: "webgpu" });
  using out = upload(device, Float32Array.of(3));
  let fired = false;
  const timer = setTimeout(() => fired = true, 1);
  let numReads = 0;
  while (!fired && numReads < 10_000) {
    await device.read(out);
    numReads++;
  }
  clearTimeout(timer);
  assert.ok(fired);
});
