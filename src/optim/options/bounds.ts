// Ranges of numbers given as options.

import type { Schedule } from "./schedule.ts";

/** Bounds of a number. */
export interface Bounds {
  least?: number;
  above?: number;
  below?: number;
  most?: number;
}

/** @throws {RangeError} unless `value` is a finite f32 within the bounds, as kernels compute with it */
export function requireWithin(
  name: string,
  value: number,
  { least, above, below, most }: Bounds,
): void {
  const wanted = [
    least === undefined ? "" : `>= ${least}`,
    above === undefined ? "" : `> ${above}`,
    below === undefined ? "" : `< ${below}`,
    most === undefined ? "" : `<= ${most}`,
  ].filter((bound) => bound !== "").join(" and ");
  const ok = Number.isFinite(Math.fround(value)) && (least === undefined || value >= least) &&
    (above === undefined || value > above) && (below === undefined || value < below) &&
    (most === undefined || value <= most);
  if (!ok) throw new RangeError(`${name} must be ${wanted}: current value is ${value}`);
}

/** A number as the schedule that always gives it; what a function gives is checked at every step. */
export function scheduleOf(lr: number | Schedule): Schedule {
  if (typeof lr === "number") return () => lr;
  return (step) => {
    const value = lr(step);
    requireWithin(`lr(${step})`, value, { least: 0 });
    return value;
  };
}

/** The largest finite f32. */
export const MAX_F32 = (2 - 2 ** -23) * 2 ** 127;
