// The layers of a model that parallelize() will replace by split ones. All of them are checked before the first is replaced, so that
// a model that cannot be split stays as it was.

import type { ProcessGroup } from "../../distributed/group.ts";
import type { ProcessGroupMesh } from "../../distributed/mesh.ts";
import { HeadRmsNorm } from "../../nn/parallel/head_rms_norm.ts";
import { Linear } from "../../nn/linear.ts";
import { LoraLinear } from "../../nn/lora/lora_linear.ts";
import { Linear1DCol, type Linear1DColOptions } from "../../nn/parallel/linear_1d_col.ts";
import { Linear1DRow, type Linear1DRowOptions } from "../../nn/parallel/linear_1d_row.ts";
import type { Layer } from "../../nn/module.ts";
import { ReplicatedLinear } from "../../nn/parallel/replicated_linear.ts";
import { PerHeadNorm } from "../../nn/per_head_norm.ts";
import { SplitPerHeadNorm } from "../../nn/parallel/split_per_head_norm.ts";
import { type SplitHeadsOptions, SplitRmsNorm } from "../../nn/parallel/split_rms_norm.ts";
import { RmsNorm } from "../../nn/rms_norm.ts";
import { TransposedLinear } from "../../nn/transposed_linear.ts";

/**
 * A module with an optional layer in the field `Name`.
 *
 * @category Models
 */
export type LayerOwner<Name extends string> = { [Field in Name]?: Layer | undefined };

/**
 * What each rank has of a mixture of experts: some hidden features of all experts, or some experts whole, to which tokens are sent.
 *
 * @category Models
 */
export type ExpertSplit = "features" | "whole";

/**
 * The layers that will be split over one axis of a mesh.
 *
 * @category Models
 */
export class SplitPlan {
  /** The mesh of all ranks. */
  readonly mesh: ProcessGroupMesh;
  /** The axis of the mesh. */
  readonly axis: number;
  /** The ranks along it. */
  readonly processGroup: ProcessGroup;
  /** What each rank has of experts. */
  readonly experts: ExpertSplit;
  readonly #changes: (() => void)[] = [];

  private constructor(
    { mesh, axis, experts }: Pick<SplitPlan, "mesh" | "axis" | "experts">,
    processGroup: ProcessGroup,
  ) {
    this.mesh = mesh;
    this.axis = axis;
    this.experts = experts;
    this.processGroup = processGroup;
  }

  /** An empty plan; all ranks of the axis must call it. */
  static async along(
    mesh: ProcessGroupMesh,
    axis: number,
    { experts = "features" }: { readonly experts?: ExpertSplit | undefined } = {},
  ): Promise<SplitPlan> {
    return new SplitPlan({ mesh, axis, experts }, await mesh.getGroupAlongAxis(axis));
  }

  /**
   * Splits the output features of the linear layer `owner[name]` over the ranks (column parallel); does nothing if the field is
   * undefined.
   *
   * @throws {RangeError} if there are fewer features than ranks.
   * @throws {TypeError} if the field holds anything but a whole linear layer.
   */
  columnParallel<Name extends string>(
    owner: LayerOwner<Name>,
    name: Name,
    options: Linear1DColOptions = { processGroup: this.processGroup },
  ): void {
    const layer = owner[name];
    if (layer === undefined) return;
    if (layer instanceof LoraLinear) {
      this.columnParallel(layer, "base", options);
      this.columnParallel(layer, "b", options);
      return;
    }
    const whole = wholeLinear(layer, name);
    const { unit = 1, parts = 1, replication } = options;
    const group = replication?.shardGroup ?? options.processGroup;
    requireFeatures(whole, { side: "output", unit: unit * parts, group });
    this.add(() => owner[name] = Linear1DCol.fromNativeModule(whole, options));
  }

  /** As {@linkcode columnParallel}, but splits the input features (row parallel). */
  rowParallel<Name extends string>(
    owner: LayerOwner<Name>,
    name: Name,
    options: Linear1DRowOptions = { processGroup: this.processGroup },
  ): void {
    const layer = owner[name];
    if (layer === undefined) return;
    if (layer instanceof LoraLinear) {
      this.rowParallel(layer, "base", options);
      this.rowParallel(layer, "a", options);
      return;
    }
    const whole = wholeLinear(layer, name);
    const { unit = 1, processGroup: group } = options;
    requireFeatures(whole, { side: "input", unit, group });
    this.add(() => owner[name] = Linear1DRow.fromNativeModule(whole, options));
  }

  /**
   * Leaves the linear layer `owner[name]` whole on every rank, where each uses a part of its output of its own: gradients are those of
   * all parts.
   *
   * @throws {TypeError} if the field holds anything but a whole linear layer.
   */
  replicated<Name extends string>(owner: LayerOwner<Name>, name: Name): void {
    const layer = owner[name]!;
    if (layer instanceof LoraLinear) {
      this.replicated(layer, "base");
      this.replicated(layer, "b");
      return;
    }
    const whole = wholeLinear(layer, name);
    this.add(() => owner[name] = ReplicatedLinear.fromNativeModule(whole, this));
  }

  /**
   * Splits `owner[name]`, a norm of queries or keys, as the heads are: one weight for all heads stays whole and has its gradient summed
   * over the ranks; weights of heads or of all features (`isOfAll`) are split. Does nothing if the field is undefined.
   *
   * @throws {TypeError} if the field holds anything but a whole norm.
   */
  headNorm<Name extends string>(
    owner: LayerOwner<Name>,
    name: Name,
    options: SplitHeadsOptions & { readonly isOfAll: boolean },
  ): void {
    const norm = owner[name];
    if (norm === undefined) return;
    if (norm instanceof PerHeadNorm) {
      this.add(() => owner[name] = SplitPerHeadNorm.fromNativeModule(norm, options));
    } else if (norm instanceof RmsNorm) {
      this.add(() =>
        owner[name] = options.isOfAll
          ? SplitRmsNorm.fromNativeModule(norm, options)
          : HeadRmsNorm.fromNativeModule(norm, this)
      );
    } else throw notWhole(norm, name);
  }

  /** Adds a change of the model, which must not throw. */
  add(change: () => void): void {
    this.#changes.push(change);
  }

  /** Makes all changes; to be called once. */
  apply(): void {
    for (const change of this.#changes) change();
  }
}

/** The error for a layer, in the field `name`, that is not the one which the model was made with. */
export function notWhole({ constructor: kind }: object, name: string): TypeError {
  return new TypeError(
    `Cannot split ${name}, which is a ${kind.name}: split a model none of whose layers were replaced`,
  );
}

/** Requires `gatherLogits` of a classifier: its last layer is row parallel, which gives every rank the logits of all classes. */
export function requireGatheredLogits(model: object, isWanted: boolean): void {
  if (isWanted) return;
  throw new TypeError(
    `Cannot leave the logits of a ${model.constructor.name} on the ranks of their classes: leave gatherLogits out`,
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
