// The overlap itself, by the order of events: bytes of dx are sent while dW is still being computed.

import assert from "node:assert/strict";
import type { Device } from "../../../src/device/device.ts";
import { requestDevice } from "../../../src/device/request_device.ts";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import type { ProcessGroup } from "../../../src/distributed/group.ts";
import { Linear } from "../../../src/nn/linear.ts";
import { Linear1DCol } from "../../../src/nn/parallel/linear_1d_col.ts";
import { RandomSource } from "../../../src/nn/philox.ts";
import { sum } from "../../../src/ops/sum.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { webgpuTest } from "../../support/device/webgpu_adapter.ts";
import { inProcessRanks } from "../../support/distributed/in_process_ranks.ts";

/** A call of the device during backward, and the number of bytes sent before it. */
interface Event {
  readonly call: string;
  readonly bytesReceived: number;
  readonly collectives: number;
}

/** Runs backward through one Linear1DCol and records reads and products. */
async function eventsOfBackward(
  device: Device,
  group: ProcessGroup,
  { overlap }: { readonly overlap: boolean },
): Promise<Event[]> {
  const random = new RandomSource(1);
  const whole = new Linear(device, { inFeatures: 1024, outFeatures: 2048, random });
  using layer = Linear1DCol.fromNativeModule(whole, { processGroup: group, overlap });
  using x = Tensor.from(device, new Float32Array(512 * 1024).fill(0.1), {
    shape: [512, 1024],
    requiresGrad: true,
  });
  using loss = sum(await layer.forward(x));
  await group.barrier();
  const before = group.counters;
  const events: Event[] = [];
  const record = (call: string) => {
    const { bytesReceived, collectives } = group.counters;
    events.push({
      call,
      bytesReceived: bytesReceived - before.bytesReceived,
      collectives: collectives - before.collectives,
    });
  };
  const run = device.run.bind(device);
  device.run = (kernel, bindings, params) => {
    if (kernel.startsWith("matmul")) record(kernel);
    run(kernel, bindings, params);
  };
  const read = device.read.bind(device);
  device.read = (buffer, range) => {
    record("read");
    return read(buffer, range);
  };
  await loss.backward();
  record("end");
  return events;
}

Deno.test("Linear1DCol sends bytes of dx between slices of dW where kernels block the thread", async () => {
  const [events] = await inProcessRanks(2, async ({ group }) => {
    using device = wasmDevice();
    return await eventsOfBackward(device, group, { overlap: true });
  });
  const slices = events.filter(({ call }) => call === "matmul_tn");
  assert.deepEqual(events.slice(0, 2).map(({ call }) => call), ["matmul_nn", "read"]);
  assert.equal(events[1].bytesReceived, 0);
  assert.ok(slices.length > 1);
  assert.ok(slices.at(-1)!.bytesReceived > 0, "bytes arrived before the last slice of dW began");
  assert.equal(events.at(-1)!.collectives, 1);
});

Deno.test("Linear1DCol without overlap sends dx only after dW", async () => {
  const [events] = await inProcessRanks(2, async ({ group }) => {
    using device = wasmDevice();
    return await eventsOfBackward(device, group, { overlap: false });
  });
  assert.deepEqual(events.map(({ call }) => call), ["matmul_nn", "matmul_tn", "read", "end"]);
  assert.equal(events[1].bytesReceived, 0);
});

Deno.test("dW is computed in a bounded number of slices, even if another rank makes no call", async () => {
  const [slices] = await inProcessRanks(2, async (world) => {
    if (world.rank === 1) {
      // It only runs forward, and gives up a while after that.
      await world.group.barrier();
      await new Promise((resolve) => setTimeout(resolve, 1000));
      await world.abort(new Error("no backward here"));
      return 0;
    }
    using device = wasmDevice();
    const run = device.run.bind(device);
    let slices = 0;
    device.run = (kernel, bindings, params) => {
      if (kernel === "matmul_tn") slices++;
      run(kernel, bindings, params);
    };
    await assert.rejects(eventsOfBackward(device, world.group, { overlap: true }), {
      name: "PeerLostError",
      rank: 1,
      message: /Rank 1 failed: no backward here/,
    });
    return slices;
  }, { stallTimeoutMs: 500 });
  // [1024, 64] x [64, 1024] is at most as many slices as dW has rows.
  assert.ok(slices > 1 && slices <= 1024, `${slices} slices`);
});

webgpuTest(
  "Linear1DCol computes dW behind the read of dx where kernels run in the background",
  async () => {
    const [events] = await inProcessRanks(2, async ({ group }) => {
      using device = await requestDevice({ kind: "webgpu" });
      return await eventsOfBackward(device, group, { overlap: true });
    });
    assert.deepEqual(events.map(({ call }) => call), ["matmul_nn", "read", "matmul_tn", "end"]);
    assert.deepEqual(events.map(({ collectives }) => collectives), [0, 0, 0, 1]);
  },
);
