// Verifies that all ranks are about to run the same training: they compare text, options, learning rates and weights.

import type { ProcessGroup } from "../distributed/group.ts";
import type { Decoder } from "../models/decoder.ts";
import { requireAgreement } from "./agreement.ts";
import type { LanguageTrainingOptions } from "./language_training_options.ts";
import type { Tokens } from "./tokenizer.ts";

/** Does nothing if all ranks agree. @throws {Error} on all of them, naming what differs */
export async function requireSameTraining(
  group: ProcessGroup,
  model: Decoder,
  { text, lr, signal: _signal, onEvent: _onEvent, ...options }: LanguageTrainingOptions,
): Promise<void> {
  if (group.size === 1) return;
  // Ranks may have been started in unlike ways.
  const checkpoints = options.checkpoints && { ...options.checkpoints, about: undefined };
  const rates = Float64Array.from({ length: options.steps }, (_, k) => lr?.(k + 1) ?? NaN);
  await requireAgreement(group, {
    "training text": bytesOf(text.train),
    "held-out text": bytesOf(text.heldOut),
    "set of options": new TextEncoder().encode(JSON.stringify({ ...options, checkpoints })),
    "schedule": new Uint8Array(rates.buffer),
    "model": await digestOfWeights(model),
  });
}

/** The bytes of tokens. */
export function bytesOf({ buffer, byteOffset, byteLength }: Tokens): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Digests of all parameters, computed one after the other, so that only one is on the host at a time. */
export async function digestOfWeights(
  model: Pick<Decoder, "parameters">,
): Promise<Uint8Array<ArrayBuffer>> {
  const digests: number[] = [];
  for (const parameter of model.parameters()) {
    const digest = await crypto.subtle.digest("SHA-256", await parameter.bytes());
    digests.push(...new Uint8Array(digest));
  }
  return Uint8Array.from(digests);
}
