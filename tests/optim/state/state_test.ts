import assert from "node:assert/strict";
import type { Device } from "../../../src/device/device.ts";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import type { ProcessGroup } from "../../../src/distributed/group.ts";
import { Layout } from "../../../src/distributed/layout.ts";
import { ProcessGroupMesh } from "../../../src/distributed/mesh.ts";
import { Adafactor } from "../../../src/optim/adafactor.ts";
import { DistributedAdaFactor } from "../../../src/optim/distributed_adafactor.ts";
import type { OptimizerOptions } from "../../../src/optim/options/parameter_groups.ts";
import { type Part, sumParts } from "../../../src/optim/sums/summed_parts.ts";
import { Parameter } from "../../../src/tensor/parameter.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";
import { inProcessRanks } from "../../support/distributed/in_process_ranks.ts";
import { gradientAt, initialParameter } from "../../support/optim/golden.ts";
import {
  assertEqualsOneRank,
  placements,
  train,
  type Training,
} from "../../support/optim/sharded_training.ts";

const MESHES = [[1, 1], [2, 2], [3, 1], [1, 4]] as const;
/** Four gradients per step, whatever the mesh. */
const REPLICAS = 4;

for (const [tensor, zero] of MESHES) {
  for (
    const [nextTensor, nextZero] of MESHES.filter((mesh) => mesh.join() !== `${tensor},${zero}`)
  ) {
    Deno.test(`a training resumes from tensor ${tensor} x ZeRO ${zero} on ${nextTensor} x ${nextZero} as on one rank`, async () => {
      // Cuts that one mesh makes the other need not make: what is whole here may be split there.
      const first: Training = {
        tensor,
        zero,
        replicas: REPLICAS,
        steps: 7,
        placed: placements(tensor).filter(({ cut }) => cut === undefined || cut === 0),
      };
      const second: Training = {
        tensor: nextTensor,
        zero: nextZero,
        replicas: REPLICAS,
        steps: 5,
        placed: first.placed!.map((each) => ({ ...each, cut: lastDimFor(nextTensor, each.shape) })),
      };
      const ranks = await train(first);
      const { values, state } = wholeOf(ranks, first);
      for (const rank of ranks) assertSameBits(rank.state, state);
      const continued = await train({ ...second, from: { step: 7, values, state } });
      assertEqualsOneRank(continued, { training: second, totalSteps: 12 });
      assert.ok(Object.values(continued[0].state).every(({ step }) => step === 12));
    });
  }
}

/** The last dim, where it is long enough. */
function lastDimFor(tensor: number, shape: readonly number[]): number | undefined {
  return tensor > 1 && (shape.at(-1) ?? 0) >= tensor ? shape.length - 1 : undefined;
}

/** Whole parameters, put together from the shards of the ranks with data-parallel rank 0. */
function wholeOf(
  ranks: Awaited<ReturnType<typeof train>>,
  { tensor, zero, placed }: Training,
): { values: Float32Array[]; state: Awaited<ReturnType<typeof train>>[number]["state"] } {
  const columns = Array.from({ length: tensor }, (_, rank) => ranks[rank * zero]);
  const values = placed!.map(({ cut }, index) =>
    // Cut along dim 0, shards follow each other.
    cut === undefined
      ? columns[0].values[index]
      : Float32Array.from(columns.flatMap((rank) => [...rank.values[index]]))
  );
  return { values, state: ranks[0].state };
}

const SHAPES = [[5, 7], [3, 4, 6], [9], []];

/** Steps `from + 1` to `to` from `start`; gives values and state. */
async function trainAlone(
  device: Device,
  { from, to, options, start }: {
    readonly from: number;
    readonly to: number;
    readonly options: OptimizerOptions;
    readonly start?: Awaited<ReturnType<typeof trainAlone>>;
  },
): Promise<{
  values: Float32Array[];
  state: Awaited<ReturnType<Adafactor["stateDict"]>>;
}> {
  using scope = new DisposableStack();
  const parameters = SHAPES.map((shape, index) =>
    scope.use(
      new Parameter(device, start?.values[index] ?? initialParameter({ shape }), {
        shape,
        name: `p${index}`,
      }),
    )
  );
  using optim = new Adafactor(parameters, options);
  if (start !== undefined) optim.loadStateDict(structuredClone(start.state));
  for (let step = from + 1; step <= to; step++) {
    for (const parameter of parameters) {
      const { shape } = parameter;
      const gradient = gradientAt(step, { shape, gradientScale: 0.01 });
      parameter.grad = Tensor.from(device, gradient, { shape });
    }
    await optim.step();
  }
  const values = await Promise.all(parameters.map((parameter) => parameter.data()));
  return { values, state: await optim.stateDict() };
}

testOnEachDevice("saving and loading after any step changes no bit", async (device) => {
  const options = { beta1: 0.9, lr: 1e-2 };
  const whole = await trainAlone(device, { from: 0, to: 6, options });
  for (const at of [0, 1, 2, 5]) {
    const start = await trainAlone(device, { from: 0, to: at, options });
    const resumed = await trainAlone(device, { from: at, to: 6, options, start });
    assertSameBits(resumed, whole);
  }
});

Deno.test("a state consists of numbers and typed arrays alone", async () => {
  using device = wasmDevice();
  const { state } = await trainAlone(device, { from: 0, to: 1, options: { beta1: 0.9 } });
  assert.deepEqual(Object.keys(state), ["p0", "p1", "p2", "p3"]);
  for (const entry of Object.values(state)) {
    for (const value of Object.values(entry)) {
      assert.ok(typeof value === "number" || value instanceof Float32Array);
    }
  }
  assert.deepEqual([state.p1.batch, state.p1.rows, state.p1.cols], [3, 4, 6]);
  assert.deepEqual([state.p2.batch, state.p2.rows, state.p2.cols], [1, 1, 9]);
});

Deno.test("loadStateDict() refuses what does not fit and changes nothing", async () => {
  using device = wasmDevice();
  const options = { beta1: 0.9 };
  const { state } = await trainAlone(device, { from: 0, to: 1, options });
  using parameter = new Parameter(device, initialParameter({ shape: [5, 7] }), {
    shape: [5, 7],
    name: "p0",
  });
  using optim = new Adafactor([parameter], options);
  const before = await optim.stateDict();
  const { p0, p1 } = state;
  const { momentum: _, ...withoutMomentum } = p0;
  const refused = [
    [{}, /nothing is there for the parameters \[p0\]/],
    [null, /Cannot load null: give the object that stateDict\(\) resolves to/],
    [undefined, /Cannot load undefined: give/],
    ["p0", /Cannot load p0: give/],
    [[p0], /Cannot load an instance of Array: give/],
    [Promise.resolve({ p0 }), /Cannot load an instance of Promise, which must be awaited: give/],
    [new Map([["p0", p0]]), /Cannot load an instance of Map: give/],
    [{ p0: { ...p0, momentun: p0.momentum } }, /of p0: this optimizer has no momentun: give/],
    [
      JSON.parse(JSON.stringify({ p0 })),
      /rowMeans must be a Float32Array of 5, got an object, as of JSON, .* saveCheckpoint\(\)/,
    ],
    [{ p0: { ...p0, means: new Float64Array(1) } }, /Float32Array of 1, got Float64Array of 1/],
    [{ p0, other: p1 }, /no parameter is called \[other\]/],
    [{ p0: p1 }, /wanted 1 x \[5, 7\], got 3 x \[4, 6\]/],
    [{ p0: withoutMomentum }, /saved without momentum: leave out beta1/],
    [{ p0: { ...p0, colMeans: new Float32Array(6) } }, /colMeans must be a Float32Array of 7/],
    [{ p0: { ...p0, step: 1.5 } }, /step must be a whole number/],
    [{ p0: { ...p0, rowMeans: p0.rowMeans.with(2, NaN) } }, /of p0: rowMeans\[2\] is NaN, .* >= 0/],
    [{ p0: { ...p0, colMeans: p0.colMeans.with(6, -1) } }, /of p0: colMeans\[6\] is -1, .* >= 0/],
    [{ p0: { ...p0, means: p0.means.with(0, Infinity) } }, /of p0: means\[0\] is Infinity/],
    [{ p0: { ...p0, momentum: p0.momentum!.with(34, NaN) } }, /of p0: momentum\[34\] is NaN/],
    [{ p0: { ...p0, momentum: p0.momentum!.with(0, -Infinity) } }, /momentum\[0\] is -Infinity/],
    ...[0, NaN, -1, Infinity, "8"].map((lossScale) =>
      [
        { p0: { ...p0, lossScale: lossScale as number } },
        /of p0: lossScale must be a finite number > 0/,
      ] as const
    ),
    [
      { p0: { ...p0, lossScale: 8, lossScaleGoodSteps: -1 } },
      /of p0: lossScaleGoodSteps must be a whole number from 0, got -1/,
    ],
  ] as const;
  for (const [given, message] of refused) {
    assert.throws(() => optim.loadStateDict(given as never), { name: "TypeError", message });
    assertSameBits(await optim.stateDict(), before);
  }
  optim.loadStateDict({ p0 });
  assertSameBits(await optim.stateDict(), { p0 });
});

Deno.test("stateDict() refuses two parameters of one name", async () => {
  using device = wasmDevice();
  using one = new Parameter(device, [1], { shape: [1], name: "same" });
  using two = new Parameter(device, [1], { shape: [1], name: "same" });
  using optim = new Adafactor([one, two]);
  await assert.rejects(
    optim.stateDict(),
    /called alike: same \(number 0, \[1\]\), same \(number 1, \[1\]\): call namedParameters/,
  );
});

Deno.test("stateDict() makes one all-reduce per group, for any number of parameters", async () => {
  const counts = await inProcessRanks(4, async (world) => {
    const mesh = ProcessGroupMesh.over(world, 2, 2);
    const tensorParallelGroup = await mesh.getGroupAlongAxis(0);
    const dataParallelGroup = await mesh.getGroupAlongAxis(1);
    using device = wasmDevice();
    using scope = new DisposableStack();
    const parameters = Array.from({ length: 12 }, (_, index) => {
      const layout = new Layout<ProcessGroup>([6, 10], [
        { dim: index % 2, group: tensorParallelGroup },
      ]);
      const values = new Float32Array(30).fill(1 + index);
      return scope.use(new Parameter(device, values, { layout, name: `p${index}` }));
    });
    const optim = scope.use(new DistributedAdaFactor(parameters, { beta1: 0.9 }));
    optim.setupDistributed({ tensorParallelGroup, dataParallelGroup });
    const counted = () => [tensorParallelGroup, dataParallelGroup].map(({ counters }) => counters);
    // Ranks compare their options before they exchange anything.
    await optim.stateDict();
    const before = counted();
    const state = await optim.stateDict();
    const after = counted();
    optim.loadStateDict(state);
    assert.deepEqual(counted(), after);
    return after.map(({ collectives }, k) => collectives - before[k].collectives);
  });
  assert.deepEqual(counts, Array.from({ length: 4 }, () => [1, 1]));
});

Deno.test("sumParts() sums each array over its own groups, in as many chunks as they fill", async () => {
  /** A group of ranks that all have the same. */
  const groupOf = (size: number) => ({
    size,
    lengths: [] as number[],
    allReduce(values: Float32Array): Promise<void> {
      this.lengths.push(values.length);
      values.forEach((value, k) => values[k] = size * value);
      return Promise.resolve();
    },
  });
  const [two, three] = [groupOf(2), groupOf(3)];
  const parts: Part[] = [
    { values: new Float32Array(3).fill(1), groups: [two] },
    { values: new Float32Array(9).fill(1), groups: [two, three] },
    { values: new Float32Array(0), groups: [three] },
    { values: new Float32Array(2).fill(1), groups: [] },
    { values: new Float32Array(1).fill(1), groups: [three] },
  ];
  await sumParts(parts, { chunkLength: 4 });
  assert.deepEqual(parts.map(({ values }) => [...values]), [
    Array(3).fill(2),
    Array(9).fill(6),
    [],
    [1, 1],
    [3],
  ]);
  // 3 | 4 | 4 | 1, and 4 | 4 | 1 and 1.
  assert.deepEqual([two.lengths, three.lengths], [[3, 4, 4, 1], [4, 4, 2]]);
});
