// Elements along a dim by index, and elements added at indices: each is the other's gradient. For the last dim:
//
//   gather       y[r, j] = x[r, indices[r, j]]              dx[r, c] = sum of dy[r, j] over j with indices[r, j] = c
//   scatterAdd   y[r, c] = x[r, c] + sum of source[r, j] over j with indices[r, j] = c

import { elementCount, formatShape, rowsAndCols, sameShape } from "../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { add } from "./add.ts";
import { constantIndices } from "./constant.ts";
import { dimOf } from "./dims.ts";
import { checkIndices, indicesOf } from "./embedding.ts";
import { checkFloats, checkSameDevice, checkU32, inF32 } from "./operands.ts";
import { checkOptions } from "../tensor/option_names.ts";
import { transpose } from "./transpose.ts";

/**
 * Options of {@linkcode gather} and {@linkcode scatterAdd}.
 *
 * @category Ops
 */
export interface GatherOptions {
  /** The dim that indices count along: from 0, or from -1 backwards. Default: the last one. */
  readonly dim?: number;
}

/**
 * Elements along a dim of `x` by index; the other dims of `x` and `indices` are equal. For the last dim: y[..., j] =
 * x[..., indices[..., j]]. Indices may repeat.
 *
 * @throws {RangeError} if another dim differs, or an index is not under the length of the dim.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { gather } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2, 3, 4, 5, 6], { shape: [2, 3] });
 * using indices = Tensor.from(device, [2, 0, 1, 1], { shape: [2, 2], dtype: "u32" });
 * using y = gather(x, indices);
 * console.log(await y.data()); // 3, 1, 5, 5
 * ```
 *
 * @category Ops
 */
export function gather(
  x: FloatTensor,
  indices: Tensor<"u32">,
  options: GatherOptions = {},
): Tensor {
  checkFloats("gather", { x });
  checkOptions("gather()", options, ["dim"]);
  checkU32("gather", "indices", indices);
  const { dim = -1 } = options;
  if (x.shape.length === 0 || dimOf("gather", x, dim) === x.shape.length - 1) {
    return elementsAt(x, indices, { saved: [] });
  }
  const at = dimOf("gather", x, dim);
  checkAlong("gather", x, indices, at);
  const found = gatherAt(
    transpose(x, at, -1),
    ...transposedIndices(indicesOf("gather", indices), indices.shape, at),
  );
  return transpose(found, at, -1);
}

/**
 * `x` with each element of `source` added at its index along a dim; the other dims are equal, and `indices` and `source` have one
 * shape. For the last dim: y[..., c] = x[..., c] + sum of source[..., j] over j with indices[..., j] = c, in the order of j.
 *
 * @throws {RangeError} if the shapes do not fit, or an index is not under the length of the dim.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { scatterAdd } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [0, 0, 100], { shape: [1, 3] });
 * using indices = Tensor.from(device, [2, 0, 2], { shape: [1, 3], dtype: "u32" });
 * using source = Tensor.from(device, [1, 2, 3], { shape: [1, 3] });
 * using y = scatterAdd(x, indices, source);
 * console.log(await y.data()); // 2, 0, 104
 * ```
 *
 * @category Ops
 */
export function scatterAdd(
  x: FloatTensor,
  indices: Tensor<"u32">,
  source: FloatTensor,
  options: GatherOptions = {},
): Tensor {
  checkFloats("scatterAdd", { x, source });
  checkOptions("scatterAdd()", options, ["dim"]);
  checkU32("scatterAdd", "indices", indices);
  checkSameDevice("scatterAdd", x, indices, source);
  const at = dimOf("scatterAdd", x, options.dim ?? -1);
  checkAlong("scatterAdd", x, indices, at);
  if (!sameShape(source.shape, indices.shape)) {
    throw new RangeError(
      `scatterAdd() wants a source of the shape of the indices, ${
        formatShape(indices.shape)
      }, got ${formatShape(source.shape)}`,
    );
  }
  if (at !== x.shape.length - 1) {
    const [values, { shape }] = transposedIndices(
      indicesOf("scatterAdd", indices),
      indices.shape,
      at,
    );
    const sums = scattered(transpose(source, at, -1), constantIndices(x.device, values, shape), {
      cols: x.shape[at]!,
    });
    return add(x, transpose(sums, at, -1));
  }
  return add(x, scattered(source, indices, { cols: x.shape[at]! }));
}

/** y[..., c] = sum of source[..., j] over j with indices[..., j] = c, for c < cols */
function scattered(
  source: FloatTensor,
  indices: Tensor<"u32">,
  { cols }: { readonly cols: number },
): Tensor {
  const { device } = source;
  const y = Tensor.empty(device, source.shape.with(-1, cols));
  const sizes = { rows: rowsAndCols(source.shape).rows, cols, count: source.shape.at(-1)! };
  inF32([source], (source) => {
    const operands = { indices: indices.buffer, dy: source.buffer, dx: y.buffer };
    device.run("gather_columns_backward", operands, sizes);
  });
  return y.computedBy({
    op: "scatterAdd",
    inputs: [source, indices],
    gradient(dy) {
      const dSource = Tensor.empty(device, source.shape);
      const operands = { x: dy.buffer, indices: indices.buffer, out: dSource.buffer };
      device.run("gather_columns", operands, sizes);
      return [dSource];
    },
  });
}

/** Indices of `shape` with dim `at` in the place of the last, and their shape. */
export function transposedIndices(
  values: Uint32Array,
  shape: readonly number[],
  at: number,
): [Uint32Array, { readonly shape: readonly number[] }] {
  const last = shape.length - 1;
  const order = [...shape.keys()].with(at, last).with(last, at);
  const strides = shape.map((_, dim) => elementCount(shape.slice(dim + 1)));
  const turned = order.map((dim) => shape[dim]!);
  const out = Uint32Array.from(values, (_, place) => {
    let rest = place;
    let from = 0;
    for (let dim = last; dim >= 0; dim--) {
      from += rest % turned[dim]! * strides[order[dim]!]!;
      rest = Math.floor(rest / turned[dim]!);
    }
    return values[from]!;
  });
  return [out, { shape: turned }];
}

/** @throws {RangeError} if `x` and `indices` differ in another dim than `at`, or an index is not under its length. */
function checkAlong(op: string, x: FloatTensor, indices: Tensor<"u32">, at: number): void {
  const rest = (shape: readonly number[]) => shape.toSpliced(at, 1);
  const isSame = indices.shape.length === x.shape.length &&
    sameShape(rest(indices.shape), rest(x.shape));
  if (!isSame) {
    throw new RangeError(
      `${op}() wants x and indices that are equal in all dims but ${at}, got ${
        formatShape(x.shape)
      } and ${formatShape(indices.shape)}`,
    );
  }
  checkIndices(op, indices, x.shape[at]!);
}

/** As {@linkcode gather}, with indices that the host computed: [...shape]. */
export function gatherAt(
  x: FloatTensor,
  indices: Uint32Array,
  { shape }: { readonly shape: readonly number[] },
): Tensor {
  const onDevice = Tensor.from(x.device, indices, { shape });
  return elementsAt(x, onDevice, { saved: [onDevice] });
}

function elementsAt(
  x: FloatTensor,
  indices: Tensor<"u32">,
  { saved }: { readonly saved: readonly Tensor<"u32">[] },
): Tensor {
  checkSameDevice("gather", x, indices);
  if (x.shape.length === 0 || !sameShape(indices.shape.slice(0, -1), x.shape.slice(0, -1))) {
    throw new RangeError(
      `gather() wants x of [..., C] and indices of [..., n], got ${formatShape(x.shape)} and ${
        formatShape(indices.shape)
      }`,
    );
  }
  const { device } = x;
  const { rows, cols } = rowsAndCols(x.shape);
  checkIndices("gather", indices, cols);
  const sizes = { rows, cols, count: indices.shape.at(-1)! };
  const y = Tensor.empty(device, indices.shape);
  inF32([x], (x) => {
    const operands = { x: x.buffer, indices: indices.buffer, out: y.buffer };
    device.run("gather_columns", operands, sizes);
  });
  return y.computedBy({
    op: "gather",
    inputs: [x, indices],
    saved,
    gradient(dy) {
      const dx = Tensor.empty(device, x.shape);
      const operands = { indices: indices.buffer, dy: dy.buffer, dx: dx.buffer };
      device.run("gather_columns_backward", operands, sizes);
      return [dx];
    },
  });
}
