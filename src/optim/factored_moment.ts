// A parameter as Adafactor sees it: a batch of matrices, of which this rank owns a block.
//
//   R[b, i] = mean_j g[b, i, j]^2,  C[b, j] = mean_i g[b, i, j]^2,  v[b, i, j] ~ R[b, i] C[b, j] / mean_i R[b, i]
//                                                                            (Shazeer & Stern 2018, alg. 4)
// shape          view [batch, rows, cols]
// [h, w]         [1, h, w]
// [..., h, w]    [product of the leading dims, h, w]
// [n], []        [1, 1, n], [1, 1, 1]: one row makes R / mean R = 1 and C the full second moment, as the paper has it
//                for vectors, so that vectors need no code of their own
//
// Every rank sums over what it owns. Sums add up over the ranks that own the other parts and are then divided by the
// whole parameter's counts, so that uneven shards are exact:
//   row sums                    add up over the groups that cut columns
//   column sums                 over the groups that cut rows
//   the whole matrix's sum      over both (it yields mean R = mean C, so that no rank needs another's rows)
//   sum p^2, sum u^2            over every group that cuts the parameter at all

import type { Layout, ShardingGroup } from "../dist/layout.ts";

/** This rank's block of one parameter, and over which groups its sums add up. */
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
  /** Groups that cut columns: row sums add up over them. */
  readonly rowSumGroups: readonly Group[];
  /** Groups that cut rows: column sums add up over them. */
  readonly colSumGroups: readonly Group[];
  /** Groups that cut the parameter at all. */
  readonly groups: readonly Group[];
}

/** A further cut of the local shard along its first dim: ZeRO's. */
export interface RowCut<Group> {
  readonly group: Group;
  /** Indices of dim 0 of the local shard that this rank owns. */
  readonly length: number;
}

/** How `layout`, further cut by `rowCut`, looks to Adafactor. */
export function factoredView<Group extends ShardingGroup>(
  layout: Layout<Group>,
  rowCut?: RowCut<Group>,
): FactoredView<Group> {
  const global = asMatrices(layout.globalShape);
  const localShape = layout.localShape;
  if (rowCut !== undefined && localShape.length > 0) localShape[0] = rowCut.length;
  const local = asMatrices(localShape);
  // A scalar has no dim to cut: its first owner has it, the others have an empty block.
  if (rowCut !== undefined && localShape.length === 0) local.cols = rowCut.length;

  const cuts: readonly { dim: number; group: Group }[] = rowCut === undefined
    ? layout.splits
    : [...layout.splits, { dim: 0, group: rowCut.group }];
  const numDims = layout.globalShape.length;
  const cutting = (meets: (dim: number) => boolean) =>
    cuts.filter(({ dim }) => meets(dim)).map(({ group }) => group);
  return {
    ...local,
    globalRows: global.rows,
    globalCols: global.cols,
    globalCount: global.batch * global.rows * global.cols,
    rowSumGroups: cutting((dim) => dim >= numDims - 1),
    colSumGroups: cutting((dim) => numDims >= 2 && dim === numDims - 2),
    groups: cutting(() => true),
  };
}

function asMatrices(shape: readonly number[]): { batch: number; rows: number; cols: number } {
  const product = (dims: readonly number[]) => dims.reduce((total, length) => total * length, 1);
  return shape.length < 2
    ? { batch: 1, rows: 1, cols: product(shape) }
    : { batch: product(shape.slice(0, -2)), rows: shape.at(-2)!, cols: shape.at(-1)! };
}
