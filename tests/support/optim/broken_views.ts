// Distributed optimizers that are wrong about their blocks, which tests of equality must find.

import type { ProcessGroup } from "../../../src/distributed/group.ts";
import { DistributedAdaFactor } from "../../../src/optim/distributed_adafactor.ts";
import type { Factoring } from "../../../src/optim/factoring/dim_roles.ts";
import type { FactoredView } from "../../../src/optim/factoring/factored_view.ts";
import { MeshPlacement } from "../../../src/optim/placement/mesh_placement.ts";
import type { DistributedSetup } from "../../../src/optim/zero/distributed_setup.ts";
import type { Parameter } from "../../../src/tensor/parameter.ts";

/** What is wrong about a block, from how it is and the groups that cut any parameter. */
export type BreakView = (
  view: FactoredView<ProcessGroup>,
  groups: readonly ProcessGroup[],
) => Partial<FactoredView<ProcessGroup>>;

/** DistributedAdaFactor with every block changed by `breakView`. */
export function withBrokenViews(breakView: BreakView): typeof DistributedAdaFactor {
  class BrokenPlacement extends MeshPlacement {
    override viewOf(parameter: Parameter, factoring: Factoring): FactoredView<ProcessGroup> {
      const view = super.viewOf(parameter, factoring);
      return { ...view, ...breakView(view, this.groups) };
    }
  }
  return class Broken extends DistributedAdaFactor {
    override setupDistributed(setup: DistributedSetup): void {
      this.place(() => new BrokenPlacement(this.parameters, setup));
    }
  };
}
