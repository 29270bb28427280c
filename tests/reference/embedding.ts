// out[t, :] = table[indices[t], :] and its gradient dtable[indices[t], :] += dy[t, :].

import type { Reference } from "./reference.ts";

export const embedding: Reference<"embedding"> = ({ table, indices, out }, { count, width }) => {
  for (let t = 0; t < count; t++) {
    for (let d = 0; d < width; d++) out[t * width + d] = table[indices[t]! * width + d]!;
  }
};

export const embeddingBackward: Reference<"embedding_backward"> = (
  { indices, dy, dtable },
  { count, width },
) => {
  for (let t = 0; t < count; t++) {
    for (let d = 0; d < width; d++) dtable[indices[t]! * width + d]! += dy[t * width + d]!;
  }
};
