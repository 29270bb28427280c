import assert from "node:assert/strict";
import { rotary, RotaryAngles } from "../../src/ops/rotary.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { checkGradients } from "../support/ops/gradient_check.ts";

const FREQUENCIES = [1, 0.3, 0.01];

for (
  const [pairs, begin] of [["halves", 0], ["neighbours", 0], ["halves", 2], [
    "neighbours",
    1,
  ]] as const
) {
  testOnEachDevice(
    `rotary() of ${pairs} from ${begin} on agrees with its reference`,
    async (device) => {
      using angles = new RotaryAngles(device, {
        positions: 5,
        frequencies: FREQUENCIES,
        scale: 1.5,
      });
      const [batch, positions, heads, dim] = [2, 4, 3, 8];
      await checkGradients(device, {
        shapes: [[batch, positions, heads, dim]],
        op: (x) => rotary(x, { angles, pairs, begin }),
        reference: (x) =>
          x.map((value, at) => {
            const i = at % dim - begin;
            if (i < 0 || i >= 6) return value;
            const position = Math.floor(at / dim / heads) % positions;
            const [k, isFirst] = pairs === "halves" ? [i % 3, i < 3] : [i >> 1, i % 2 === 0];
            const distance = pairs === "halves" ? 3 : 1;
            const angle = position * FREQUENCIES[k];
            const partner = x[isFirst ? at + distance : at - distance];
            return 1.5 * (value * Math.cos(angle) + (isFirst ? -1 : 1) * partner * Math.sin(angle));
          }),
      });
    },
  );
}

testOnEachDevice("rotary() refuses more positions than there are angles", (device) => {
  using angles = new RotaryAngles(device, { positions: 3, frequencies: [1] });
  using x = Tensor.from(device, new Float32Array(8), { shape: [1, 4, 1, 2] });
  assert.throws(() => rotary(x, { angles }), /wants x of \[B, T, H, D\] with T <= 3/);
  using short = Tensor.from(device, new Float32Array(6), { shape: [1, 3, 1, 2] });
  assert.throws(
    () => rotary(short, { angles, begin: 1 }),
    /with T <= 3 and D >= 3, got \[1, 3, 1, 2\]/,
  );
  return Promise.resolve();
});
