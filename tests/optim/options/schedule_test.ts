import assert from "node:assert/strict";
import {
  constantSchedule,
  cosineSchedule,
  inverseSquareRootSchedule,
  linearSchedule,
} from "../../../src/optim/options/schedule.ts";

const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) <= 1e-12, `wanted ${expected}, got ${actual}`);

Deno.test("every schedule grows linearly to its peak during the warm-up", () => {
  const schedules = [
    constantSchedule(0.4, { warmup: 4 }),
    linearSchedule(0.4, { steps: 20, warmup: 4 }),
    cosineSchedule(0.4, { steps: 20, warmup: 4 }),
    inverseSquareRootSchedule(0.4, { warmup: 4 }),
  ];
  for (const schedule of schedules) {
    [1, 2, 3, 4].forEach((step) => near(schedule(step), 0.1 * step));
  }
});

Deno.test("constantSchedule() stays at its peak", () => {
  near(constantSchedule(0.4)(1), 0.4);
  near(constantSchedule(0.4, { warmup: 4 })(1000), 0.4);
});

Deno.test("linearSchedule() goes down in a straight line and stays at its end", () => {
  const schedule = linearSchedule(1, { steps: 12, end: 0.2, warmup: 2 });
  near(schedule(7), 0.6);
  near(schedule(12), 0.2);
  near(schedule(100), 0.2);
});

Deno.test("cosineSchedule() goes down along half a cosine and stays at its end", () => {
  const schedule = cosineSchedule(1, { steps: 12, end: 0.2, warmup: 2 });
  near(schedule(7), 0.6);
  near(schedule(12), 0.2);
  near(schedule(100), 0.2);
  // Flat at both ends: steeper than the line in the middle only.
  assert.ok(schedule(3) > 1 - 0.8 / 10 && schedule(11) < 0.2 + 0.8 / 10);
});

Deno.test("inverseSquareRootSchedule() falls by the root of the step from where the warm-up ends", () => {
  near(inverseSquareRootSchedule(1, { warmup: 100 })(400), 0.5);
  near(inverseSquareRootSchedule(1)(4), 0.5);
});

Deno.test("schedules refuse negative numbers and a warm-up that never ends", () => {
  assert.throws(() => constantSchedule(-1), /the peak must be >= 0/);
  assert.throws(() => inverseSquareRootSchedule(1, { warmup: NaN }), /warmup must be >= 0/);
  assert.throws(() => cosineSchedule(1, { steps: 5, warmup: 5 }), /steps must be above warmup/);
  assert.throws(() => linearSchedule(1, { steps: 5, end: -1 }), /end must be >= 0/);
});
