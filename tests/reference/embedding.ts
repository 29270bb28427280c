// out[t, :] = table[indices[t], :] and its gradient dtable[indices[t], :] += dy[t, :]; index 0xffffffff has no row.
// Rows added at indices: out[v, :] += x[sources[i], :] for starts[v] <= i < starts[v + 1].

import type { Reference } from "./reference.ts";

export const embedding: Reference<"embedding"> = ({ table, indices, out }, { count, width }) => {
  for (let t = 0; t < count; t++) {
    for (let d = 0; d < width; d++) {
      out[t * width + d] = indices[t] === NO_ROW ? 0 : table[indices[t]! * width + d]!;
    }
  }
};

export const embeddingBackward: Reference<"embedding_backward"> = (
  { indices, dy, dtable },
  { count, width },
) => {
  for (let t = 0; t < count; t++) {
    if (indices[t] === NO_ROW) continue;
    for (let d = 0; d < width; d++) dtable[indices[t]! * width + d]! += dy[t * width + d]!;
  }
};

export const indexAdd: Reference<"index_add"> = (
  { starts, sources, x, out },
  { width, numRows },
) => {
  for (let v = 0; v < numRows; v++) {
    for (let i = starts[v]!; i < starts[v + 1]!; i++) {
      for (let d = 0; d < width; d++) out[v * width + d]! += x[sources[i]! * width + d]!;
    }
  }
};

const NO_ROW = 0xffffffff;
