// What a training is of: facts that must be the same where one goes on from a checkpoint, and settings that may change, which is
// reported. The mesh, the device and the files that are written may be others.

import type { ModelConfig } from "../models/config/model_config.ts";
import type { PretrainedModel } from "../models/pretrained_model.ts";
import { digestOfWeights } from "./same_training.ts";
import type { TaskIdentity } from "./task.ts";
import type { TrainingOptions } from "./training_options.ts";

/** Facts by name: numbers and short texts, or digests as "sha256:...". */
export interface TrainingFacts {
  /** They make it this training. */
  readonly identity: Readonly<Record<string, string>>;
  /** They may change. */
  readonly settings: Readonly<Record<string, string>>;
}

/** The facts of a training; the model is as it was loaded or made, before it is split. */
export async function factsOf(
  { model, task, ...options }: TrainingOptions & {
    readonly model: PretrainedModel<never>;
    readonly task: TaskIdentity;
  },
): Promise<TrainingFacts> {
  const { seed, steps, batch, accumulate, dropout, evaluateEvery, lr, frozen = [] } = options;
  const { algorithm = "adafactor", masterWeights = false, ...optimizer } = options.optimizer ?? {};
  const hasMomentum = algorithm !== "adafactor" || optimizer.beta1 !== undefined;
  const rates = Float64Array.from({ length: steps }, (_, k) => lr?.(k + 1) ?? NaN);
  return {
    identity: {
      "seed": String(seed),
      "dtype": model.parameters()[0].dtype,
      "algorithm": algorithm,
      "use of master weights": String(masterWeights),
      "use of momentum": String(hasMomentum),
      "task": task.name,
      ...task.facts,
      ...(frozen.length === 0 ? {} : {
        "set of frozen parameters": await digest(new TextEncoder().encode(frozen.join("\n"))),
      }),
      "model": await digest(
        new TextEncoder().encode(settingsOf(model.form.config)),
        await digestOfWeights([...model.parameters(), ...model.namedBuffers().values()]),
      ),
      "set of data or tokenizer": await task.train.digest(),
    },
    settings: {
      "number of steps": String(steps),
      "batch": String(batch),
      "number of micro-batches": String(accumulate),
      "dropout": String(dropout ?? 0),
      "interval of evaluations": String(evaluateEvery),
      "set of held-out data": await task.heldOut.digest(),
      "optimizer": JSON.stringify(optimizer),
      "learning rate, schedule or warm-up": await digest(new Uint8Array(rates.buffer)),
    },
  };
}

/** What differs, in words. */
export function differences(
  before: TrainingFacts,
  now: TrainingFacts,
): { readonly refused: string[]; readonly reported: string[] } {
  const between = (
    one: Readonly<Record<string, string>>,
    other: Readonly<Record<string, string>>,
  ) =>
    Object.keys(other).filter((name) => one[name] !== other[name]).map((name) =>
      isDigest(other[name]) ? name : `${name} (${one[name]}, now ${other[name]})`
    );
  return {
    refused: between(before.identity, now.identity),
    reported: between(before.settings, now.settings),
  };
}

function isDigest(text: string): boolean {
  return text.startsWith(DIGEST);
}

const DIGEST = "sha256:";

async function digest(...parts: Uint8Array<ArrayBuffer>[]): Promise<string> {
  const digests = await Promise.all(parts.map((each) => crypto.subtle.digest("SHA-256", each)));
  return DIGEST + digests.map((each) => new Uint8Array(each).toHex()).join("");
}

/** Its settings but for the dtype, which is a fact of its own. */
function settingsOf({ values }: ModelConfig): string {
  const { dtype: _dtype, torch_dtype: _torchDtype, ...rest } = values;
  return JSON.stringify(rest);
}
