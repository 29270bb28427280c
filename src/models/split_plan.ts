// What will be replaced when a model is split: every layer is looked at first, and replaced when all of them were found to be
// such as can be split. A model that cannot be split stays as it was.

import type { ProcessGroup } from "../distributed/group.ts";
import type { ProcessGroupMesh } from "../distributed/mesh.ts";
import { HeadRmsNorm } from "../nn/head_rms_norm.ts";
import { Linear } from "../nn/linear.ts";
import { Linear1DCol, type Linear1DColOptions } from "../nn/linear_1d_col.ts";
import { Linear1DRow, type Linear1DRowOptions } from "../nn/linear_1d_row.ts";
import type { Layer } from "../nn/module.ts";
import { RmsNorm } from "../nn/rms_norm.ts";
import { TransposedLinear } from "../nn/transposed_linear.ts";

/** A module that has a layer in the field `Name`, or none there. */
export type LayerOwner<Name extends string> = { [Field in Name]?: Layer | undefined };

/** Layers that are to be split over one axis of a mesh. */
export class SplitPlan {
  readonly mesh: ProcessGroupMesh;
  /** Which axis of the mesh. */
  readonly axis: number;
  /** The ranks along it. */
  readonly processGroup: ProcessGroup;
  readonly #changes: (() => void)[] = [];

  private constructor(mesh: ProcessGroupMesh, axis: number, processGroup: ProcessGroup) {
    this.mesh = mesh;
    this.axis = axis;
    this.processGroup = processGroup;
  }

  /** Nothing yet; all ranks of the axis must call it. */
  static async along(mesh: ProcessGroupMesh, axis: number): Promise<SplitPlan> {
    return new SplitPlan(mesh, axis, await mesh.getGroupAlongAxis(axis));
  }

  /**
   * Every rank will have some of the output features of `owner[name]`, where there is such a layer.
   *
   * @throws {RangeError} if they are too few for the ranks.
   * @throws {TypeError} if it is no whole linear layer.
   */
  cutOutput<Name extends string>(
    owner: LayerOwner<Name>,
    name: Name,
    options: Linear1DColOptions = { processGroup: this.processGroup },
  ): void {
    const layer = owner[name];
    if (layer === undefined) return;
    const whole = wholeLinear(layer, name);
    const { unit = 1, parts = 1, replication } = options;
    const group = replication?.shardGroup ?? options.processGroup;
    requireFeatures(whole, { side: "output", unit: unit * parts, group });
    this.add(() => owner[name] = Linear1DCol.fromNativeModule(whole, options));
  }

  /** As {@linkcode cutOutput} for input features. */
  cutInput<Name extends string>(
    owner: LayerOwner<Name>,
    name: Name,
    options: Linear1DRowOptions = { processGroup: this.processGroup },
  ): void {
    const layer = owner[name];
    if (layer === undefined) return;
    const whole = wholeLinear(layer, name);
    const { unit = 1, processGroup: group } = options;
    requireFeatures(whole, { side: "input", unit, group });
    this.add(() => owner[name] = Linear1DRow.fromNativeModule(whole, options));
  }

  /** Every rank will have some of the heads that `owner[name]` norms, where there is such a norm. */
  shareHeads<Name extends string>(owner: LayerOwner<Name>, name: Name): void {
    const norm = owner[name];
    if (norm === undefined) return;
    if (!(norm instanceof RmsNorm)) throw notWhole(norm, name);
    this.add(() => owner[name] = HeadRmsNorm.fromNativeModule(norm, this));
  }

  /** One more change, which must not fail. */
  add(change: () => void): void {
    this.#changes.push(change);
  }

  /** Changes everything; to be called once. */
  apply(): void {
    for (const change of this.#changes) change();
  }
}

/** That a layer, in the field `name`, is not the one that the model was made with. */
export function notWhole({ constructor: kind }: object, name: string): TypeError {
  return new TypeError(
    `Cannot split ${name}, which is a ${kind.name}: split a model none of whose layers were replaced`,
  );
}

function wholeLinear(layer: Layer, name: string): Linear | TransposedLinear {
  if (layer instanceof Linear || layer instanceof TransposedLinear) return layer;
  throw notWhole(layer, name);
}

function requireFeatures(
  layer: Linear | TransposedLinear,
  { side, unit, group: { size } }: {
    readonly side: "input" | "output";
    readonly unit: number;
    readonly group: ProcessGroup;
  },
): void {
  const { shape, name } = layer.weight;
  const isFirst = (side === "output") === (layer instanceof Linear);
  const features = shape[isFirst ? 0 : 1];
  if (features / unit < size) {
    throw new RangeError(
      `Cannot split ${features} ${side} features of ${name} over ${size} ranks: each must have one` +
        (unit === 1 ? "" : `, and ${unit} stay together`),
    );
  }
}
