// Kernels along the rows of a matrix, by sorting whole rows.

import type { Reference } from "./reference.ts";

export const rowExtremes: Reference<"row_extremes"> = (
  { x, values, indices },
  { rows, cols, smallest },
) => {
  for (let r = 0; r < rows; r++) {
    const row = x.subarray(r * cols, (r + 1) * cols);
    const [first] = columnsInOrder(row, smallest === 0);
    // NaN is the smallest, too.
    const at = row.findIndex(Number.isNaN);
    indices[r] = at === -1 ? first! : at;
    values[r] = row[indices[r]!]!;
  }
};

export const runningSums: Reference<"running_sums"> = ({ x, out }, { rows, cols, backwards }) => {
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < cols; c++) {
      const part = backwards === 1
        ? x.subarray(r * cols + c, (r + 1) * cols)
        : x.subarray(r * cols, r * cols + c + 1);
      out[r * cols + c] = part.reduce((sum, value) => sum + value, 0);
    }
  }
};

export const mergeRuns: Reference<"merge_runs"> = (
  { x, sorted, out },
  { rows, cols, run, descending },
) => {
  for (let r = 0; r < rows; r++) {
    for (let begin = 0; begin < cols; begin += 2 * run) {
      const end = Math.min(begin + 2 * run, cols);
      // What was in order stays so: sorting anew those of both runs gives what merging them does.
      const columns = Array.from(
        { length: end - begin },
        (_, i) => run === 1 ? begin + i : sorted[r * cols + begin + i]!,
      );
      const values = Float64Array.from(columns, (column) => x[r * cols + column]!);
      columnsInOrder(values, descending === 1).forEach((at, i) => {
        out[r * cols + begin + i] = columns[at]!;
      });
    }
  }
};

/** The places of a row's elements in order, equal ones in their own; NaN is the largest. */
function columnsInOrder(row: Float64Array, descending: boolean): number[] {
  const compare = (a: number, b: number) =>
    Number.isNaN(a) || Number.isNaN(b)
      ? Number(Number.isNaN(a)) - Number(Number.isNaN(b))
      : a < b
      ? -1
      : Number(a > b);
  const sign = descending ? -1 : 1;
  return [...row.keys()].sort((a, b) => sign * compare(row[a]!, row[b]!) || a - b);
}
