import assert from "node:assert/strict";
import type { DeviceBuffer } from "../../../src/device/device.ts";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";

Deno.test("wasm: a read is a copy of the contents at the time of the call", async () => {
  using device = wasmDevice();
  using buffer = device.allocate(12);
  device.write(buffer, Float32Array.of(1, 2, 3));
  const early = device.read(buffer);
  device.write(buffer, Float32Array.of(9), 4);
  const late = device.read(buffer, { byteOffset: 4, byteLength: 4 });
  assertSameBits(new Float32Array((await early).buffer), Float32Array.of(1, 2, 3));
  assertSameBits(new Float32Array((await late).buffer), Float32Array.of(9));
});

Deno.test("wasm: write() takes a view into the middle of an array, copy() moves a part", async () => {
  using device = wasmDevice();
  using from = device.allocate(16);
  using to = device.allocate(16);
  device.write(from, Uint32Array.of(0, 1, 2, 3, 4, 5).subarray(2));
  device.write(to, new Uint8Array(16));
  device.copy(from, 4, to, 8, 8);
  assertSameBits(
    new Uint32Array((await device.read(to)).buffer),
    Uint32Array.of(0, 0, 3, 4),
  );
});

Deno.test("wasm: buffers survive the growth of WASM memory", async () => {
  using device = wasmDevice();
  using small = device.allocate(4);
  device.write(small, Float32Array.of(7));
  using _large = device.allocate(64 * 2 ** 20);
  assertSameBits(new Float32Array((await device.read(small)).buffer), Float32Array.of(7));
});

Deno.test("wasm: ranges beyond a buffer or off the 4-byte grid are refused", async () => {
  using device = wasmDevice();
  using buffer = device.allocate(8);
  using other = device.allocate(8);
  assert.throws(() => device.write(buffer, new Float32Array(3)), /bytes 0 to 12 of a buffer of 8/);
  assert.throws(() => device.write(buffer, new Uint8Array(3)), /multiples of 4/);
  assert.throws(() => device.write(buffer, new Uint8Array(4), -4), RangeError);
  assert.throws(() => device.copy(buffer, 4, other, 0, 8), RangeError);
  assert.throws(() => device.copy(buffer, 0, other, 4, 8), RangeError);
  assert.throws(() => device.copy(buffer, 0, buffer, 4, 4), /onto itself/);
  await assert.rejects(device.read(buffer, { byteOffset: 12 }), RangeError);
  await assert.rejects(device.read(buffer, { byteOffset: 2, byteLength: 4 }), RangeError);
});

Deno.test("wasm: a released buffer and one of another device are refused", async () => {
  using device = wasmDevice();
  using other = wasmDevice();
  using foreign = other.allocate(4);
  const released = device.allocate(4);
  released[Symbol.dispose]();
  released[Symbol.dispose]();
  assert.equal(released.released, true);
  for (const [buffer, message] of [[released, /released/], [foreign, /another device/]] as const) {
    using target = device.allocate(4);
    assert.throws(() => device.write(buffer, new Float32Array(1)), message);
    assert.throws(() => device.copy(buffer, 0, target, 0, 4), message);
    assert.throws(() => device.copy(target, 0, buffer, 0, 4), message);
    await assert.rejects(device.read(buffer), message);
  }
});

Deno.test("wasm: device.empty stays zero and outlives its disposal", async () => {
  using device = wasmDevice();
  device.empty[Symbol.dispose]();
  assert.equal(device.empty.released, false);
  assert.throws(() => device.write(device.empty, Float32Array.of(1)), /stays zero/);
  const bytes = await device.read(device.empty);
  assert.ok(bytes.length > 0 && bytes.every((byte) => byte === 0));
});

Deno.test("wasm: buffers of 0 bytes can be written, read and given to kernels", async () => {
  using device = wasmDevice();
  using x = device.allocate(0);
  using out = device.allocate(0);
  device.write(x, new Float32Array(0));
  device.run("gelu", { x, out }, { length: 0 });
  assert.equal((await device.read(out)).length, 0);
});

Deno.test("wasm: statistics count live bytes and the kernels run", () => {
  using device = wasmDevice();
  const live: DeviceBuffer[] = [];
  for (let i = 0; i < 10; i++) live.push(device.allocate(1000 * i));
  const { liveBytes } = device.statistics();
  assert.ok(liveBytes >= 45_000 && liveBytes <= 55_000, `${liveBytes}`);
  device.run("fill", { out: live[1]! }, { offset: 0, length: 250, value: 1 });
  for (const buffer of live) buffer[Symbol.dispose]();
  assert.deepEqual(device.statistics(), {
    liveBytes: 0,
    peakBytes: liveBytes,
    pooledBytes: 0,
    kernelsRun: 1,
  });
});

Deno.test("wasm: disposing a device releases its buffers and leaves other devices alone", async () => {
  using other = wasmDevice();
  using kept = other.allocate(4);
  other.write(kept, Float32Array.of(5));
  const device = wasmDevice();
  const buffer = device.allocate(1000);
  device[Symbol.dispose]();
  device[Symbol.dispose]();
  assert.equal(buffer.released, true);
  buffer[Symbol.dispose]();
  assert.deepEqual([device.statistics().liveBytes, device.statistics().pooledBytes], [0, 0]);
  assert.throws(() => device.allocate(4), /disposed/);
  assertSameBits(new Float32Array((await other.read(kept)).buffer), Float32Array.of(5));
});

Deno.test("wasm: running out of memory names the size, and freed memory can be allocated again", () => {
  using device = wasmDevice();
  const gibibyte = 2 ** 30;
  assert.throws(() => device.allocate(-1), RangeError);
  assert.throws(() => device.allocate(5 * gibibyte), /Out of WASM memory: wanted 5\d+ bytes/);
  const live: DeviceBuffer[] = [];
  assert.throws(() => {
    for (;;) live.push(device.allocate(gibibyte));
  }, /Out of WASM memory: wanted 1073741824 bytes/);
  // Three fit into 4 GiB beside what else there is. A large one that is freed makes room for other sizes.
  assert.equal(live.length, 3);
  live.pop()![Symbol.dispose]();
  live.push(device.allocate(0.75 * gibibyte), device.allocate(gibibyte / 4));
  for (const buffer of live.splice(0)) buffer[Symbol.dispose]();
  // Small ones do, too.
  for (let i = 0; i < 1.5 * gibibyte / 2 ** 16; i++) live.push(device.allocate(2 ** 16));
  for (const buffer of live.splice(0)) buffer[Symbol.dispose]();
  for (let i = 0; i < 3; i++) live.push(device.allocate(gibibyte));
  for (const buffer of live) buffer[Symbol.dispose]();
});

Deno.test("wasm: a kernel that finds no scratch memory says so", () => {
  using device = wasmDevice();
  const size = 256;
  using a = device.allocate(4 * size * size);
  using out = device.allocate(4 * size * size);
  const live: DeviceBuffer[] = [];
  const bias = device.empty;
  const multiply = () =>
    device.run("matmul_nn", { a, b: a, bias, out }, {
      aFrom: 0,
      bFrom: 0,
      outFrom: 0,
      batch: 1,
      m: size,
      n: size,
      k: size,
      rowBegin: 0,
      rowEnd: size,
      biasLength: 0,
      accumulate: 0,
    });
  // Fill what is left, in ever smaller pieces.
  for (let bytes = 2 ** 30; bytes >= 2 ** 12; bytes /= 2) {
    try {
      for (;;) live.push(device.allocate(bytes));
    } catch (error) {
      assert.match(String(error), /Out of WASM memory/);
    }
  }
  assert.throws(multiply, /Out of WASM memory: a kernel wants \d+ bytes of scratch/);
  for (const buffer of live) buffer[Symbol.dispose]();
  device[Symbol.dispose]();
  using after = wasmDevice();
  after.allocate(2 ** 30)[Symbol.dispose]();
});
