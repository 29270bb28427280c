// A mesh: ranks as an n-dimensional grid, with a process group along any of its axes.
//
// The last axis varies fastest: in a mesh of shape [2, 3] rank 4 has the coordinate [1, 1]. The group along axis 0 has the
// ranks that differ from this one in that coordinate only, here [1, 4]; along both axes, all six. Axis -1 is the last. A
// group's ranks are in ascending order for any order of axes and indices.

import { defaultWorld } from "./default_world.ts";
import type { ProcessGroup } from "./group.ts";
import { World } from "./world.ts";

/**
 * How `ravel` treats a coordinate outside of the shape: it throws, wraps around, or clips to the nearest one inside.
 *
 * @category Distributed
 */
export type RavelMode = "raise" | "wrap" | "clip";

/**
 * One axis or several.
 *
 * @category Distributed
 */
export type Axes = number | readonly number[];

/**
 * Indices on one axis, or one list for each of several axes.
 *
 * @category Distributed
 */
export type Indices = readonly number[] | readonly (readonly number[])[];

/**
 * The ranks of a world as an n-dimensional grid.
 *
 * @category Distributed
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { launch, ProcessGroupMesh } from "@meshfactor/adafactor";
 *
 * await using world = await launch({ rank: 0, worldSize: 1, host: "127.0.0.1", port: 29500 });
 * // Tensor parallel x ZeRO; with four ranks, say, new ProcessGroupMesh(2, 2).
 * const mesh = new ProcessGroupMesh(1, world.worldSize);
 * const tensorParallelGroup = await mesh.getGroupAlongAxis(0);
 * const dataParallelGroup = await mesh.getGroupAlongAxis(1);
 * assert.deepEqual(mesh.coordinate(), [0, 0]);
 * assert.equal(tensorParallelGroup.size * dataParallelGroup.size, world.worldSize);
 * ```
 */
export class ProcessGroupMesh implements AsyncDisposable {
  /** Number of ranks along each axis. */
  readonly shape: readonly number[];
  readonly #world: World;
  readonly #coordinate: readonly number[];
  /** Groups by their ranks. */
  readonly #groups = new Map<string, Promise<ProcessGroup>>();
  readonly #created = new Set<ProcessGroup>();

  /**
   * A mesh over the default world, which launch() joined, or over `world` if that is the first argument.
   *
   * @throws {RangeError} if the product of the sizes is not the number of ranks.
   */
  constructor(...size: number[] | [world: World, ...size: number[]]) {
    const given: readonly (number | World)[] = size;
    this.#world = given.find((each) => each instanceof World) ?? defaultWorld();
    this.shape = given.filter((each) => typeof each === "number");
    requireShape(this.shape, this.#world.worldSize);
    this.#coordinate = ProcessGroupMesh.unravel(this.#world.rank, this.shape);
  }

  /** As the constructor, over `world`. */
  static over(world: World, ...size: number[]): ProcessGroupMesh {
    return new ProcessGroupMesh(world, ...size);
  }

  /** This process's global rank. */
  get rank(): number {
    return this.#world.rank;
  }

  /** The shape. */
  size(): readonly number[];
  /** Number of ranks along axis `dim`. */
  size(dim: number): number;
  size(dim?: number): number | readonly number[] {
    return dim === undefined ? this.shape : this.shape[this.#axis(dim)];
  }

  /** This rank's coordinate. */
  coordinate(): readonly number[];
  /** This rank's coordinate on axis `dim`. */
  coordinate(dim: number): number;
  coordinate(dim?: number): number | readonly number[] {
    return dim === undefined ? this.#coordinate : this.#coordinate[this.#axis(dim)];
  }

  /**
   * The coordinate of `rank` in a mesh of `shape`.
   *
   * @throws {RangeError} if the mesh has no such rank.
   */
  static unravel(rank: number, shape: readonly number[]): number[] {
    const numRanks = product(shape);
    if (!Number.isInteger(rank) || rank < 0 || rank >= numRanks) {
      throw new RangeError(
        `Rank ${rank} is out of range for the mesh [${shape.join(", ")}]: ranks are 0 to ${
          numRanks - 1
        }`,
      );
    }
    const coord = [];
    let rest = rank;
    for (let dim = shape.length - 1; dim >= 0; dim--) {
      coord[dim] = rest % shape[dim];
      rest = Math.floor(rest / shape[dim]);
    }
    return coord;
  }

  /**
   * The rank at `coord` in a mesh of `shape`.
   *
   * @throws {RangeError} if the numbers of dims differ, or if `mode` is `raise` and `coord` is outside.
   */
  static ravel(
    coord: readonly number[],
    shape: readonly number[],
    mode: RavelMode = "raise",
  ): number {
    if (coord.length !== shape.length || !coord.every(Number.isInteger)) {
      throw new RangeError(
        `A coordinate of ${shape.length} integers is needed for the mesh [${
          shape.join(", ")
        }], got [${coord.join(", ")}]`,
      );
    }
    return coord.reduce(
      (rank, index, dim) => rank * shape[dim] + inside(index, shape[dim], mode),
      0,
    );
  }

  /**
   * All coordinates with `indices` on `axis` and the values of `baseCoord` on other axes; for several axes, with one list of
   * indices each, all combinations, the last axis fastest.
   */
  static getCoordsAlongAxis(
    baseCoord: readonly number[],
    axis: Axes,
    indices: Indices,
  ): number[][] {
    const axes = typeof axis === "number" ? [axis] : axis;
    const lists = listsFor(axes, indices);
    let coords = [[...baseCoord]];
    for (const [position, each] of axes.entries()) {
      const dim = axisIn(each, baseCoord.length);
      coords = coords.flatMap((coord) => lists[position].map((index) => coord.with(dim, index)));
    }
    return coords;
  }

  /** As `getGroupAlongAxis`: the group is created once and the same is returned from then on. */
  createGroupAlongAxis(axis: Axes): Promise<ProcessGroup>;
  /** As above, only the ranks at `indicesAtAxis`; undefined if this rank is not among them. */
  createGroupAlongAxis(axis: Axes, indicesAtAxis: Indices): Promise<ProcessGroup | undefined>;
  createGroupAlongAxis(axis: Axes, indicesAtAxis?: Indices): Promise<ProcessGroup | undefined> {
    return this.#groupAlong(axis, indicesAtAxis);
  }

  /**
   * The group of the ranks that are as this one but for `axis`, or for several axes. All ranks of a group must ask for
   * it; it is created when they first do.
   *
   * @throws {RangeError} if an axis does not exist or is given twice.
   */
  getGroupAlongAxis(axis: Axes): Promise<ProcessGroup>;
  /** As above, only the ranks at `indicesAtAxis`; undefined if this rank is not among them. */
  getGroupAlongAxis(axis: Axes, indicesAtAxis: Indices): Promise<ProcessGroup | undefined>;
  getGroupAlongAxis(axis: Axes, indicesAtAxis?: Indices): Promise<ProcessGroup | undefined> {
    return this.#groupAlong(axis, indicesAtAxis);
  }

  /**
   * Global ranks of a group of this mesh, in group order.
   *
   * @throws {RangeError} if the group is not one of this mesh.
   */
  getRanksInGroup(group: ProcessGroup): readonly number[] {
    if (!this.#created.has(group)) {
      throw new RangeError(
        `The group of ranks [${
          group.ranks.join(", ")
        }] is not one of this mesh: get it from getGroupAlongAxis()`,
      );
    }
    return group.ranks;
  }

  /** Closes all groups of this mesh on this rank; the world stays open. Idempotent. */
  async destroy(): Promise<void> {
    const groups = [...this.#created];
    this.#created.clear();
    this.#groups.clear();
    await Promise.all(groups.map((group) => group.close()));
  }

  /** As `destroy`, under ColossalAI's name. */
  destroyMeshProcessGroups(): Promise<void> {
    return this.destroy();
  }

  /** As `destroy`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.destroy();
  }

  // Async, so that wrong arguments reject as everything else does.
  async #groupAlong(axis: Axes, indicesAtAxis?: Indices): Promise<ProcessGroup | undefined> {
    const axes = (typeof axis === "number" ? [axis] : axis).map((each) => this.#axis(each));
    const twice = axes.find((each, position) => axes.indexOf(each) !== position);
    if (twice !== undefined) throw new RangeError(`Axis ${twice} is given twice`);
    const lists = indicesAtAxis === undefined
      ? axes.map((each) => Array.from({ length: this.shape[each] }, (_, index) => index))
      : listsFor(axes, indicesAtAxis);
    const ranks = ProcessGroupMesh.getCoordsAlongAxis(this.#coordinate, axes, lists)
      .map((coord) => ProcessGroupMesh.ravel(coord, this.shape))
      .sort((a, b) => a - b);
    return ranks.includes(this.rank) ? await this.#groupOf(ranks) : undefined;
  }

  #groupOf(ranks: readonly number[]): Promise<ProcessGroup> {
    const key = ranks.join(",");
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const creating = this.#world.createGroup(ranks).then((group) => {
      this.#created.add(group);
      return group;
    });
    this.#groups.set(key, creating);
    creating.catch(() => this.#groups.delete(key));
    return creating;
  }

  #axis(axis: number): number {
    return axisIn(axis, this.shape.length);
  }
}

function requireShape(shape: readonly number[], worldSize: number): void {
  const wrong = shape.find((size) => !Number.isInteger(size) || size < 1);
  if (wrong !== undefined) {
    throw new RangeError(`A mesh needs sizes that are positive integers, got ${wrong}`);
  }
  const numRanks = product(shape);
  if (numRanks !== worldSize) {
    throw new RangeError(
      `A mesh of [${shape.join(", ")}] needs ${numRanks} ranks, the world has ${worldSize}: ` +
        "change the mesh, or start as many ranks as it has places",
    );
  }
}

function axisIn(axis: number, numDims: number): number {
  const dim = axis < 0 ? axis + numDims : axis;
  if (!Number.isInteger(dim) || dim < 0 || dim >= numDims) {
    throw new RangeError(`Axis ${axis} does not exist in a mesh of ${numDims} axes`);
  }
  return dim;
}

function listsFor(axes: readonly number[], indices: Indices): readonly (readonly number[])[] {
  const flat = indices.filter((each) => typeof each === "number");
  const lists = indices.filter((each) => typeof each !== "number");
  if (lists.length === 0 && axes.length === 1) return [flat];
  if (flat.length > 0 || lists.length !== axes.length) {
    throw new RangeError(`Expected one list of indices for each of the ${axes.length} axes`);
  }
  return lists;
}

function inside(index: number, size: number, mode: RavelMode): number {
  if (index >= 0 && index < size) return index;
  switch (mode) {
    case "wrap":
      return ((index % size) + size) % size;
    case "clip":
      return index < 0 ? 0 : size - 1;
    case "raise":
      throw new RangeError(`Index ${index} is outside of an axis of ${size}: use "wrap" or "clip"`);
  }
}

function product(shape: readonly number[]): number {
  return shape.reduce((whole, size) => whole * size, 1);
}
