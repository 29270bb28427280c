// A parameter as Adafactor sees it: a batch of matrices, of which this rank owns a block.
//
//   R[b, i] = mean_j g[b, i, j]^2,  C[b, j] = mean_i g[b, i, j]^2,  v[b, i, j] ~ R[b, i] C[b, j] / mean_i R[b, i]
//                                                                            (Shazeer & Stern 2018, alg. 4)
// shape          view [batch, rows, cols], each the product of the dims with that role (optim/factoring/dim_roles.ts)
// [h, w]         [1, h, w]
// [..., h, w]    [product of the leading dims, h, w]
// [n], []        [1, 1, n], [1, 1, 1]: one row makes R / mean R = 1 and C the full second moment, as the paper has it
//                for vectors, so that vectors, and matrices that are not to be factored, need no code of their own
//
// Every rank sums over what it owns. Sums add up over the ranks that own the other parts and are then divided by the
// whole parameter's counts, so that uneven shards are exact:
//   row sums                    add up over the groups that cut columns
//   column sums                 over the groups that cut rows
//   the whole matrix's sum      over both (it yields mean R = mean C, so that no rank needs another's rows)
//   sum p^2, sum u^2            over every group that cuts the parameter at all
//
// A block has no pads. In memory, pads of the first dim follow it; pads of another dim separate its runs, which are copied
// together (optim/plan/block_order.ts).

import type { Layout, Range, ShardingGroup } from "../../distributed/layout.ts";
import { type DimRole, type Factoring, type MemoryOrder, rolesOf } from "./dim_roles.ts";

/**
 * One dim of a parameter in this rank's block.
 *
 * @category Optimizers
 */
export interface DimView<Group> {
  /** Whether it is part of the rows, part of the columns, or counts matrices. */
  readonly role: DimRole;
  /** Length of the whole dim. */
  readonly length: number;
  /** The same with the pads that are stored. */
  readonly storedLength: number;
  /** The indices that this rank owns. */
  readonly range: Range;
  /** The first group cuts at multiples of it. */
  readonly unit: number;
  /** Groups that cut the dim. */
  readonly groups: readonly Group[];
}

/**
 * A block with pads in memory: `count` runs of `length` elements, `stride` apart.
 *
 * @category Optimizers
 */
export interface PaddedRuns {
  /** How many. */
  readonly count: number;
  /** Elements of each. */
  readonly length: number;
  /** Elements from the start of one to the start of the next. */
  readonly stride: number;
}

/**
 * This rank's block of one parameter, and over which groups its sums add up.
 *
 * @category Optimizers
 */
export interface FactoredView<Group> {
  /** Matrices in this rank's block. */
  readonly batch: number;
  /** Rows of each of its matrices. */
  readonly rows: number;
  /** Columns of each of its matrices. */
  readonly cols: number;
  /** Rows of the whole matrix. */
  readonly globalRows: number;
  /** Columns of the whole matrix. */
  readonly globalCols: number;
  /** Elements of the whole parameter. */
  readonly globalCount: number;
  /** Whether row and column averages stand for the second moment; otherwise it is kept in full. */
  readonly factored: boolean;
  /** The order of its dims in memory. */
  readonly order: MemoryOrder;
  /** Its runs of elements in memory order, if there are pads between them. */
  readonly paddedRuns: PaddedRuns | undefined;
  /** The parameter's dims, first the batch, then rows, then columns; a scalar has one of length 1. */
  readonly dims: readonly DimView<Group>[];
  /** Groups that cut columns: row sums add up over them. */
  readonly rowSumGroups: readonly Group[];
  /** Groups that cut rows: column sums add up over them. */
  readonly colSumGroups: readonly Group[];
  /** All groups that cut the parameter. */
  readonly groups: readonly Group[];
}

/** A further cut of the local shard along its first dim: ZeRO's. */
export interface RowCut<Group> {
  readonly group: Group;
  /** Indices of dim 0 of the local shard that this rank owns. */
  readonly rows: Range;
}

/** The view of a parameter with `layout`, further cut by `rowCut`. @throws {TypeError} if `factoring` does not fit */
export function factoredView<Group extends ShardingGroup>(
  layout: Layout<Group>,
  { rowCut, factoring = "lastTwo" }: {
    readonly rowCut?: RowCut<Group> | undefined;
    readonly factoring?: Factoring;
  } = {},
): FactoredView<Group> {
  const { globalShape, splits } = layout;
  const { roles: wholeRoles, order } = rolesOf(layout.wholeShape, factoring);
  const roles = layout.wholeDims.map((dim) => wholeRoles[dim]);
  const dims = globalShape.map((length, dim): DimView<Group> => {
    const split = splits.find((split) => split.dim === dim);
    const [storedLength, range] = [layout.paddedShape[dim], layout.range(dim)];
    const cut = { unit: split?.unit ?? 1, groups: split === undefined ? [] : [split.group] };
    return { role: roles[dim], length, storedLength, range, ...cut };
  });
  if (dims.length === 0) {
    const range = { begin: 0, end: 1 };
    dims.push({ role: "col", length: 1, storedLength: 1, range, unit: 1, groups: [] });
  }
  if (rowCut !== undefined) {
    const { range, groups } = dims[0];
    const [begin, end] = [range.begin + rowCut.rows.begin, range.begin + rowCut.rows.end];
    dims[0] = { ...dims[0], range: { begin, end }, groups: [...groups, rowCut.group] };
  }

  const paddedRuns = paddedRunsOf(dims, layout.localShape);
  if (paddedRuns !== undefined && order !== "batch row col") {
    throw new TypeError(
      `Cannot factor [${globalShape}] padded to [${layout.paddedShape}] by [${roles}]: ` +
        "pad its first dim, or choose a factoring whose batch comes first",
    );
  }
  const product = (role: DimRole, lengthOf: (dim: DimView<Group>) => number) =>
    dims.reduce((total, dim) => dim.role === role ? total * lengthOf(dim) : total, 1);
  const local = (role: DimRole) => product(role, ({ range }) => range.end - range.begin);
  const whole = (role: DimRole) => product(role, ({ length }) => length);
  const cutting = (isMeant: (role: DimRole) => boolean) =>
    dims.flatMap(({ role, groups }) => isMeant(role) ? groups : []);
  return {
    batch: local("batch"),
    rows: local("row"),
    cols: local("col"),
    globalRows: whole("row"),
    globalCols: whole("col"),
    globalCount: whole("batch") * whole("row") * whole("col"),
    factored: roles.includes("row"),
    order,
    paddedRuns,
    dims: ROLES.flatMap((role) => dims.filter((dim) => dim.role === role)),
    rowSumGroups: cutting((role) => role === "col"),
    colSumGroups: cutting((role) => role === "row"),
    groups: cutting(() => true),
  };
}

/** Elements from the block's first to its last as the parameter is stored, pads between them included. */
export function spanOf({ batch, rows, cols, paddedRuns }: FactoredView<unknown>): number {
  if (paddedRuns === undefined) return batch * rows * cols;
  const { count, length, stride } = paddedRuns;
  return count === 0 ? 0 : (count - 1) * stride + length;
}

/**
 * Whether a parameter is small: its tensors are copied into one buffer with others, so that one dispatch serves them all.
 * Decided by its whole size, so that all meshes agree.
 */
export function isSmall({ globalCount }: { readonly globalCount: number }): boolean {
  return globalCount <= MOST_SMALL_ELEMENTS;
}

/** The runs of a block whose dims are stored as `stored` says, where the last padded dim is not the first. */
function paddedRunsOf(
  dims: readonly DimView<unknown>[],
  stored: readonly number[],
): PaddedRuns | undefined {
  const lengths = dims.map(({ range: { begin, end } }) => end - begin);
  const padded = stored.flatMap((length, dim) => dim > 0 && length > lengths[dim] ? [dim] : []);
  const [dim] = padded;
  if (dim === undefined) return undefined;
  if (padded.length > 1) {
    throw new TypeError(
      `Cannot step a parameter stored as [${stored}] of which [${lengths}] count: pad one dim besides the first`,
    );
  }
  const product = (some: readonly number[]) => some.reduce((total, length) => total * length, 1);
  const inner = product(lengths.slice(dim + 1));
  return {
    count: product(lengths.slice(0, dim)),
    length: lengths[dim] * inner,
    stride: stored[dim] * inner,
  };
}

/** Beyond this, copying takes longer than a dispatch. */
const MOST_SMALL_ELEMENTS = 2 ** 16;
const ROLES: readonly DimRole[] = ["batch", "row", "col"];
