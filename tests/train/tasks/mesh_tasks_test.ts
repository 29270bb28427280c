// Every task trains alike on every mesh and with any number of micro-batches, with dropout: losses, metrics and what is learnt.

import assert from "node:assert/strict";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import type { World } from "../../../src/distributed/world.ts";
import { train } from "../../../src/train/training.ts";
import type { TrainingEvent } from "../../../src/train/training_options.ts";
import { inProcessRanks } from "../../support/distributed/in_process_ranks.ts";
import { smallTasks } from "../../support/train/small_tasks.ts";

interface Mesh {
  readonly tensor: number;
  readonly zero: number;
  readonly accumulate: number;
}

const ONE: Mesh = { tensor: 1, zero: 1, accumulate: 1 };
const OTHERS: readonly Mesh[] = [
  { tensor: 1, zero: 1, accumulate: 2 },
  { tensor: 1, zero: 2, accumulate: 1 },
  { tensor: 2, zero: 1, accumulate: 1 },
  { tensor: 2, zero: 2, accumulate: 2 },
];
const STEPS = 12;

async function run(
  world: World,
  what: string,
  { tensor, zero, accumulate }: Mesh,
): Promise<TrainingEvent[]> {
  using device = wasmDevice();
  const { model, task } = smallTasks[what](device);
  using _model = model;
  const events: TrainingEvent[] = [];
  await train(world, {
    model,
    task,
    batch: 12 / accumulate,
    accumulate,
    steps: STEPS,
    tensor,
    zero,
    zeroStage: 2,
    lr: () => 2e-2,
    dropout: 0.1,
    optimizer: { algorithm: "adamw" },
    seed: 3,
    evaluateEvery: 6,
    onEvent: (event) => events.push(event),
  });
  return events;
}

/** Losses of steps and evaluations, and the metrics of the latter. */
function numbersOf(events: readonly TrainingEvent[]): { steps: number[]; evaluations: number[] } {
  const steps = events.flatMap((event) => event.kind === "step" ? [event.loss] : []);
  const evaluations = events.flatMap((event) =>
    event.kind === "evaluation" ? [event.loss, ...Object.values(event.metrics)] : []
  );
  return { steps, evaluations };
}

function assertNear(actual: readonly number[], expected: readonly number[], what: string): void {
  assert.equal(actual.length, expected.length);
  for (const [k, value] of expected.entries()) {
    assert.ok(
      Math.abs(actual[k] - value) <= 2e-4 * Math.max(1, Math.abs(value)),
      `${what} ${k}: ${actual[k]} instead of ${value}`,
    );
  }
}

for (const what of Object.keys(smallTasks)) {
  Deno.test(`${what}: losses and metrics are the same on every mesh`, async (t) => {
    const [one] = await inProcessRanks(1, (world) => run(world, what, ONE));
    const { steps, evaluations } = numbersOf(one);
    assert.equal(steps.length, STEPS);
    const mean = (some: readonly number[]) => some.reduce((a, b) => a + b) / some.length;
    assert.ok(mean(steps.slice(-3)) < 0.9 * mean(steps.slice(0, 3)), `${steps}`);
    for (const mesh of OTHERS) {
      const { tensor, zero, accumulate } = mesh;
      const name = `tensor ${tensor} x ZeRO ${zero}, ${accumulate} micro-batches`;
      await t.step(name, async () => {
        const all = await inProcessRanks(tensor * zero, (world) => run(world, what, mesh));
        for (const events of all) {
          const numbers = numbersOf(events);
          assertNear(numbers.steps, steps, "step");
          assertNear(numbers.evaluations, evaluations, "evaluation");
        }
      });
    }
  });
}
