// Trajectories of torch.optim.AdamW (tests/goldens/adamw), with this project's names for their arguments.

import type { AdamWOptions } from "../../../src/optim/options/adamw_options.ts";
import { goldensIn } from "../goldens.ts";
import type { Golden } from "./golden.ts";

/** The trajectories whose file name begins with `prefix`. @throws {Error} if there are none */
export function adamwGoldens(prefix: string): Golden[] {
  return goldensIn<Golden>("adamw", prefix);
}

/** The golden's arguments; refuses any that it does not know. */
export function adamwOptionsOf({ arguments: given }: Pick<Golden, "arguments">): AdamWOptions {
  const options: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    const known = NAMES[name];
    if (known === undefined) throw new TypeError(`The golden has an unknown argument ${name}`);
    options[known] = value;
  }
  return options as AdamWOptions;
}

const NAMES: Readonly<Record<string, keyof AdamWOptions>> = {
  lr: "lr",
  betas: "betas",
  eps: "eps",
  weight_decay: "weightDecay",
  maximize: "maximize",
};
