// Which rank owns which indices of a global shape, uneven shards included.
//
// A dim of length n over s ranks is cut into contiguous ranges; the first n mod s ranks own one index more:
//   n = 10, s = 4  ->  [0, 3) [3, 6) [6, 8) [8, 10)
// A Layout lists, for one tensor, which dims are cut and over which group. Dims that are not listed are whole on every
// rank. Everything else (padding, how factored statistics add up) follows from the ranges.

/** Indices `begin <= i < end` of one dim. */
export interface Range {
  /** The first index. */
  readonly begin: number;
  /** One past the last index. */
  readonly end: number;
}

/** The part of `0..length` that `rank` of `size` ranks owns. */
export function shardRange(length: number, size: number, rank: number): Range {
  const quotient = Math.floor(length / size);
  const longer = length % size;
  const begin = rank * quotient + Math.min(rank, longer);
  return { begin, end: begin + quotient + (rank < longer ? 1 : 0) };
}

/** What a layout needs to know of a process group: who we are in it, and how many there are. */
export interface ShardingGroup {
  /** Which one we are, from 0. */
  readonly rank: number;
  /** How many there are. */
  readonly size: number;
}

/** One cut: dim `dim` of the tensor is spread over the ranks of `group`. */
export interface Split<Group extends ShardingGroup = ShardingGroup> {
  /** Which dim, from 0. */
  readonly dim: number;
  /** The ranks that share it. */
  readonly group: Group;
}

/** How one tensor's dims are cut over process groups. */
export class Layout<Group extends ShardingGroup = ShardingGroup> {
  /** Shape of the whole tensor. */
  readonly globalShape: readonly number[];
  /** Cuts, at most one per dim; groups of size 1 are dropped. */
  readonly splits: readonly Split<Group>[];

  /**
   * Cuts a tensor of `globalShape`; without splits it is whole on every rank.
   *
   * @throws {RangeError} if a dim does not exist, is cut twice, or is shorter than its group is large.
   */
  constructor(globalShape: readonly number[], splits: readonly Split<Group>[] = []) {
    this.globalShape = [...globalShape];
    this.splits = splits.filter(({ group }) => group.size > 1);
    const seen = new Set<number>();
    for (const { dim, group } of this.splits) {
      const length = globalShape[dim];
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
      if (length < group.size) {
        throw new RangeError(
          `Cannot split dim ${dim} of [${globalShape}] over ${group.size} ranks as it has only ${length} indices`,
        );
      }
      seen.add(dim);
    }
  }

  /** The part of `dim` that this rank owns. */
  range(dim: number): Range {
    const split = this.splits.find((each) => each.dim === dim);
    return split === undefined
      ? { begin: 0, end: this.globalShape[dim] }
      : shardRange(this.globalShape[dim], split.group.size, split.group.rank);
  }

  /** Shape of this rank's shard. */
  get localShape(): number[] {
    return this.globalShape.map((_, dim) => {
      const { begin, end } = this.range(dim);
      return end - begin;
    });
  }
}
