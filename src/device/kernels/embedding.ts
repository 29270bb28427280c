// Rows of a table by index, and the table's gradient; rows added at indices.

import { storedWords } from "../storage_types.ts";
import { type Kernel, reads, writes } from "./kernel.ts";
import { elementwise } from "./shaders.ts";

/**
 * out[t, d] = table[indices[t], d]; indices are u32 < numRows (checked on the host), or 0xffffffff for a row of zeros that
 * gets no gradient; table is stored as tableType. `out` is f32, which WGSL writes as bits.
 */
export const embedding: Kernel<
  "table" | "indices" | "out",
  "count" | "width" | "numRows" | "tableType"
> = {
  operands: {
    table: reads("u32", ({ tableType, numRows, width }) => storedWords(tableType, numRows * width)),
    indices: reads("u32", ({ count }) => count),
    out: writes("u32", ({ count, width }) => count * width),
  },
  params: { count: "u32", width: "u32", numRows: "u32", tableType: "storageType" },
  shader: elementwise("embedding", ({ count, width }) => count * width),
};

/** dtable[v, d] += sum of dy[t, d] over t with indices[t] = v, in the order of t on every device */
export const embedding_backward: Kernel<
  "indices" | "dy" | "dtable",
  "count" | "width" | "numRows"
> = {
  operands: {
    indices: reads("u32", ({ count }) => count),
    dy: reads("f32", ({ count, width }) => count * width),
    dtable: writes("f32", ({ numRows, width }) => numRows * width),
  },
  params: { count: "u32", width: "u32", numRows: "u32" },
  shader: {
    stages: [{
      source: "embedding_backward",
      entryPoint: "main",
      workgroups: ({ count, numRows, width }) => count === 0 ? 0 : numRows * Math.ceil(width / 256),
    }],
  },
};

/**
 * out[v, d] += sum of x[sources[i], d] over starts[v] <= i < starts[v + 1], in this order: the rows of x [count, D] that are added to
 * row v of out [V, D], row by row. `starts` ends with count; sources are under count (both checked on the host).
 */
export const index_add: Kernel<
  "starts" | "sources" | "x" | "out",
  "count" | "width" | "numRows"
> = {
  operands: {
    starts: reads("u32", ({ numRows }) => numRows + 1),
    sources: reads("u32", ({ count }) => count),
    x: reads("f32", ({ count, width }) => count * width),
    out: writes("f32", ({ numRows, width }) => numRows * width),
  },
  params: { count: "u32", width: "u32", numRows: "u32" },
  shader: elementwise("index_add", ({ numRows, width }) => numRows * width),
};
