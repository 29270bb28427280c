// A parameter that is split over ranks as a whole, in the order of the file:
//
//   gathering   every rank copies its block, without padding, into zeros of the whole, and these are summed as integers: the bits of
//               every element
//   writing     every rank copies its block from the whole

import type { ProcessGroup } from "../distributed/group.ts";
import { bytesPerElement } from "../tensor/dtype.ts";
import type { Parameter } from "../tensor/parameter.ts";
import { elementCount } from "../tensor/shape.ts";

/** The elements of the whole parameter as they are stored in files. All ranks that share it must call it; each gets all. */
export async function wholeBytes(parameter: Parameter): Promise<Uint8Array> {
  const { layout, dtype, name } = parameter;
  const local = await parameter.bytes();
  if (layout.splits.length === 0) return local;
  const size = bytesPerElement(dtype);
  const length = size * elementCount(layout.globalShape);
  const whole = new Uint32Array(Math.ceil(length / 4));
  const bytes = new Uint8Array(whole.buffer, 0, length);
  forEachRun(parameter, ({ inLocal, inWhole, numElements }) => {
    const run = local.subarray(size * inLocal, size * (inLocal + numElements));
    bytes.set(run, size * inWhole);
  });
  for (const group of new Set<ProcessGroup>(layout.splits.map(({ group }) => group))) {
    await group.allReduce(whole, { dtype: "u32", label: `whole ${name}` });
  }
  return bytes;
}

/** Overwrites this rank's part of a parameter from the whole, as {@linkcode wholeBytes} gives it. */
export function writeWhole(parameter: Parameter, whole: Uint8Array): void {
  if (parameter.layout.splits.length === 0) return parameter.writeBytes(whole);
  const size = bytesPerElement(parameter.dtype);
  const local = new Uint8Array(size * parameter.length);
  forEachRun(parameter, ({ inLocal, inWhole, numElements }) => {
    const run = whole.subarray(size * inWhole, size * (inWhole + numElements));
    local.set(run, size * inLocal);
  });
  parameter.writeBytes(local);
}

interface ElementRun {
  readonly inLocal: number;
  readonly inWhole: number;
  readonly numElements: number;
}

/** Calls `copy` for each run along the last dim that this rank has of the whole. */
function forEachRun({ layout }: Parameter, copy: (run: ElementRun) => void): void {
  const { globalShape, localShape } = layout;
  const last = globalShape.length - 1;
  const walk = (dim: number, inLocal: number, inWhole: number): void => {
    const { begin, end } = layout.range(dim);
    const [local, whole] = [inLocal * localShape[dim], inWhole * globalShape[dim]];
    if (dim === last) {
      copy({ inLocal: local, inWhole: whole + begin, numElements: end - begin });
      return;
    }
    for (let i = begin; i < end; i++) walk(dim + 1, local + i - begin, whole + i);
  };
  walk(0, 0, 0);
}
