// Every pointwise kernel against its function in float64, and every gradient against central differences of that function, for
// operands of one length and for those that are broadcast.

import assert from "node:assert/strict";
import { dimNames } from "../../../src/device/kernels/pointwise_kernel.ts";
import type { Kernel } from "../../../src/device/kernels/kernel.ts";
import { type KernelName, kernels } from "../../../src/device/kernels/registry.ts";
import { pointwiseRust } from "../../../scripts/pointwise_rust.ts";
import { pointwiseFunctions } from "../../reference/pointwise.ts";
import type { Reference } from "../../reference/reference.ts";
import {
  checkKernel,
  type HostValues,
  type KernelCase,
  runOnDevice,
} from "../../support/device/checked_kernel.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";
import { ODD_LENGTHS, type RandomValues } from "../../support/device/random_values.ts";

const entries: Record<string, Kernel<string, string>> = kernels;
const pointwise = Object.keys(kernels).filter((name) => entries[name]!.formula !== undefined);

/** Dims and the masks of up to three operands, which must cover every dim. */
const SPREADS: readonly { readonly dims: readonly number[]; readonly masks: readonly number[] }[] =
  [
    ...[0, 1, 1031, 3, 65].map((n) => ({ dims: [n], masks: [1, 1, 1] })),
    // Rows and columns; runs that are longer than those that Rust repeats; one number.
    { dims: [7, 300], masks: [0b11, 0b01, 0b10] },
    { dims: [5, 3], masks: [0b10, 0b11, 0b11] },
    { dims: [300], masks: [0, 1, 0] },
    { dims: [0, 4], masks: [0b11, 0b01, 0b01] },
    { dims: [1], masks: [0, 0, 0] },
    // Outer product; dims in turn.
    { dims: [33, 17], masks: [0b10, 0b01, 0b11] },
    { dims: [3, 5, 2, 4], masks: [0b1010, 0b0101, 0b1111] },
    { dims: [2, 3, 2, 5, 3, 2], masks: [0b101010, 0b011101, 0b100001] },
  ];

/** Kernels for which all of them are tried; the loops around the formulas are one text, so the others get every third. */
const TRIED_WITH_ALL = ["add", "choose", "expand", "div_backward_b"];

/** Where operands come from, so that every function is defined and smooth there, and the difference of two steps small. */
const DOMAINS: Readonly<Record<string, (random: RandomValues, length: number) => Float32Array>> = {
  positive: (random, length) => random.positive(length),
  // Away from 0, of both signs.
  signed: (random, length) => random.signed(length, 3).map((x) => x + Math.sign(x) * 0.05),
};

for (const name of pointwise) {
  checkKernel(name as "relu", {
    reference: referenceOf(name) as Reference<"relu">,
    tolerance: name.startsWith("to_power")
      ? { relative: 3e-6, ofLargest: 2e-6 }
      : { relative: 1e-6, ofLargest: 1e-6 },
    cases: (random) => casesOf(name, random) as KernelCase<"relu">[],
  });
}

testOnEachDevice("pointwise functions have the ends that docs promise", async (device) => {
  const x = Float32Array.of(-Infinity, -200, -1, 0, 1e-4, 100, Infinity, NaN);
  const of = async (kernel: KernelName, numbers: Record<string, number> = {}) => {
    const operands = { x, out: new Float32Array(x.length) };
    const params = { length: x.length, ...numbers };
    const after = await runOnDevice(device, kernel, { operands, params } as KernelCase<"relu">);
    return Array.from(after.out!);
  };
  const fround = (...values: number[]) => values.map(Math.fround);
  const exp = await of("natural_exp");
  assert.deepEqual([exp[0], exp[1], exp[5], exp[6], exp[7]], [0, 0, Infinity, Infinity, NaN]);
  const log = await of("natural_log");
  assert.deepEqual([...log.slice(0, 4), ...log.slice(6)], [
    NaN,
    NaN,
    NaN,
    -Infinity,
    Infinity,
    NaN,
  ]);
  const tanh = await of("hyperbolic_tangent");
  assert.deepEqual([tanh[0], tanh[4], tanh[6], tanh[7]], [-1, ...fround(1e-4), 1, NaN]);
  assert.deepEqual(
    await of("clamp", { low: -2, high: 3 }),
    fround(-2, -2, -1, 0, 1e-4, 3, 3, NaN),
  );
  assert.deepEqual(await of("relu"), fround(0, 0, 0, 0, 1e-4, 100, Infinity, NaN));
  assert.equal((await of("sigmoid"))[7], NaN);
});

Deno.test("every line of the table is in the Rust that is built", async () => {
  const file = new URL("../../../rust_kernels/src/ops/pointwise_formulas.rs", import.meta.url);
  const text = await Deno.readTextFile(file);
  assert.equal(text, pointwiseRust(), "stale: run `deno task wgsl`");
  for (const name of pointwise) {
    assert.match(text, new RegExp(`^(flat|spread)! \\{ ${name}\\(`, "m"));
  }
  assert.ok(pointwise.length >= 60);
});

/** The function of a kernel; of its gradient, which is with respect to operand `wrt`, the function that it belongs to. */
function functionOf(name: string): { readonly forward: string; readonly wrt?: number } {
  const [forward, which] = name.split(/_backward_?/);
  if (which === undefined) return { forward: forward! };
  const operands = readsOf(forward!);
  return { forward: forward!, wrt: which === "" ? 0 : operands.indexOf(which) };
}

function readsOf(name: string): string[] {
  const { operands } = entries[name]!;
  return Object.keys(operands).filter((each) => operands[each]!.access === "read");
}

function referenceOf(name: string) {
  const { forward, wrt } = functionOf(name);
  const f = pointwiseFunctions[forward]!;
  const operandsOfF = readsOf(forward);
  return (operands: Record<string, Float64Array>, params: Record<string, number>) => {
    const length = params.length ?? dimNames.reduce((n, dim) => n * params[dim]!, 1);
    const out = operands.out ?? operands.dx!;
    for (let i = 0; i < length; i++) {
      // What a gradient does not read does not matter to it.
      const values = operandsOfF.map((each) =>
        each in operands ? operands[each]![placeOf(i, params[`${each}Dims`], params)]! : 0.75
      );
      if (wrt === undefined) {
        out[i] = f(values, params);
        continue;
      }
      const h = 1e-5;
      const shifted = (by: number) => f(values.with(wrt, values[wrt]! + by), params);
      const dy = operands.dy![i]!;
      out[i] = dy * (shifted(h) - shifted(-h)) / (2 * h);
    }
  };
}

/** The element of an operand with these dims that belongs to element `i` of the result. */
function placeOf(i: number, mask: number | undefined, params: Record<string, number>): number {
  if (mask === undefined) return i;
  let [rest, stride, place] = [i, 1, 0];
  for (let d = 5; d >= 0; d--) {
    const length = params[`dim${d}`]!;
    if (mask >> d & 1) {
      place += rest % length * stride;
      stride *= length;
    }
    rest = Math.floor(rest / length);
  }
  return place;
}

function casesOf(name: string, random: RandomValues) {
  const { operands, params } = entries[name]!;
  const names = Object.keys(operands);
  const numbers = { factor: -1.7, slope: 0.2, low: -0.8, high: 1.3, beta: 0.7 };
  const takesPositive = /log$|log_b|root|power/.test(name);
  const domain = DOMAINS[takesPositive ? "positive" : "signed"]!;
  const filled = (lengths: Readonly<Record<string, number>>) =>
    Object.fromEntries(names.map((each): [string, HostValues] => {
      const values = domain(random, lengths[each]! + 2);
      // Some conditions are 0, some elements equal.
      if (each === "condition") return [each, values.map((x) => x > 1 ? 0 : x)];
      const compares = /equal|greater|less/.test(name);
      return [each, Float32Array.from(compares ? values.map(Math.round) : values)];
    }));
  if ("length" in params) {
    return ODD_LENGTHS.map((length) => ({
      operands: filled(Object.fromEntries(names.map((each) => [each, length]))),
      params: { ...numbersOf(params, numbers), length },
    }));
  }
  const spread = names.filter((each) => `${each}Dims` in params);
  const spreads = SPREADS.filter((_, i) => TRIED_WITH_ALL.includes(name) || i % 3 === 2);
  return spreads.map(({ dims, masks }) => {
    const missing = 6 - dims.length;
    const reversed = (mask: number) =>
      dims.reduce(
        (sum, _, d) => mask >> (dims.length - 1 - d) & 1 ? sum | 1 << missing + d : sum,
        0,
      );
    const all = {
      ...numbersOf(params, numbers),
      ...Object.fromEntries(
        dimNames.map((dim, d) => [dim, d < missing ? 1 : dims[d - missing]!]),
      ),
      ...Object.fromEntries(spread.map((each, k) => [`${each}Dims`, reversed(masks[k]!)])),
    };
    const lengths = Object.fromEntries(
      names.map((each) => [each, operands[each]!.words(all as Record<string, number>)]),
    );
    return { operands: filled(lengths), params: all };
  });
}

function numbersOf(
  params: Readonly<Record<string, string>>,
  numbers: Readonly<Record<string, number>>,
): Record<string, number> {
  return Object.fromEntries(Object.entries(numbers).filter(([name]) => name in params));
}
