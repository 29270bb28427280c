// The losses of a training, step by step: what its curve is drawn of.

import type { TrainMessage } from "./train_message.ts";

/** A loss after so many steps. */
export interface LossPoint {
  readonly step: number;
  readonly loss: number;
}

/** The losses on the training data, and on what is held out. */
export interface LossHistory {
  readonly training: readonly LossPoint[];
  readonly heldOut: readonly LossPoint[];
}

/** Collects losses from messages. */
export class LossCollector implements LossHistory {
  readonly training: LossPoint[] = [];
  readonly heldOut: LossPoint[] = [];

  /** Takes a message that may have a loss. */
  take(message: Pick<TrainMessage, "kind">): void {
    const { kind, step, loss } = message as Partial<LossPoint> & { readonly kind: string };
    // A loss that is no number is null in JSON.
    if (typeof step !== "number" || !Number.isFinite(loss)) return;
    if (kind === "step") this.training.push({ step, loss: loss! });
    if (kind === "evaluation") this.heldOut.push({ step, loss: loss! });
  }
}

/** Means over `count` intervals of steps of equal length, at their middles; fewer where there are fewer points. */
export function averaged(points: readonly LossPoint[], count: number): LossPoint[] {
  const first = points.length === 0 ? 0 : points[0].step;
  const span = points.length === 0 ? 0 : points.at(-1)!.step - first + 1;
  const width = span / Math.min(count, points.length);
  const intervals = Map.groupBy(points, ({ step }) => Math.floor((step - first) / width));
  const mean = (values: readonly number[]) =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  return [...intervals.values()].map((some) => ({
    step: mean(some.map(({ step }) => step)),
    loss: mean(some.map(({ loss }) => loss)),
  }));
}
