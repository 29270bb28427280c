import assert from "node:assert/strict";
import { requestDevice } from "../../../src/device/request_device.ts";
import { dropout } from "../../reference/dropout.ts";
import { checkKernel, runOnDevice } from "../../support/device/checked_kernel.ts";
import { ODD_LENGTHS } from "../../support/device/random_values.ts";

checkKernel("dropout", {
  reference: dropout,
  tolerance: { relative: 1e-7 },
  cases: (random) =>
    ODD_LENGTHS.flatMap((length) =>
      [0, 2 ** 30, 2 ** 32 - 1].map((threshold) => ({
        operands: { x: random.signed(length), out: random.signed(length + 2) },
        params: {
          length,
          threshold,
          scale: 1.25,
          cols: 7,
          rowLength: 11,
          // Indices wrap around at 2^32.
          seedLow: 0x9e3779b9,
          seedHigh: 0x85ebca6b,
          first: 2 ** 32 - 40,
        },
      }))
    ),
});

Deno.test("dropout leaves the share of elements that was asked for, and others with another seed", async () => {
  using device = await requestDevice({ kind: "wasm" });
  const length = 100_000;
  const x = new Float32Array(length).fill(1);
  const kept = async (seedLow: number) => {
    const params = {
      length,
      cols: length,
      rowLength: length,
      seedLow,
      seedHigh: 7,
      first: 0,
      threshold: 0.3 * 2 ** 32 >>> 0,
      scale: 1,
    };
    const { out } = await runOnDevice(device, "dropout", {
      operands: { x, out: new Float32Array(length) },
      params,
    });
    return out!;
  };
  const [a, b] = [await kept(1), await kept(2)];
  const share = a.reduce((sum, value) => sum + value, 0) / length;
  // Five standard deviations of a binomial of this length.
  assert.ok(Math.abs(share - 0.7) < 5 * Math.sqrt(0.21 / length), `${share} are left`);
  const both = a.reduce((sum, value, i) => sum + value * b[i]!, 0) / length;
  assert.ok(Math.abs(both - 0.49) < 5 * Math.sqrt(0.25 / length), `${both} are left by both seeds`);
});
