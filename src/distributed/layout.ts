// Layouts: which rank owns which indices of a global shape, uneven shards included.
//
// A dim of length n over s ranks is split into contiguous ranges; the first n mod s ranks own one more index:
//   n = 10, s = 4  ->  [0, 3) [3, 6) [6, 8) [8, 10)
// A Layout lists, for one tensor, which dims are split and over which group. Other dims are whole on every rank. Everything
// else (how factored statistics add up) follows from the ranges.
//
// A dim may be padded in storage, as vocabularies are, so that all shards have the same length: the padded length is split,
// and the padding is at the end of the last shards.
//   n = 5 padded to 8, s = 4  ->  stored 2 2 2 2, of which [0, 2) [2, 4) [4, 5) [5, 5) are used
//
// A dim may be split between units only, such as the features of an attention head:
//   n = 12 in units of 4, s = 2  ->  [0, 8) [8, 12)
//
// Several dims of a layout may be one dim of the tensor in files and statistics. A weight [I, 3 O] that contains three
// layers, each to be split, has the layout [I, 3, O], whole shape [I, 3 O], split along dim 2.

/**
 * Indices `begin <= i < end` of one dim.
 *
 * @category Distributed
 */
export interface Range {
  /** The first index. */
  readonly begin: number;
  /** One past the last index. */
  readonly end: number;
}

/**
 * The part of `0..length` that `rank` of `size` ranks owns.
 *
 * @category Distributed
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { shardRange } from "@meshfactor/adafactor/distributed";
 *
 * const ranges = [0, 1, 2, 3].map((rank) => shardRange(10, 4, rank));
 * assert.deepEqual(ranges.map(({ begin, end }) => end - begin), [3, 3, 2, 2]);
 * assert.deepEqual(ranges[2], { begin: 6, end: 8 });
 * ```
 */
export function shardRange(length: number, size: number, rank: number): Range {
  const quotient = Math.floor(length / size);
  const longer = length % size;
  const begin = rank * quotient + Math.min(rank, longer);
  return { begin, end: begin + quotient + (rank < longer ? 1 : 0) };
}

/**
 * The part of a process group that a layout uses: this rank and the number of ranks.
 *
 * @category Distributed
 */
export interface ShardingGroup {
  /** This rank in the group, from 0. */
  readonly rank: number;
  /** Number of ranks. */
  readonly size: number;
}

/**
 * One split: dim `dim` of the tensor is distributed over the ranks of `group`.
 *
 * @category Distributed
 */
export interface Split<Group extends ShardingGroup = ShardingGroup> {
  /** The dim, from 0. */
  readonly dim: number;
  /** The ranks over which it is split. */
  readonly group: Group;
  /** Number of indices, such as a head's features, that stay together. Default: 1. */
  readonly unit?: number | undefined;
}

/**
 * Options of {@linkcode Layout}.
 *
 * @category Distributed
 */
export interface LayoutOptions {
  /** Shape of all shards in storage, with padding: no dim is shorter than in the global shape. Default: the global shape. */
  readonly paddedShape?: readonly number[];
  /** The global shape with neighbouring dims merged, as in files and statistics. Default: the global shape. */
  readonly wholeShape?: readonly number[];
  /**
   * The same with each matrix by itself, where a stack in memory has matrices that files have one by one: gates and ups of experts
   * [E, 2 F, D] as [E, 2, F, D]. Default: the last two dims of the whole shape are single matrices.
   */
  readonly matrixShape?: readonly number[] | undefined;
}

/**
 * How one tensor's dims are split over process groups.
 *
 * @category Distributed
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Layout } from "@meshfactor/adafactor/distributed";
 *
 * // Rows over two ranks, of which this is the second; a ProcessGroup serves as `group`.
 * const layout = new Layout([5, 3], [{ dim: 0, group: { rank: 1, size: 2 } }]);
 * assert.deepEqual(layout.range(0), { begin: 3, end: 5 });
 * assert.deepEqual(layout.localShape, [2, 3]);
 * ```
 */
export class Layout<Group extends ShardingGroup = ShardingGroup> {
  /** Shape of the whole tensor, without padding. */
  readonly globalShape: readonly number[];
  /** Shape of the whole tensor in storage: with padding, at the end of dims. */
  readonly paddedShape: readonly number[];
  /** Shape of the whole tensor in files and statistics: with neighbouring dims merged. */
  readonly wholeShape: readonly number[];
  /** The whole shape with each matrix by itself, if that is another. */
  readonly matrixShape: readonly number[] | undefined;
  /** For every dim, the dim of the whole shape that it is part of. */
  readonly wholeDims: readonly number[];
  /** Splits, at most one per dim; those over groups of size 1 are dropped. */
  readonly splits: readonly Split<Group>[];

  /**
   * Splits a tensor of `globalShape`; without splits it is whole on every rank.
   *
   * @throws {RangeError} if a dim does not exist, is split twice, has fewer units than its group has ranks or an incomplete
   * one, or is padded to less than its length, or if the whole shape does not fit.
   */
  constructor(
    globalShape: readonly number[],
    splits: readonly Split<Group>[] = [],
    { paddedShape = globalShape, wholeShape = globalShape, matrixShape }: LayoutOptions = {},
  ) {
    if (
      paddedShape.length !== globalShape.length ||
      !paddedShape.every((length, dim) =>
        Number.isSafeInteger(length) && length >= globalShape[dim]
      )
    ) {
      throw new RangeError(
        `Cannot pad [${globalShape}] to [${paddedShape}]: give as many dims, each at least as long`,
      );
    }
    this.globalShape = [...globalShape];
    this.paddedShape = [...paddedShape];
    this.wholeShape = [...wholeShape];
    this.matrixShape = matrixShape;
    this.wholeDims = dimsOfWhole(globalShape, wholeShape);
    this.splits = splits.filter(({ group }) => group.size > 1);
    const seen = new Set<number>();
    for (const { dim, group, unit = 1 } of this.splits) {
      const length = paddedShape[dim];
      if (length === undefined) {
        throw new RangeError(
          `Cannot split dim ${dim} as the shape [${globalShape}] has ${globalShape.length} dims`,
        );
      }
      if (seen.has(dim)) {
        throw new RangeError(
          `Cannot split dim ${dim} of [${globalShape}] twice: give one group that spans both axes`,
        );
      }
      if (length % unit !== 0) {
        throw new RangeError(
          `Cannot split dim ${dim} of [${globalShape}] between units of ${unit} indices as it has ${length}`,
        );
      }
      if (length / unit < group.size) {
        const what = unit === 1 ? "indices" : `units of ${unit} indices`;
        throw new RangeError(
          `Cannot split dim ${dim} of [${globalShape}] over ${group.size} ranks as it has only ${
            length / unit
          } ${what}`,
        );
      }
      seen.add(dim);
    }
  }

  /** The same elements with each matrix by itself in files and statistics. */
  get ofMatrices(): Layout<Group> {
    const { globalShape, paddedShape, splits, matrixShape } = this;
    if (matrixShape === undefined) return this;
    const isFine = globalShape.length === matrixShape.length;
    return isFine
      ? new Layout(globalShape, splits, { paddedShape, wholeShape: matrixShape })
      : new Layout(matrixShape, splits);
  }

  /** The indices of `dim` that this rank owns, without padding. */
  range(dim: number): Range {
    const length = this.globalShape[dim];
    const { begin, end } = this.#storedRange(dim);
    return { begin: Math.min(begin, length), end: Math.min(end, length) };
  }

  /** Shape of this rank's shard in storage, with padding. */
  get localShape(): number[] {
    return this.paddedShape.map((_, dim) => {
      const { begin, end } = this.#storedRange(dim);
      return end - begin;
    });
  }

  #storedRange(dim: number): Range {
    const split = this.splits.find((each) => each.dim === dim);
    return split === undefined
      ? { begin: 0, end: this.paddedShape[dim] }
      : unitRange(this.paddedShape[dim], split);
  }
}

/**
 * The part of `0..length` that this rank of `group` owns if `unit` indices stay together.
 *
 * @category Distributed
 */
export function unitRange(
  length: number,
  { group: { size, rank }, unit = 1 }: Pick<Split, "group" | "unit">,
): Range {
  const { begin, end } = shardRange(length / unit, size, rank);
  return { begin: begin * unit, end: end * unit };
}

/** For every dim of `shape`, the dim of `whole` that it is part of. @throws {RangeError} if `whole` has other elements */
function dimsOfWhole(shape: readonly number[], whole: readonly number[]): number[] {
  const dims: number[] = [];
  let [at, joined] = [0, 1];
  for (const length of shape) {
    if (joined === whole[at] && at + 1 < whole.length) [at, joined] = [at + 1, 1];
    joined *= length;
    dims.push(at);
  }
  const isWhole = whole.every((length, dim) =>
    length === shape.reduce((product, each, k) => dims[k] === dim ? product * each : product, 1)
  );
  if (isWhole && (at === whole.length - 1 || shape.length + whole.length === 0)) return dims;
  throw new RangeError(
    `Cannot view a tensor of [${shape}] as [${whole}]: merge neighbouring dims only`,
  );
}
