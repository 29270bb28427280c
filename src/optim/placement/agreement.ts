// What all ranks of a mesh must have alike before the first step: a rank with another learning rate, other initial weights or its
// parameters in another order would go on without a sign of it, and spoil the others' weights.
//
//   options, parameters, setup     by name, on all ranks
//   values of a parameter          a digest of this rank's shard, which all ranks with the same shard must have
//
// One all-gather per group, once.

import {
  type Compared,
  describeDifferences,
  findDifferences,
} from "../../distributed/agreement.ts";
import type { ProcessGroup } from "../../distributed/group.ts";
import type { Layout } from "../../distributed/layout.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import { distinctNames } from "../../tensor/parameter_names.ts";
import type { CheckedSetup } from "../zero/distributed_setup.ts";

/**
 * What an optimizer has that placements do not know: its options, and which of them hold for a parameter.
 *
 * @category Optimizers
 */
export interface DescribedOptimizer {
  /** Its rule, options and loaded state. */
  readonly options: readonly Compared[];
  /** The options of a parameter, where there are several: their number. */
  readonly groupOf: (parameter: Parameter) => number;
}

/** @throws {TypeError} on all ranks, naming what differs, on which of them and how */
export async function requireAgreement(
  parameters: readonly Parameter[],
  { options, groupOf }: DescribedOptimizer,
  setup: CheckedSetup,
): Promise<void> {
  const { allGroups, layouts, zeroStage, bucketBytes, comparesWeights } = setup;
  const names = distinctNames(parameters, parameters);
  const differences = await findDifferences(allGroups, [
    { name: "zeroStage", value: String(zeroStage) },
    ...(zeroStage === 2 ? [{ name: "bucketBytes", value: String(bucketBytes) }] : []),
    ...options,
    { name: "the number of parameters", value: String(parameters.length) },
    ...parameters.map((parameter, index): Compared => ({
      name: `parameter ${index}`,
      value: describeParameter(parameter, layouts.get(parameter)!, groupOf(parameter)),
    })),
    ...(comparesWeights ? await digestsOf(parameters, { names, layouts }) : []),
  ]);
  if (differences.length === 0) return;
  throw new TypeError(
    `Cannot step as ranks differ: ${
      describeDifferences(differences)
    }. Give all ranks the same options, and the same ` +
      "parameters with the same values in the same order",
  );
}

function describeParameter(
  { name, dtype, gradientDtype }: Parameter,
  { globalShape, paddedShape, splits }: Layout<ProcessGroup>,
  group: number,
): string {
  const padded = paddedShape.join() === globalShape.join() ? "" : ` padded to [${paddedShape}]`;
  const cuts = splits.map(({ dim, group: { size }, unit = 1 }) =>
    `, dim ${dim} split over ${size} ranks${unit === 1 ? "" : ` in units of ${unit}`}`
  );
  return `${name} [${globalShape}]${padded} of ${dtype}, gradient ${
    dtype === gradientDtype ? "alike" : gradientDtype
  }` +
    `${cuts.join("")}, options number ${group}`;
}

/** One after the other, so that only one or two are on the host at a time. */
async function digestsOf(
  parameters: readonly Parameter[],
  { names, layouts }: {
    readonly names: readonly string[];
    readonly layouts: ReadonlyMap<Parameter, Layout<ProcessGroup>>;
  },
): Promise<Compared[]> {
  const compared: Compared[] = [];
  for (const [index, parameter] of parameters.entries()) {
    const digest = await crypto.subtle.digest("SHA-256", await parameter.bytes());
    const splitOver = layouts.get(parameter)!.splits.map(({ group }) => group);
    const value = `#${new Uint8Array(digest).toHex().slice(0, 16)}`;
    compared.push({ name: `the digest of ${names[index]}`, value, splitOver });
  }
  return compared;
}
