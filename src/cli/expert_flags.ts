// The flag that says what each of the ranks that split a model has of a mixture of experts.

import { Option } from "commander";
import type { ExpertSplit } from "../models/splitting/split_plan.ts";

/** `--experts` */
export function expertsOption(): Option {
  return new Option(
    "--experts <what>",
    "what each of the --tensor ranks has of a mixture of experts: hidden features of all experts, or some experts whole, to which " +
      "tokens are sent (default: features)",
  ).choices(["features", "whole"]);
}

/** The error for flags that do not fit together; undefined if there is none. */
export function expertsConflict(
  { experts, tensor }: { readonly experts?: ExpertSplit | undefined; readonly tensor: number },
): string | undefined {
  if (experts === undefined || tensor > 1) return undefined;
  return `--experts ${experts} is for a model that --tensor ranks split, and --tensor is 1: leave it out`;
}
