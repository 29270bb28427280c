// Which dims of a parameter share a statistic: every dim is part of the rows, part of the columns, or counts matrices.
//
//   R[batch, row] = mean over cols of g^2,  C[batch, col] = mean over rows of g^2          (Shazeer & Stern 2018, alg. 4)
//
//   "lastTwo"             batch ... batch row col                 paper, transformers.Adafactor, torch
//   { largestTwo: min }   the two largest dims, none if the second largest is below min     optax (128), big_vision (32)
//   a role per dim        as T5X's factor rules; several dims may be rows together, or columns: [embed, heads, kv] as
//                         row col col factors the matrix [embed, heads kv]
//   "none"                all dims are columns of a single row: the full second moment
//
// A block of memory must be batch x rows x columns in this order. Rows and columns are alike (v = R C / mean R is
// symmetric as mean R = mean C), so that col row is row col by another name; other orders are refused.

/** What a dim of a parameter is to the factored second moment. */
export type DimRole = "batch" | "row" | "col";

/** How a parameter's second moment is factored; vectors and scalars never are. */
export type Factoring = "lastTwo" | "none" | { readonly largestTwo: number } | readonly DimRole[];

/**
 * The role of each dim of `shape`: first the batch, then the rows, then the columns. Unfactored: columns only.
 *
 * @throws {TypeError} if the roles do not fit the shape or its order in memory
 */
export function rolesOf(shape: readonly number[], factoring: Factoring): readonly DimRole[] {
  const unfactored = shape.map((): DimRole => "col");
  if (shape.length < 2 || factoring === "none") return unfactored;
  if (factoring === "lastTwo") return factoredDims(shape, [shape.length - 2, shape.length - 1]);
  if ("largestTwo" in factoring) {
    // Ties keep their order, as in optax.
    const bySize = shape.map((_, dim) => dim).sort((a, b) => shape[a] - shape[b]);
    const [second, largest] = bySize.slice(-2);
    return shape[second] < factoring.largestTwo
      ? unfactored
      : factoredDims(shape, [second, largest]);
  }
  if (factoring.length !== shape.length) {
    throw new TypeError(
      `Cannot factor [${shape}] by [${factoring}]: give one role for each of its ${shape.length} dims`,
    );
  }
  return inOrder(shape, factoring);
}

function factoredDims(shape: readonly number[], dims: readonly number[]): readonly DimRole[] {
  const first = Math.min(...dims);
  return inOrder(
    shape,
    shape.map((_, dim) => !dims.includes(dim) ? "batch" : dim === first ? "row" : "col"),
  );
}

/** `roles` with the first of rows and columns called rows; refuses what is not batch, rows, columns in memory. */
function inOrder(shape: readonly number[], roles: readonly DimRole[]): readonly DimRole[] {
  const matrix = roles.filter((role) => role !== "batch");
  if (!matrix.includes("row") || !matrix.includes("col")) {
    if (matrix.length === roles.length) return roles.map(() => "col");
    throw new TypeError(
      `Cannot factor [${shape}] by [${roles}]: give at least one row and one column, or "none"`,
    );
  }
  // Dims of length 1 lie wherever they are wanted.
  const long = roles.filter((_, dim) => shape[dim] !== 1);
  const runs = long.filter((role, k) => role !== long[k - 1]);
  const wanted = runs.filter((role) => role !== "batch");
  const ordered = runs.lastIndexOf("batch") <= 0 && wanted.length <= 2;
  if (!ordered) {
    throw new TypeError(
      `Cannot factor [${shape}] by [${roles}] as its memory is not batch x rows x columns in this order: ` +
        "store the parameter with its batch dims first, or choose another factoring",
    );
  }
  const swapped = wanted.length === 2 && wanted[0] === "col";
  return roles.map((role) => role === "batch" || !swapped ? role : role === "row" ? "col" : "row");
}
