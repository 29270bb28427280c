// Dropout whose random numbers follow from an element's index alone, so that every device and mesh drops the same elements.

import { type Kernel, reads, writes } from "./kernel.ts";
import { elementwise } from "./shaders.ts";

/**
 * out[i] = scale x[i] where mix(mix(index ^ seedLow) ^ seedHigh) >= threshold, else 0; mix is lowbias32, and
 * index = first + floor(i / cols) rowLength + i % cols: rows of cols elements, cut out of rows of rowLength; cols from 1
 */
export const dropout: Kernel<
  "x" | "out",
  "length" | "cols" | "rowLength" | "seedLow" | "seedHigh" | "first" | "threshold" | "scale"
> = {
  operands: {
    x: reads("f32", ({ length }) => length),
    out: writes("f32", ({ length }) => length),
  },
  params: {
    length: "u32",
    cols: "u32",
    rowLength: "u32",
    seedLow: "u32",
    seedHigh: "u32",
    first: "u32",
    threshold: "u32",
    scale: "f32",
  },
  shader: elementwise("dropout", ({ length }) => length),
};
