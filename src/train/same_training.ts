// Verifies that all ranks are about to run the same training: they compare data, options, learning rates and weights.

import type { ProcessGroup } from "../distributed/group.ts";
import type { PretrainedModel } from "../models/pretrained_model.ts";
import { requireAgreement } from "./agreement.ts";
import type { TaskIdentity } from "./task.ts";
import type { TrainingOptions } from "./training_options.ts";

/** Does nothing if all ranks agree. @throws {Error} on all of them, naming what differs */
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
  const rates = Float64Array.from({ length: options.steps }, (_, k) => lr?.(k + 1) ?? NaN);
  const encode = (text: string) => new TextEncoder().encode(text);
  const { name, facts } = task;
  await requireAgreement(group, {
    "task": encode(JSON.stringify({ name, facts })),
    "set of training data": encode(await task.train.digest()),
    "set of held-out data": encode(await task.heldOut.digest()),
    "set of options": encode(JSON.stringify({ ...options, checkpoints })),
    "schedule": new Uint8Array(rates.buffer),
    "model": await digestOfWeights(model),
  });
}

/** Digests of all parameters, computed one after the other, so that only one is on the host at a time. */
export async function digestOfWeights(
  model: Pick<PretrainedModel<never>, "parameters">,
): Promise<Uint8Array<ArrayBuffer>> {
  const digests: number[] = [];
  for (const parameter of model.parameters()) {
    const digest = await crypto.subtle.digest("SHA-256", await parameter.bytes());
    digests.push(...new Uint8Array(digest));
  }
  return Uint8Array.from(digests);
}
