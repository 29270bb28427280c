// Experts against plain loops in float64: values, gradients, and the choices of every kind of routing.

import assert from "node:assert/strict";
import type { Device } from "../../../src/device/device.ts";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { silu } from "../../../src/ops/activation.ts";
import type { RoutingDescription } from "../../../src/models/blocks/block_description.ts";
import { Experts } from "../../../src/models/blocks/experts.ts";
import { RoutingRecord } from "../../../src/models/blocks/routing_record.ts";
import { LayerMaker } from "../../../src/nn/layer_maker.ts";
import { InitialParameters } from "../../../src/nn/parameter_source.ts";
import { RandomSource } from "../../../src/nn/philox.ts";
import { mul } from "../../../src/ops/mul.ts";
import { sum } from "../../../src/ops/sum.ts";
import { recompute } from "../../../src/tensor/recompute.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";
import { RandomValues } from "../../support/device/random_values.ts";
import { assertWithin } from "../../support/ops/gradient_check.ts";

const [NUM_TOKENS, WIDTH, INNER] = [13, 6, 5];

interface Case extends RoutingDescription {
  readonly count: number;
  readonly sharedWidth?: number;
}

const cases: Readonly<Record<string, Case>> = {
  "the best of 3": { count: 3, scores: "softmax", numChosen: 1, isNormalized: false },
  "the best 2 of 4, normalized": {
    count: 4,
    scores: "softmax",
    numChosen: 2,
    isNormalized: true,
  },
  "all of 3, with a factor": {
    count: 3,
    scores: "softmax",
    numChosen: 3,
    isNormalized: true,
    factor: 2.5,
  },
  "2 of 6 in the best 2 of 3 groups by logistic scores, a bias and a shared MLP": {
    count: 6,
    scores: "sigmoid",
    numChosen: 2,
    isNormalized: true,
    correctionBias: true,
    groups: { count: 3, numChosen: 2, numHighest: 2 },
    sharedWidth: 7,
  },
  "3 of 6 in the 2 of 3 groups with the best single experts": {
    count: 6,
    scores: "softmax",
    numChosen: 3,
    isNormalized: false,
    groups: { count: 3, numChosen: 2, numHighest: 1 },
  },
};

for (const [what, test] of Object.entries(cases)) {
  testOnEachDevice(
    `experts, ${what}: values and gradients are those of plain loops`,
    async (device) => {
      using experts = await randomExperts(device, test);
      const numbers = await numbersOf(experts);
      const random = new RandomValues(5);
      const values = [...random.signed(NUM_TOKENS * WIDTH)];
      const weights = [...random.signed(NUM_TOKENS * WIDTH)];
      using x = Tensor.from(device, values, { shape: [1, NUM_TOKENS, WIDTH], requiresGrad: true });
      using w = Tensor.from(device, weights, { shape: [1, NUM_TOKENS, WIDTH] });
      const before = device.statistics().liveBytes;
      const routing = new RoutingRecord();
      const y = await experts.forward({ x, routing });
      assert.deepEqual(y.shape, [1, NUM_TOKENS, WIDTH]);
      assertWithin(await y.data(), reference(test, numbers, values), {
        tolerance: 3e-6,
        what: "y",
      });
      assert.equal(routing.tokensPerExpert[0].length, test.count);
      const total = routing.tokensPerExpert[0].reduce((a, b) => a + b);
      assert.equal(total, NUM_TOKENS * test.numChosen);
      {
        using loss = sum(mul(y, w));
        await loss.backward();
      }
      const lossOf = (changed: Map<string, number[]>, x: number[]) =>
        reference(test, changed, x).reduce((total, value, i) => total + value * weights[i], 0);
      const slope = (shifted: (by: number) => number) => (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
      const gradients = [...experts.namedParameters()].flatMap(([path, { grad }]) =>
        path === "router.correctionBias" ? [] : [[path, grad] as const]
      );
      assert.equal(experts.router.correctionBias?.grad, undefined);
      for (const [path, grad] of gradients) {
        const actual = await grad!.data();
        const own = numbers.get(path)!;
        const places = own.map((_, at) => at).filter((at) => at % 7 === 0);
        const slopes = places.map((at) =>
          slope((by) => lossOf(new Map(numbers).set(path, own.with(at, own[at] + by)), values))
        );
        assertWithin(places.map((at) => actual[at]), slopes, { tolerance: 3e-6, what: path });
      }
      const slopes = values.map((value, at) =>
        slope((by) => lossOf(numbers, values.with(at, value + by)))
      );
      assertWithin(await x.grad!.data(), slopes, { tolerance: 3e-6, what: "gradient of x" });
      for (const tensor of [x, ...experts.parameters()]) tensor.grad = undefined;
      assert.equal(device.statistics().liveBytes, before);
    },
  );
}

testOnEachDevice(
  "a token's output has the same bits whatever tokens are beside it",
  async (device) => {
    using experts = await randomExperts(device, cases["the best 2 of 4, normalized"]);
    const values = new RandomValues(5).signed(NUM_TOKENS * WIDTH);
    const outputs = async (begin: number, end: number) => {
      using x = Tensor.from(device, values.slice(begin * WIDTH, end * WIDTH), {
        shape: [end - begin, WIDTH],
      });
      using y = await experts.forward({ x });
      return await y.data();
    };
    const all = await outputs(0, NUM_TOKENS);
    for (const [begin, end] of [[0, 1], [3, 9], [12, 13], [4, 4]]) {
      assertSameBits(await outputs(begin, end), all.slice(begin * WIDTH, end * WIDTH));
    }
  },
);

Deno.test("gradients have the same bits when experts are recomputed", async () => {
  using device = wasmDevice();
  using experts = await randomExperts(device, cases["the best 2 of 4, normalized"]);
  const values = new RandomValues(5).signed(NUM_TOKENS * WIDTH);
  const gradients = async (forward: (run: () => Promise<Tensor>) => Promise<Tensor>) => {
    using x = Tensor.from(device, values, { shape: [NUM_TOKENS, WIDTH], requiresGrad: true });
    const routing = new RoutingRecord();
    using loss = sum(await forward(() => experts.forward({ x, routing })));
    await loss.backward();
    assert.equal(routing.tokensPerExpert.length, 1);
    const all = await Promise.all([x, ...experts.parameters()].map((each) => each.grad!.data()));
    experts.zeroGrad();
    return all.flatMap((each) => [...each]);
  };
  assertSameBits(await gradients(recompute), await gradients((run) => run()));
});

Deno.test("of equal scores the first expert is chosen, also where groups are chosen in another order", async () => {
  using device = wasmDevice();
  using experts = await randomExperts(device, {
    ...cases["2 of 6 in the best 2 of 3 groups by logistic scores, a bias and a shared MLP"],
  });
  using x = Tensor.from(device, new Array(WIDTH).fill(0), { shape: [1, WIDTH] });
  // All scores are 1 / 6: the biases decide. The last group is the best, and its best equals that of the first.
  for (
    const [bias, want] of [
      [[1, 0, 0, 0, 1, 0.5], [0, 4]],
      [[0, 0, 0, 0, 0, 0], [0, 1]],
      [[0, 0, 1, 0, 0.5, 0.5], [2, 4]],
      [[0, 0.75, 1, -1, 0.5, 0.5], [1, 4]],
    ]
  ) {
    experts.router.correctionBias!.write(bias);
    const { chosen, weights, scores } = await experts.router.route(x);
    assert.deepEqual([...chosen], want);
    assertWithin(await weights.data(), [0.5, 0.5], { tolerance: 1e-6, what: "weights" });
    weights[Symbol.dispose]();
    scores[Symbol.dispose]();
  }
});

async function randomExperts(device: Device, test: Case): Promise<Experts> {
  const { count, sharedWidth, ...routing } = test;
  const source = new InitialParameters(device, { random: new RandomSource(2) });
  const experts = new Experts(new LayerMaker(source, { deviation: 0.8 }), {
    width: WIDTH,
    description: {
      kind: "experts",
      count,
      width: INNER,
      activation: silu,
      routing,
      outputDeviation: 0.8,
      ...(sharedWidth === undefined ? {} : { sharedWidth }),
    },
  });
  experts.router.correctionBias?.write(new RandomValues(4).signed(count, 0.2));
  return await Promise.resolve(experts);
}

async function numbersOf(experts: Experts): Promise<Map<string, number[]>> {
  const numbers = new Map<string, number[]>();
  for (const [path, parameter] of [...experts.namedParameters(), ...experts.namedBuffers()]) {
    numbers.set(path, [...await parameter.data()]);
  }
  return numbers;
}

/** y of x, both [N D]. */
function reference(test: Case, numbers: Map<string, number[]>, x: number[]): number[] {
  const at = (path: string) => numbers.get(path)!;
  return Array.from({ length: NUM_TOKENS }, (_, t) => {
    const token = x.slice(t * WIDTH, (t + 1) * WIDTH);
    const logits = times(at("router.gate.weight"), token);
    const scores = test.scores === "softmax"
      ? softmax(logits)
      : logits.map((logit) => 1 / (1 + Math.exp(-logit)));
    const bias = numbers.get("router.correctionBias") ?? scores.map(() => 0);
    const choice = scores.map((score, e) => score + bias[e]);
    const chosen = chosenOf(choice, test);
    const total = chosen.reduce((sum, e) => sum + scores[e], 0);
    const y = new Array<number>(WIDTH).fill(0);
    for (const e of chosen) {
      const weight = (test.factor ?? 1) * scores[e] / (test.isNormalized ? total : 1);
      const [matrices, size] = [at("stack.gateUp"), INNER * WIDTH];
      const gate = times(matrices.slice(2 * e * size, (2 * e + 1) * size), token);
      const up = times(matrices.slice((2 * e + 1) * size, (2 * e + 2) * size), token);
      const out = times(at("stack.down").slice(e * size, (e + 1) * size), gated(gate, up));
      out.forEach((value, d) => y[d] += weight * value);
    }
    if (test.sharedWidth !== undefined) {
      const [gate, up] = ["gate", "up"].map((name) => times(at(`shared.${name}.weight`), token));
      times(at("shared.down.weight"), gated(gate, up)).forEach((value, d) => y[d] += value);
    }
    return y;
  }).flat();
}

function chosenOf(choice: number[], { groups, numChosen }: Case): number[] {
  let allowed = choice.map(() => true);
  if (groups !== undefined) {
    const length = choice.length / groups.count;
    const sums = Array.from({ length: groups.count }, (_, g) => {
      const sorted = choice.slice(g * length, (g + 1) * length).sort((a, b) => b - a);
      return sorted.slice(0, groups.numHighest).reduce((sum, score) => sum + score);
    });
    const best = largest(sums, groups.numChosen);
    allowed = choice.map((_, e) => best.includes(Math.floor(e / length)));
  }
  return largest(choice.map((value, e) => allowed[e] ? value : -Infinity), numChosen);
}

function largest(values: number[], count: number): number[] {
  return values.map((_, i) => i).sort((a, b) => values[b] - values[a] || a - b).slice(0, count);
}

function times(matrix: number[], x: number[]): number[] {
  return Array.from(
    { length: matrix.length / x.length },
    (_, row) => x.reduce((sum, value, i) => sum + matrix[row * x.length + i] * value, 0),
  );
}

function gated(gate: number[], up: number[]): number[] {
  return gate.map((value, i) => value / (1 + Math.exp(-value)) * up[i]);
}

function softmax(x: number[]): number[] {
  const powers = x.map((value) => Math.exp(value));
  const total = powers.reduce((sum, value) => sum + value, 0);
  return powers.map((value) => value / total);
}
