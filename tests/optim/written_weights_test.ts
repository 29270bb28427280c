// Weights that a program writes between two steps, such as of another checkpoint, are compared like those before the first step: a rank
// with others would go on without a sign of it.

import assert from "node:assert/strict";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { mul } from "../../src/ops/mul.ts";
import { sum } from "../../src/ops/sum.ts";
import { DistributedAdaFactor } from "../../src/optim/distributed_adafactor.ts";
import { Parameter } from "../../src/tensor/parameter.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";

/** The values that ranks write after their second step; nothing where there are none. Returns each rank's error, or "". */
async function train(
  zeroStage: 0 | 1 | 2,
  written: readonly (readonly number[] | undefined)[],
): Promise<string[]> {
  return await inProcessRanks(2, async ({ group, rank }) => {
    using device = wasmDevice();
    using parameter = new Parameter(device, [1, 2, 3, 4], { shape: [2, 2], name: "weight" });
    using optim = new DistributedAdaFactor([parameter], { lr: 0.1 });
    optim.setupDistributed({ dataParallelGroup: group, zeroStage });
    const calls: number[] = [];
    for (let step = 1; step <= 4; step++) {
      const values = written[rank];
      if (step === 3 && values !== undefined) parameter.write(values);
      const before = await parameter.data();
      const counted = group.counters.collectives;
      const take = async () => {
        using loss = sum(mul(parameter, parameter));
        await optim.backward(loss);
        await optim.step();
      };
      const error = await take().then(() => "", String);
      optim.zeroGrad();
      if (error === "") {
        calls.push(group.counters.collectives - counted);
        continue;
      }
      assertSameBits(await parameter.data(), before);
      return `${step} ${error}`;
    }
    assert.equal(calls[3], calls[1], "what was written is compared once");
    return "";
  });
}

for (const zeroStage of [0, 1, 2] as const) {
  Deno.test(`weights that are written on one rank between two steps are an error on both, stage ${zeroStage}`, async () => {
    const nothing = [undefined, undefined];
    assert.deepEqual(await train(zeroStage, nothing), ["", ""]);
    assert.deepEqual(await train(zeroStage, [[5, 6, 7, 8], [5, 6, 7, 8]]), ["", ""]);
    for (const error of await train(zeroStage, [[5, 6, 7, 8], [5, 6, 7, 9]])) {
      assert.match(
        error,
        /^3 TypeError: Cannot step as ranks differ: the digest of weight is .* on rank 0 and .* on rank 1/,
      );
    }
    for (const error of await train(zeroStage, [undefined, [5, 6, 7, 9]])) {
      assert.match(error, /^3 PeerLostError: Ranks \d and \d made different calls/);
    }
  });
}
