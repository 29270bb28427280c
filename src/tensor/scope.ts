// Scopes: what is computed within one, and what of it outlives it.
//
//   tidy(f)       when f ends, the tensors made in it are released, but for what f returns and what that needs
//   noGrad(f)     the same, and no op in f records a gradient: results are leaves
//   keep(x)       x outlives the scopes that it was made in
//
// What is returned is found in arrays, Maps and plain objects. In `tidy` a result that requires a gradient keeps the intermediates
// that it was computed from for backward; leaves without a gradient that were made in the scope, such as constants, become
// intermediates of it, and are released with them. Parameters, leaves that require a gradient, and the gradients of leaves belong
// to the caller as ever.
//
// Scopes nest: what an inner one leaves belongs to the one around it.

import { requireFunction } from "./argument_checks.ts";
import type { AnyTensor } from "./autograd.ts";
import { topologicalOrder } from "./graph.ts";
import { described } from "./option_names.ts";
import { leaveScopes, type OpenScope, scopes } from "./open_scopes.ts";

/**
 * Calls `f`, and then releases the tensors that were made in it, except what it returns: a tensor, or an array, Map or plain object of
 * them. Constants that a forward pass makes need no other owner then. Gradients are recorded, and what backward needs is kept.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { mul, requestDevice, sum, Tensor, tidy } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2, 3], { requiresGrad: true });
 * {
 *   using loss = tidy(() => sum(mul(x, Tensor.from(device, [4, 5, 6])))); // the constant is released with the graph
 *   await loss.backward();
 * }
 * assert.deepEqual([...await x.grad!.data()], [4, 5, 6]);
 * ```
 *
 * @category Tensors
 */
export function tidy<Result>(f: () => Result): Result {
  requireFunction("tidy()", f, "tidy(() => loss(x))");
  return runScope(f, scopes.current?.records ?? true);
}

/**
 * Calls `f` without recording gradients: results are leaves, and what they were computed from is released when `f` ends, blocks of
 * models even when the block ends. The other tensors made in `f` are released too, as {@linkcode tidy} does.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Linear, noGrad, RandomSource, requestDevice, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using layer = new Linear(device, { inFeatures: 2, outFeatures: 3, random: new RandomSource(1) });
 * using y = await noGrad(() => layer.forward(Tensor.from(device, [1, 2], { shape: [1, 2] })));
 * assert.equal(y.requiresGrad, false);
 * ```
 *
 * @category Tensors
 */
export function noGrad<Result>(f: () => Result): Result {
  requireFunction("noGrad()", f, "noGrad(() => model.forward(x))");
  return runScope(f, false);
}

/**
 * Has a tensor outlive the scopes of {@linkcode tidy} and {@linkcode noGrad} that it was made in, such as a constant that is made
 * once and used again: it belongs to the caller. Returns it.
 *
 * @category Tensors
 */
export function keep<Kept extends AnyTensor>(tensor: Kept): Kept {
  if (!isTensor(tensor)) throw new TypeError(`keep() wants a tensor, got ${described(tensor)}`);
  leaveScopes(tensor);
  return tensor;
}

function runScope<Result>(f: () => Result, records: boolean): Result {
  const scope: OpenScope<AnyTensor> = {
    records,
    made: new Set(),
    around: scopes.current as OpenScope<AnyTensor> | undefined,
  };
  return scopes.run(scope, {
    f,
    end: (result) => endScope(scope, tensorsIn(result)),
    failed: () => endScope(scope, new Set()),
  });
}

function endScope(scope: OpenScope<AnyTensor>, returned: ReadonlySet<AnyTensor>): void {
  const { made, around } = scope;
  for (const result of returned) {
    if (result.requiresGrad) keepGraph(result, made);
    else if (!scope.records && made.has(result)) result.forgetGraph();
  }
  for (const result of returned) {
    if (!made.delete(result)) continue;
    result.takeMemoryOf(made);
    around?.made.add(result);
  }
  for (const tensor of made) {
    if (tensor.node !== undefined || !tensor.requiresGrad) tensor.release();
  }
}

/** Leaves what backward from `result` needs to its graph: constants, too. */
function keepGraph(result: AnyTensor, made: Set<AnyTensor>): void {
  for (const tensor of topologicalOrder(result)) {
    tensor.node?.saved?.forEach((saved) => made.delete(saved));
    if (tensor === result || !made.delete(tensor)) continue;
    if (tensor.node === undefined && !tensor.requiresGrad) tensor.releaseWithGraph();
  }
}

/** The tensors in a result: itself, or those in arrays, Maps and plain objects. */
function tensorsIn(value: unknown, found: Set<AnyTensor> = new Set()): Set<AnyTensor> {
  if (isTensor(value)) found.add(value);
  else {
    for (const each of partsOf(value)) tensorsIn(each, found);
  }
  return found;
}

function partsOf(value: unknown): Iterable<unknown> {
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value) || value instanceof Map) return value.values();
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype ? Object.values(value) : [];
}

/** Without the class, whose file imports this one. */
function isTensor(value: unknown): value is AnyTensor {
  return typeof value === "object" && value !== null && "releaseWithGraph" in value;
}
