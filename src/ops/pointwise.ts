// y = f(operands), element by element, for the formulas of src/device/kernels/pointwise.ts. Operands of several are broadcast as in
// NumPy: dims are counted from the last, and one of length 1, or one that is missing, fits every length. The gradient of an operand
// is summed over the dims along which it was broadcast.

import type { Device, DeviceBuffer } from "../device/device.ts";
import { ALL_DIMS, dimNames, DIMS } from "../device/kernels/pointwise_kernel.ts";
import { type KernelName, kernels } from "../device/kernels/registry.ts";
import { elementCount, formatShape, sameShape } from "../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { checkFloats, checkSameDevice, inF32 } from "./operands.ts";
import { sumTo } from "./dim_sums.ts";

/** Kernels that have a gradient by the name of `_backward`. */
type UnaryName = {
  [K in KernelName]: `${K}_backward` extends KernelName ? "x" extends OperandName<K> ? K : never
    : never;
}[KernelName];

type OperandName<K extends KernelName> = keyof (typeof kernels)[K]["operands"] & string;

/** Numbers of a formula, by name. */
type Numbers = Readonly<Record<string, number>>;

/** An operand that is broadcast: a tensor, or one number for all elements. */
export type Operand = FloatTensor | number;

/** f(x) for a kernel that has one of the name `<kernel>_backward`. `op` is the function that users call. */
export function unary(
  op: string,
  kernel: UnaryName,
  x: FloatTensor,
  numbers: Numbers = {},
): Tensor {
  checkFloats(op, { x });
  return runFlat(kernel, { x }, numbers).computedBy({
    op,
    inputs: [x],
    gradient: (dy) => [runFlat(`${kernel}_backward`, { x, dy }, numbers)],
  });
}

/** Runs a flat kernel; records no gradient. */
export function runFlat(
  kernel: KernelName,
  operands: Readonly<Record<string, FloatTensor>>,
  numbers: Numbers = {},
): Tensor {
  const { names, written } = namesOf(kernel);
  const tensors = names.map((name) => operands[name]!);
  const y = Tensor.empty(tensors[0]!.device, tensors[0]!.shape);
  inF32(tensors, (...f32) => {
    const bindings: Record<string, DeviceBuffer> = { [written]: y.buffer };
    names.forEach((name, i) => bindings[name] = f32[i]!.buffer);
    run(y.device, kernel, { bindings, params: { length: y.length, ...numbers } });
  });
  return y;
}

/**
 * How the gradient of an operand follows from dy: dy itself, a function of it, a kernel that may read the operands (the result is then
 * summed over the dims along which the operand was broadcast); or it is 0 everywhere.
 */
type OperandGradient =
  | "dy"
  | KernelName
  | ((dy: Tensor, operands: Readonly<Record<string, FloatTensor>>) => Tensor)
  | undefined;

/**
 * f(operands), broadcast, by a spread kernel. Gradients are listed in the order of the operands; where all are left out the result has
 * none, whatever it was computed from.
 *
 * @throws {RangeError} if the shapes do not fit.
 * @throws {TypeError} if an operand is no tensor of numbers, or all are plain numbers.
 */
export function broadcast(
  op: string,
  kernel: KernelName,
  operands: Readonly<Record<string, Operand>>,
  { gradients, numbers = {} }: {
    readonly gradients?: readonly OperandGradient[];
    readonly numbers?: Numbers;
  },
): Tensor {
  const tensors = inTensors(op, operands);
  const inputs = Object.values(tensors);
  checkSameDevice(op, inputs[0]!, ...inputs.slice(1));
  const shape = broadcastShape(op, inputs.map((input) => input.shape));
  const y = runSpread(kernel, tensors, { shape, numbers });
  if (gradients === undefined) {
    return y.computedBy({ op, inputs, gradient: () => [], isConstant: true });
  }
  return y.computedBy({
    op,
    inputs,
    gradient: (dy, wanted) =>
      gradients.map((gradient, i) => {
        const input = inputs[i]!;
        if (!wanted[i]) return undefined;
        if (gradient === undefined) return input.filledLike(0);
        const whole = gradient === "dy"
          ? dy
          : typeof gradient === "function"
          ? gradient(dy, tensors)
          : runSpread(gradient, { ...tensors, dy }, { shape, numbers });
        const reduced = sumTo(whole, input.shape);
        if (whole !== dy && reduced !== whole) whole.release();
        return reduced;
      }),
  });
}

/** Runs a spread kernel on those of `operands` that it reads, broadcast to `shape`; records no gradient. */
export function runSpread(
  kernel: KernelName,
  operands: Readonly<Record<string, FloatTensor>>,
  { shape, numbers }: { readonly shape: readonly number[]; readonly numbers?: Numbers },
): Tensor {
  const { names, spread, written } = namesOf(kernel);
  const tensors = names.map((name) => operands[name]!);
  const params = dimsAndMasks(kernel, shape, spread.map((name) => operands[name]!.shape));
  const y = Tensor.empty(Object.values(operands)[0]!.device, shape);
  inF32(tensors, (...f32) => {
    const bindings: Record<string, DeviceBuffer> = { [written]: y.buffer };
    names.forEach((name, i) => bindings[name] = f32[i]!.buffer);
    run(y.device, kernel, { bindings, params: numbers ? { ...params, ...numbers } : params });
  });
  return y;
}

/** Names of a kernel's operands: those that it reads, those of them that it broadcasts, and the one that it writes. */
interface Names {
  readonly names: readonly string[];
  readonly spread: readonly string[];
  readonly written: string;
}

/** A kernel's names, found once. */
function namesOf(kernel: KernelName): Names {
  const known = namesByKernel.get(kernel);
  if (known !== undefined) return known;
  const { operands, params } = kernels[kernel];
  const written = "dx" in operands ? "dx" : "out";
  const names = Object.keys(operands).filter((name) => name !== written);
  const found = { names, spread: names.filter((name) => `${name}Dims` in params), written };
  namesByKernel.set(kernel, found);
  return found;
}

const namesByKernel = new Map<KernelName, Names>();

/**
 * The shape that operands of these shapes are broadcast to.
 *
 * @throws {RangeError} if a dim has two lengths other than 1.
 */
export function broadcastShape(op: string, shapes: readonly (readonly number[])[]): number[] {
  const [first, ...others] = shapes;
  if (others.every((shape) => sameShape(shape, first!))) return [...first!];
  const count = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: count }, (_, dim) => {
    const lengths = shapes.map((shape) => shape[shape.length - count + dim] ?? 1);
    const length = lengths.find((each) => each !== 1) ?? 1;
    if (lengths.some((each) => each !== 1 && each !== length)) {
      throw new RangeError(
        `${op}() wants shapes that can be broadcast (counted from the last dim, lengths are equal or 1), got ` +
          `${shapes.map(formatShape).join(" and ")}: reshape() one, or expand() it`,
      );
    }
    return length;
  });
}

/** Parameters of a spread kernel: dims that all operands have or lack together are taken as one. */
function dimsAndMasks(
  kernel: KernelName,
  shape: readonly number[],
  operands: readonly (readonly number[])[],
): Record<string, number> {
  const { spread } = namesOf(kernel);
  const params: Record<string, number> = { dim0: 1, dim1: 1, dim2: 1, dim3: 1, dim4: 1, dim5: 1 };
  if (operands.every((each) => sameShape(each, shape))) {
    params.dim5 = elementCount(shape);
    for (const name of spread) params[`${name}Dims`] = ALL_DIMS;
    return params;
  }
  const { dims, having } = commonDims(shape, operands);
  if (dims.length > DIMS) {
    throw new RangeError(
      `${kernel}: cannot broadcast over ${dims.length} dims that operands have in turn, at most ${DIMS}, for ` +
        `${operands.map(formatShape).join(" and ")}: expand() one first`,
    );
  }
  const missing = DIMS - dims.length;
  dims.forEach((length, d) => params[dimNames[missing + d]!] = length);
  spread.forEach((name, k) => {
    // Dims of length 1 are as well had as not: an operand that has all the others is a plain array.
    params[`${name}Dims`] = having.every((has) => has[k])
      ? ALL_DIMS
      : having.reduce((mask, has, d) => has[k] ? mask | 1 << (missing + d) : mask, 0);
  });
  return params;
}

/** The dims of `shape` but those of length 1, neighbours that the same operands have taken as one; and which operands have each. */
function commonDims(
  shape: readonly number[],
  operands: readonly (readonly number[])[],
): { readonly dims: readonly number[]; readonly having: readonly (readonly boolean[])[] } {
  const dims: number[] = [];
  const having: boolean[][] = [];
  shape.forEach((length, dim) => {
    if (length === 1) return;
    const has = operands.map((each) => (each[each.length - shape.length + dim] ?? 1) === length);
    if (having.length > 0 && has.every((each, k) => each === having.at(-1)![k])) {
      dims.push(dims.pop()! * length);
    } else {
      dims.push(length);
      having.push(has);
    }
  });
  return { dims, having };
}

/** Tensors in place of plain numbers. */
function inTensors(
  op: string,
  operands: Readonly<Record<string, Operand>>,
): Record<string, FloatTensor> {
  const given: Record<string, FloatTensor> = {};
  let hasNumber = false;
  for (const [name, operand] of Object.entries(operands)) {
    if (typeof operand === "number") hasNumber = true;
    else given[name] = operand;
  }
  checkFloats(op, given);
  if (!hasNumber) return given;
  const [first] = Object.values(given);
  if (first === undefined) {
    throw new TypeError(
      `${op}() wants at least one tensor, got numbers alone: compute with them as they are`,
    );
  }
  const { device } = first;
  return Object.fromEntries(
    Object.entries(operands).map(([name, operand]) => [
      name,
      typeof operand === "number" ? numberOn(device, operand) : operand,
    ]),
  );
}

/** One number as a tensor of shape [], released with what is computed from it. */
function numberOn(device: Device, value: number): Tensor {
  const y = Tensor.empty(device, []);
  device.run("fill", { out: y.buffer }, { offset: 0, length: 1, value });
  return y.computedBy({ op: "number", inputs: [], gradient: () => [] });
}

/** The entry has checked at run time what the types of a kernel known by a variable cannot. */
function run(
  device: Device,
  kernel: KernelName,
  { bindings, params }: {
    readonly bindings: Readonly<Record<string, DeviceBuffer>>;
    readonly params: Numbers;
  },
): void {
  (device.run as (kernel: KernelName, bindings: unknown, params: unknown) => void).call(
    device,
    kernel,
    bindings,
    params,
  );
}
