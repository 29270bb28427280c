import assert from "node:assert/strict";
import { record16Fits } from "../../../src/device/kernels/block_checks.ts";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import type { ProcessGroup } from "../../../src/distributed/group.ts";
import { Layout, shardRange } from "../../../src/distributed/layout.ts";
import { ProcessGroupMesh } from "../../../src/distributed/mesh.ts";
import { Adafactor } from "../../../src/optim/adafactor.ts";
import { geometryOf } from "../../../src/optim/plan/block_records.ts";
import { isInOrder } from "../../../src/optim/plan/block_order.ts";
import { DistributedAdaFactor } from "../../../src/optim/distributed_adafactor.ts";
import { factoredView } from "../../../src/optim/factoring/factored_view.ts";
import type { Factoring } from "../../../src/optim/factoring/dim_roles.ts";
import { isRoundable } from "../../../src/optim/options/rounding_rule.ts";
import { Parameter } from "../../../src/tensor/parameter.ts";
import { inProcessRanks } from "../../support/distributed/in_process_ranks.ts";

/** Per rank, the rule's verdict, and whether kernels can step its block in place. */
function verdictOf(
  { shape, paddedShape, cut, tensor, zero, factoring }: {
    readonly shape: readonly number[];
    readonly paddedShape: readonly number[];
    readonly cut: number;
    readonly tensor: number;
    readonly zero: number;
    readonly factoring: Factoring;
  },
) {
  return Array.from({ length: tensor * zero }, (_, rank) => {
    const group = { rank: Math.floor(rank / zero), size: tensor };
    const layout = new Layout(shape, tensor > 1 ? [{ dim: cut, group }] : [], { paddedShape });
    const owner = { rank: rank % zero, size: zero };
    const { begin, end } = layout.range(0);
    const rows = shardRange(end - begin, zero, owner.rank);
    const rowCut = { group: owner, rows };
    const view = factoredView(layout, zero > 1 ? { factoring, rowCut } : { factoring });
    const whole = factoredView(layout, { factoring });
    const geometry = geometryOf(view, { kind: "wasm", even: true });
    const isNothing = view.batch * view.rows * view.cols === 0;
    return {
      said: isRoundable(layout, whole),
      can: isNothing || isInOrder(view) && record16Fits(geometry, 0),
    };
  });
}

Deno.test("all ranks agree on which parameters can be rounded stochastically, and all of them can do it", () => {
  const seen = { allowed: 0, refused: 0 };
  const lengths = [1, 2, 3, 5, 6, 8, 10, 12];
  const shapes = [
    ...lengths.map((length) => [length]),
    ...lengths.flatMap((rows) => lengths.map((cols) => [rows, cols])),
    ...[[3, 4, 6], [3, 4, 7], [1, 1, 9], [2, 1, 9], [4, 6, 5, 5]],
  ];
  for (const shape of shapes) {
    for (const factoring of ["lastTwo", "none", { largestTwo: 2 }] as const) {
      for (const [tensor, zero] of [[1, 1], [2, 1], [3, 1], [1, 3], [2, 2], [3, 2]]) {
        for (const cut of shape.keys()) {
          if (shape[cut] < tensor) continue;
          for (const pads of [0, 2]) {
            const paddedShape = shape.map((length, dim) => dim === cut ? length + pads : length);
            let ranks;
            try {
              ranks = verdictOf({ shape, paddedShape, cut, tensor, zero, factoring });
            } catch (error) {
              // Such pads or orders cannot be stepped at all.
              assert.match(String(error), /Cannot factor .*(padded to|be adjacent in memory)/);
              continue;
            }
            const where = `[${shape}] ${
              JSON.stringify({ paddedShape, cut, tensor, zero, factoring })
            }`;
            const [{ said }] = ranks;
            assert.ok(ranks.every((each) => each.said === said), where);
            if (said) assert.ok(ranks.every(({ can }) => can), where);
            seen[said ? "allowed" : "refused"] += 1;
            // Nothing is refused that one rank could do.
            if (tensor === 1 && zero === 1 && pads === 0) assert.equal(said, ranks[0].can, where);
          }
        }
      }
    }
  }
  assert.ok(seen.allowed > 300 && seen.refused > 300, JSON.stringify(seen));
});

const STOCHASTIC = { rounding: "stochastic" } as const;

Deno.test("new Adafactor() refuses to round rows of an odd number of 16-bit elements stochastically", () => {
  using device = wasmDevice();
  using odd = new Parameter(device, new Float32Array(35), {
    shape: [5, 7],
    dtype: "bf16",
    name: "odd",
  });
  const refusal = /Cannot round odd of shape \[5,7\] stochastically.*masterWeights/;
  assert.throws(() => new Adafactor([odd], STOCHASTIC), refusal);
  using optim = new Adafactor([odd], { masterWeights: true });
  assert.equal(optim.parameters.length, 1);
  using wide = new Parameter(device, new Float32Array(35), { shape: [5, 7], name: "f32" });
  using vector = new Parameter(device, new Float32Array(7), {
    shape: [7],
    dtype: "bf16",
    name: "vector",
  });
  using other = new Adafactor([wide, vector], STOCHASTIC);
  assert.equal(other.parameters.length, 2);
});

Deno.test("setupDistributed() refuses on every rank where some rank's rows are odd", async () => {
  const reported = await inProcessRanks(3, async (world) => {
    const mesh = ProcessGroupMesh.over(world, 3, 1);
    const tensorParallelGroup = await mesh.getGroupAlongAxis(0);
    using device = wasmDevice();
    // Columns are cut into 4, 3 and 3.
    const layout = new Layout<ProcessGroup>([4, 10], [{ dim: 1, group: tensorParallelGroup }]);
    using parameter = new Parameter(device, new Float32Array(4 * layout.localShape[1]), {
      layout,
      dtype: "bf16",
      name: "uneven",
    });
    using optim = new DistributedAdaFactor([parameter], STOCHASTIC);
    assert.throws(
      () => optim.setupDistributed({ tensorParallelGroup }),
      /Cannot round uneven of shape \[4,10\] stochastically/,
    );
    return layout.localShape[1];
  });
  assert.deepEqual(reported, [4, 3, 3]);
});
