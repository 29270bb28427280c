// Factoring: the dims of a parameter that share a statistic. Every dim is part of the rows, part of the columns, or counts matrices.
//
//   R[batch, row] = mean over cols of g^2,  C[batch, col] = mean over rows of g^2          (Shazeer & Stern 2018, alg. 4)
//
//   "lastTwo"             batch ... batch row col                 paper, transformers.Adafactor, torch
//   { largestTwo: min }   the two largest dims, none if the second largest is below min     optax (128), big_vision (32)
//   a role per dim        as T5X's factor rules; several dims may be rows together, or columns: [embed, heads, kv] as
//                         row col col factors the matrix [embed, heads kv]
//   "none"                all dims are columns of a single row: the full second moment
//
// Rows and columns are interchangeable (v = R C / mean R is symmetric as mean R = mean C): the first of them is called rows.
// Kernels expect memory as batch x rows x columns. Where the batch dims are not the first, as in a convolution's
// [out, in, height, width], the block is copied into that order and back (optim/plan/block_order.ts); other orders are refused.

/**
 * The part of a dim in the factored second moment.
 *
 * @category Optimizers
 */
export type DimRole = "batch" | "row" | "col";

/**
 * How a parameter's second moment is factored; vectors and scalars never are.
 *
 * @category Optimizers
 */
export type Factoring = "lastTwo" | "none" | { readonly largestTwo: number } | readonly DimRole[];

/**
 * The order of batch, rows and columns in memory.
 *
 * @category Optimizers
 */
export type MemoryOrder = "batch row col" | "row batch col" | "row col batch";

/** A parameter's dims in memory. */
export interface DimRoles {
  readonly roles: readonly DimRole[];
  readonly order: MemoryOrder;
}

/**
 * The role of each dim of `shape`, and the order that they make. Unfactored, as is what has no elements: columns only.
 *
 * @throws {TypeError} if the roles do not fit the shape or its order in memory
 */
export function rolesOf(shape: readonly number[], factoring: Factoring): DimRoles {
  const unfactored: DimRoles = { roles: shape.map(() => "col"), order: "batch row col" };
  if (shape.length < 2 || factoring === "none" || shape.includes(0)) return unfactored;
  if (factoring === "lastTwo") return factoredDims(shape, [shape.length - 2, shape.length - 1]);
  if ("largestTwo" in factoring) {
    // Ties keep their order, as in optax.
    const bySize = shape.map((_, dim) => dim).sort((a, b) => shape[a] - shape[b]);
    const [second, largest] = bySize.slice(-2);
    if (shape[second] < factoring.largestTwo) return unfactored;
    return factoredDims(shape, [second, largest]);
  }
  if (factoring.length !== shape.length) {
    throw new TypeError(
      `Cannot factor [${shape}] by [${factoring}]: give one role for each of its ${shape.length} dims`,
    );
  }
  if (
    factoring.every((role) => role === "row" || role === "col") && new Set(factoring).size === 1
  ) {
    return unfactored;
  }
  return ordered(shape, factoring);
}

function factoredDims(shape: readonly number[], dims: readonly number[]): DimRoles {
  const first = Math.min(...dims);
  return ordered(
    shape,
    shape.map((_, dim) => !dims.includes(dim) ? "batch" : dim === first ? "row" : "col"),
  );
}

/** Names the first of rows and columns rows, and finds the order. */
function ordered(shape: readonly number[], roles: readonly DimRole[]): DimRoles {
  if (!roles.includes("row") || !roles.includes("col")) {
    throw new TypeError(
      `Cannot factor [${shape}] by [${roles}]: give at least one row and one column, or "none"`,
    );
  }
  // Dims of length 1 fit into any order.
  const long = roles.filter((_, dim) => shape[dim] !== 1);
  const runs = long.filter((role, k) => role !== long[k - 1]);
  const matrix = runs.filter((role) => role !== "batch");
  if (matrix.length > 2 || runs.length - matrix.length > 1) {
    throw new TypeError(
      `Cannot factor [${shape}] by [${roles}]: rows, columns and batch must each be adjacent in memory: ` +
        "store the parameter so, or choose another factoring",
    );
  }
  const isSwapped = matrix.length === 2 && matrix[0] === "col";
  const swapped: DimRole[] = roles.map((role) =>
    role === "batch" || !isSwapped ? role : role === "row" ? "col" : "row"
  );
  return { roles: swapped, order: orderOf(runs) };
}

function orderOf(runs: readonly DimRole[]): MemoryOrder {
  const before = runs.slice(0, Math.max(runs.indexOf("batch"), 0));
  if (before.length === 0) return "batch row col";
  // Of a matrix with a single row the columns alone are left.
  const isLast = before.length === 2 || (runs.length === 2 && before[0] === "col");
  return isLast ? "row col batch" : "row batch col";
}
