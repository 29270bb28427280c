// Which rank owns which indices of a global shape, uneven shards included.
//
// A dim of length n over s ranks is cut into contiguous ranges; the first n mod s ranks own one index more:
//   n = 10, s = 4  ->  [0, 3) [3, 6) [6, 8) [8, 10)
// A Layout lists, for one tensor, which dims are cut and over which group. Dims that are not listed are whole on every
// rank. Everything else (how factored statistics add up) follows from the ranges.
//
// A dim may be stored longer than it is, as vocabularies are, so that every rank's shard is equally long: what is cut is
// the padded length, and the pads lie at the end of the last shards.
//   n = 5 padded to 8, s = 4  ->  stored 2 2 2 2, of which [0, 2) [2, 4) [4, 5) [5, 5) count
//
// A dim may be cut between units only, such as the features of an attention head:
//   n = 12 in units of 4, s = 2  ->  [0, 8) [8, 12)
//
// Several dims of a layout may be one dim of the tensor as files and statistics know it. A weight [I, 3 O] that holds three
// layers, each to be cut, has the layout [I, 3, O], whole shape [I, 3 O], cut along dim 2.

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
  /** So many indices, such as a head's features, stay together. Default: 1. */
  readonly unit?: number | undefined;
}

/** Options of {@linkcode Layout}. */
export interface LayoutOptions {
  /** Shape as it is stored, all shards together: no dim is shorter than in the global shape. Default: that shape. */
  readonly paddedShape?: readonly number[];
  /** The global shape with neighbouring dims as one, as files and statistics know the tensor. Default: the global shape. */
  readonly wholeShape?: readonly number[];
}

/** How one tensor's dims are cut over process groups. */
export class Layout<Group extends ShardingGroup = ShardingGroup> {
  /** Shape of the whole tensor, without pads. */
  readonly globalShape: readonly number[];
  /** Shape of the whole tensor as it is stored: with pads, at the end of dims. */
  readonly paddedShape: readonly number[];
  /** Shape of the whole tensor as files and statistics know it: one dim for every run of neighbours. */
  readonly wholeShape: readonly number[];
  /** For every dim, which dim of the whole shape it is part of. */
  readonly wholeDims: readonly number[];
  /** Cuts, at most one per dim; groups of size 1 are dropped. */
  readonly splits: readonly Split<Group>[];

  /**
   * Cuts a tensor of `globalShape`; without splits it is whole on every rank.
   *
   * @throws {RangeError} if a dim does not exist, is cut twice, has fewer units than its group has ranks or a part of one, or
   * is padded to less than its length, or the whole shape is another.
   */
  constructor(
    globalShape: readonly number[],
    splits: readonly Split<Group>[] = [],
    { paddedShape = globalShape, wholeShape = globalShape }: LayoutOptions = {},
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

  /** The indices of `dim` that this rank owns; pads are none. */
  range(dim: number): Range {
    const length = this.globalShape[dim];
    const { begin, end } = this.#storedRange(dim);
    return { begin: Math.min(begin, length), end: Math.min(end, length) };
  }

  /** Shape of this rank's shard as it is stored, pads included. */
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

/** The part of `0..length` that this rank of `group` owns where `unit` indices stay together. */
export function unitRange(
  length: number,
  { group: { size, rank }, unit = 1 }: Pick<Split, "group" | "unit">,
): Range {
  const { begin, end } = shardRange(length / unit, size, rank);
  return { begin: begin * unit, end: end * unit };
}

/** For every dim of `shape`, the dim of `whole` that it is part of. @throws {RangeError} if `whole` has not the same elements */
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
    `Cannot see a tensor of [${shape}] as [${whole}]: join neighbouring dims, and keep the others`,
  );
}
