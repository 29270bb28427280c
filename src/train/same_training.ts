// Verifies that all ranks are about to run the same training: before the first step they compare, by name, the task and its data,
// options, learning rates, the model's whole config.json, and digests of its weights.

import { type Compared, describeDifferences, findDifferences } from "../distributed/agreement.ts";
import type { ProcessGroup } from "../distributed/group.ts";
import type { PretrainedModel } from "../models/pretrained_model.ts";
import type { Parameter } from "../tensor/parameter.ts";
import { RefusedTrainingError } from "./refused_training.ts";
import type { TaskIdentity } from "./task.ts";
import type { TrainingOptions } from "./training_options.ts";

/** Does nothing if all ranks agree. @throws {RefusedTrainingError} on all of them, naming what differs, on which ranks, and how */
export async function requireSameTraining(
  group: ProcessGroup,
  { model, task, lr, signal: _signal, onEvent: _onEvent, ...options }: TrainingOptions & {
    readonly model: PretrainedModel<never>;
    readonly task: TaskIdentity;
  },
): Promise<void> {
  if (group.size === 1) return;
  // Ranks may have been started in unlike ways.
  const checkpoints = options.checkpoints && { ...options.checkpoints, about: undefined };
  const { config } = model.form;
  const differences = await findDifferences([group], [
    { name: "the task", value: task.name },
    ...entriesOf(task.facts, "the ", ""),
    { name: "the digest of the training data", value: await task.train.digest() },
    { name: "the digest of the held-out data", value: await task.heldOut.digest() },
    ...entriesOf({ ...options, checkpoints }, "", ""),
    ...await ratesOf(lr, options.steps),
    { name: "the model's class", value: model.constructor.name },
    ...entriesOf(config.values, "", " of config.json"),
    ...await describeWeights([...model.parameters(), ...model.namedBuffers().values()]),
  ]);
  if (differences.length === 0) return;
  throw new RefusedTrainingError(
    `Cannot train as ranks differ: ${
      describeDifferences(differences)
    }. Give all ranks the same files and options, and ` +
      "leave files alone until every rank has read them",
  );
}

/** Digests of all parameters and buffers, computed one after the other, so that only one is on the host at a time. */
export async function digestOfWeights(
  weights: readonly Parameter[],
): Promise<Uint8Array<ArrayBuffer>> {
  const digests: number[] = [];
  for (const parameter of weights) {
    const digest = await crypto.subtle.digest("SHA-256", await parameter.bytes());
    digests.push(...new Uint8Array(digest));
  }
  return Uint8Array.from(digests);
}

/** Every value by its key, those of an object by both: `optimizer.beta1`. */
function entriesOf(values: object, before: string, after: string): Compared[] {
  return Object.entries(values).flatMap(([key, value]: [string, unknown]): Compared[] => {
    if (value === undefined) return [];
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    if (isObject) return entriesOf(value, `${before}${key}.`, after);
    // JSON has no infinity, which configs of Python may have.
    const text = typeof value === "number" ? String(value) : JSON.stringify(value) ?? typeof value;
    return [{ name: `${before}${key}${after}`, value: text }];
  });
}

/** At some steps for the error, and a digest of all of them. */
async function ratesOf(lr: TrainingOptions["lr"], steps: number): Promise<Compared[]> {
  const name = "the kind of learning rate";
  if (lr === undefined) return [{ name, value: "relative" }];
  const rates = Float64Array.from({ length: steps }, (_, k) => lr(k + 1));
  const shown = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, steps].filter((step) => step <= steps);
  return [
    { name, value: "a schedule" },
    ...[...new Set(shown)].map((step) => ({
      name: `the learning rate of step ${step}`,
      value: String(rates[step - 1]),
    })),
    { name: "the digest of all learning rates", value: await shortDigest(rates) },
  ];
}

async function describeWeights(parameters: readonly Parameter[]): Promise<Compared[]> {
  const digests = await digestOfWeights(parameters);
  return parameters.map(({ name, dtype, shape }, index) => {
    const digest = digests.subarray(32 * index, 32 * (index + 1)).toHex().slice(0, 16);
    return { name, value: `[${shape}] of ${dtype} with digest #${digest}` };
  });
}

async function shortDigest(values: Float64Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", values));
  return `#${digest.toHex().slice(0, 16)}`;
}
