// Errors that WebGPU does not throw, and uses that device.ts forbids, must throw.

import assert from "node:assert/strict";
import { requestDevice } from "../../../src/device/request_device.ts";
import { WebGpuDevice } from "../../../src/device/webgpu/device.ts";
import { findAdapter, openAdapter } from "../../../src/device/webgpu/adapter.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";
import { upload } from "../../support/device/device_values.ts";
import { webgpuTest } from "../../support/device/webgpu_adapter.ts";

webgpuTest("a released buffer is refused by every call", async () => {
  using device = await requestDevice({ kind: "webgpu" });
  using out = device.allocate(4);
  const x = upload(device, Float32Array.of(1));
  x[Symbol.dispose]();
  x[Symbol.dispose]();
  assert.equal(x.released, true);
  assert.throws(() => device.write(x, Float32Array.of(2)), /released/);
  assert.throws(() => device.copy(x, 0, out, 0, 4), /released/);
  assert.throws(() => device.run("scale", { x, out }, { length: 1, factor: 1 }), /released/);
  await assert.rejects(device.read(x), /released/);
  assert.equal(device.statistics().liveBytes, 256);
});

webgpuTest("sizes and offsets out of range are refused with the numbers", async () => {
  using device = await requestDevice({ kind: "webgpu" });
  using buffer = device.allocate(8);
  assert.throws(() => device.allocate(2 ** 40), /Cannot allocate 1099511627776 bytes.*at most \d+/);
  assert.throws(() => device.allocate(1.5), RangeError);
  assert.throws(() => device.write(buffer, new Float32Array(3)), /12 bytes at 0.*of 8 bytes/);
  assert.throws(() => device.write(buffer, new Uint8Array(4), 2), /multiples of 4/);
  await assert.rejects(device.read(buffer, { byteOffset: 8, byteLength: 4 }), RangeError);
  assert.throws(() => device.copy(buffer, 0, buffer, 4, 4), TypeError);
  assertSameBits(await device.read(buffer, { byteLength: 0 }), new Uint8Array(0));
  using nothing = device.allocate(0);
  assertSameBits(await device.read(nothing), new Uint8Array(0));
});

webgpuTest(
  "a failure inside WebGPU throws from the read that follows, and from every call after",
  async () => {
    const gpu = await openAdapter((await findAdapter())!);
    using device = new WebGpuDevice(gpu, { description: "failing", software: true });
    using buffer = upload(device, Float32Array.of(1));
    gpu.createBuffer({ size: 4, usage: 0 });
    await assert.rejects(device.read(buffer), /WebGPU refused a call/);
    assert.throws(() => device.allocate(4), /WebGPU refused a call/);
  },
);

webgpuTest("a lost device throws from the next calls instead of hanging", async () => {
  const gpu = await openAdapter((await findAdapter())!);
  using device = new WebGpuDevice(gpu, { description: "lost", software: true });
  using buffer = upload(device, Float32Array.of(1));
  gpu.destroy();
  await assert.rejects(device.read(buffer));
  await gpu.lost;
  assert.throws(() => device.write(buffer, Float32Array.of(1)), /lost/);
});

webgpuTest("a disposed device refuses every call", async () => {
  const device = await requestDevice({ kind: "webgpu" });
  const buffer = upload(device, Float32Array.of(1));
  device[Symbol.dispose]();
  device[Symbol.dispose]();
  assert.throws(() => device.allocate(4), /disposed/);
  await assert.rejects(device.read(buffer), /disposed/);
  buffer[Symbol.dispose]();
});
