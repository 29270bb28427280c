// Initial values of this rank's part of a parameter: the element at global position i (row-major in the whole parameter) is number i
// of the stream, so all meshes have the same whole parameter.

import type { Layout } from "../distributed/layout.ts";
import type { RandomStream } from "./philox.ts";

/** Uniformly distributed over [-bound, bound). */
export function uniformValues(layout: Layout, stream: RandomStream, bound: number): Float32Array {
  return localValues(layout, (position) => (2 * stream.uniform(position) - 1) * bound);
}

/** Normally distributed with mean 0 and standard deviation 1. */
export function normalValues(layout: Layout, stream: RandomStream): Float32Array {
  return localValues(layout, (position) => stream.normal(position));
}

/** This rank's elements of the whole, each computed from its global position. */
function localValues(layout: Layout, valueAt: (position: number) => number): Float32Array {
  const { globalShape, localShape } = layout;
  const begins = globalShape.map((_, dim) => layout.range(dim).begin);
  const values = new Float32Array(localShape.reduce((count, length) => count * length, 1));
  let written = 0;
  const visit = (dim: number, prefix: number): void => {
    if (dim === globalShape.length) {
      values[written++] = valueAt(prefix);
      return;
    }
    for (let i = 0; i < localShape[dim]; i++) {
      visit(dim + 1, prefix * globalShape[dim] + begins[dim] + i);
    }
  };
  visit(0, 0);
  return values;
}
