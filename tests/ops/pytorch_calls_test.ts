// A table of calls of public ops, against what PyTorch gives for them (tests/goldens/generate_ops.py): values, and gradients of
// sum(y * weights), with operands in f32, f16 and bf16, which hold the numbers of the table exactly.

import assert from "node:assert/strict";
import * as nn from "../../src/nn/mod.ts";
import type { Device } from "../../src/device/device.ts";
import type { FloatType } from "../../src/tensor/dtype.ts";
import type { AnyTensor } from "../../src/tensor/autograd.ts";
import { type FloatTensor, Tensor } from "../../src/tensor/tensor.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { goldenFolder } from "../support/goldens.ts";
import { assertWithin } from "../support/ops/gradient_check.ts";

interface Values {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

type Argument =
  | Values
  | { readonly shape: readonly number[]; readonly indices: readonly number[] }
  | { readonly tensors: readonly Values[] }
  | { readonly options: object }
  | { readonly plain: unknown };

interface Call {
  readonly op: string;
  readonly arguments: readonly Argument[];
  /** Which of several results. */
  readonly pick?: string | number;
  readonly shape: readonly number[];
  readonly y: readonly number[];
  readonly weights?: readonly number[];
  /** Of the tensors of numbers among the arguments, in order. */
  readonly gradients?: readonly (readonly number[])[];
}

const calls: Call[] = JSON.parse(await Deno.readTextFile(`${goldenFolder}/ops/calls.json`));
const functions = nn as unknown as Record<string, (...args: unknown[]) => unknown>;

for (const [op, ofOp] of Map.groupBy(calls, ({ op }) => op)) {
  testOnEachDevice(`${op}() gives what PyTorch does`, async (device) => {
    for (const call of ofOp) {
      // Operands are converted alike on both devices: once is enough for f16.
      const dtypes = device.kind === "wasm"
        ? ["f32", "f16", "bf16"] as const
        : ["f32", "bf16"] as const;
      for (const dtype of dtypes) await checkCall(device, call, dtype);
    }
    assert.equal(device.statistics().liveBytes, 0);
  });
}

Deno.test("the table has more than 200 calls", () => assert.ok(calls.length > 200));

Deno.test("docs/ops.md names every op, and no other", async () => {
  const text = await Deno.readTextFile(new URL("../../docs/ops.md", import.meta.url));
  const rows = [...text.matchAll(/^\| .* \| (.*) \|$/gm)].map(([, ours]) => ours!);
  const named = new Set(
    rows.flatMap((ours) => [...ours.matchAll(/`(?:await )?(\w+)/g)].map(([, name]) => name!)),
  );
  const module = await Deno.readTextFile(new URL("../../src/nn/mod.ts", import.meta.url));
  const exported = [...module.matchAll(/^export \{([^}]*)\} from "\.\.\/ops\//gm)]
    .flatMap(([, names]) => names!.split(",").map((name) => name.trim()))
    .filter((name) => /^[a-z]/.test(name) && !name.startsWith("type "));
  assert.deepEqual([...named].sort(), exported.toSorted());
});

async function checkCall(device: Device, call: Call, dtype: FloatType): Promise<void> {
  const numbers: FloatTensor[] = [];
  using indices = new DisposableStack();
  const tensorOf = ({ shape, values }: Values) => {
    const requiresGrad = call.gradients !== undefined;
    const tensor = Tensor.from(device, values, { shape, dtype, requiresGrad });
    numbers.push(tensor);
    return tensor;
  };
  const args = call.arguments.map((argument) => {
    if ("values" in argument) return tensorOf(argument);
    if ("tensors" in argument) return argument.tensors.map(tensorOf);
    if ("options" in argument) return argument.options;
    if ("plain" in argument) return argument.plain;
    const { shape, indices: values } = argument;
    return indices.use(Tensor.from(device, Uint32Array.from(values), { shape }));
  });
  const what = `${call.op}(${JSON.stringify(call.arguments.map(brief))}) in ${dtype}`;
  const result = await functions[call.op]!(...args);
  const results: Record<string, AnyTensor> = result instanceof Tensor
    ? { only: result }
    : { ...(result as Record<string, AnyTensor>) };
  const y = results[call.pick ?? "only"]!;
  assert.deepEqual(y.shape, call.shape, what);
  assertWithin(await y.data(), call.y, { tolerance: 2e-6, what });
  if (call.weights !== undefined) {
    using weights = Tensor.from(device, call.weights, { shape: call.shape });
    using loss = nn.sum(nn.mul(y as Tensor, weights));
    await loss.backward();
    for (const [i, wanted] of call.gradients!.entries()) {
      const tolerance = 4e-6 + { f32: 0, f16: 2 ** -11, bf16: 2 ** -8 }[dtype];
      const gradient = await numbers[i]!.grad!.data();
      assertWithin(gradient, wanted, { tolerance, what: `gradient ${i} of ${what}` });
    }
  }
  for (const each of [...Object.values(results), ...numbers]) each[Symbol.dispose]();
}

/** An argument for messages: shapes, not numbers. */
function brief(argument: Argument): unknown {
  if ("shape" in argument) return argument.shape;
  if ("tensors" in argument) return argument.tensors.map(brief);
  return "options" in argument ? argument.options : argument.plain;
}
