// The axes of a curve of losses: steps from left to right, losses from the bottom to the top, with round numbers at both.

import { scaleLinear } from "d3-scale";
import type { LossHistory } from "./loss_history.ts";

/** A linear axis, from a range of numbers to positions from 0 to 1. */
export interface Axis {
  /** The position of a number. */
  at(value: number): number;
  /** Round numbers, and their texts. */
  readonly ticks: readonly { readonly value: number; readonly text: string }[];
}

/** The axes that all points fit; undefined if there are fewer than two. */
export function axesOf(
  { training, heldOut }: LossHistory,
  { stepTicks, lossTicks }: { readonly stepTicks: number; readonly lossTicks: number },
): { readonly steps: Axis; readonly losses: Axis } | undefined {
  const points = [...training, ...heldOut];
  if (points.length < 2) return undefined;
  const range = (values: readonly number[]): [number, number] => [
    values.reduce((a, b) => Math.min(a, b)),
    values.reduce((a, b) => Math.max(a, b)),
  ];
  const [first, last] = range(points.map(({ step }) => step));
  const losses = scaleLinear(range(points.map(({ loss }) => loss)), [0, 1]).nice(lossTicks);
  // Steps end where the training ended.
  const steps = scaleLinear([first, Math.max(last, first + 1)], [0, 1]);
  return { steps: axisOf(steps, stepTicks), losses: axisOf(losses, lossTicks) };
}

function axisOf(scale: ReturnType<typeof scaleLinear>, count: number): Axis {
  const format = scale.tickFormat(count);
  const ticks: number[] = scale.ticks(count);
  return {
    // One number only is in the middle.
    at: (value) => scale(value) || 0,
    ticks: ticks.map((value) => ({ value, text: format(value) })),
  };
}
