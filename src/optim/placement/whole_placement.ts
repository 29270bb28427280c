// Parameters that are whole on one rank.

import type { ProcessGroup } from "../../distributed/group.ts";
import type { Layout } from "../../distributed/layout.ts";
import type { DeviceRange } from "../../tensor/device_range.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import type { FloatTensor } from "../../tensor/tensor.ts";
import { withoutPads } from "../factoring/block_of_whole.ts";
import type { Factoring } from "../factoring/dim_roles.ts";
import { type FactoredView, factoredView } from "../factoring/factored_view.ts";
import type { HostGradient } from "../step/diagnostics.ts";
import type { Placement } from "./placement.ts";

/** All on one rank. */
export class WholePlacement implements Placement {
  readonly isSetUp = true;
  readonly isAlone = true;
  readonly exchangesInBackward = false;
  readonly hasPeers = false;
  readonly comparesValues = false;
  readonly holdsGradients = false;
  readonly groups: readonly ProcessGroup[] = [];

  async requireAgreement(): Promise<void> {}

  layoutOf({ layout }: Parameter): Layout<ProcessGroup> {
    return layout;
  }

  viewOf(
    { layout, name }: Parameter,
    factoring: Factoring,
    { isPerMatrix = false }: { readonly isPerMatrix?: boolean } = {},
  ): FactoredView<ProcessGroup> {
    if (layout.splits.length > 0) {
      throw new TypeError(
        `Cannot step as ${name} is split over ranks: use DistributedAdaFactor and call setupDistributed(), or ` +
          "DistributedAdamW",
      );
    }
    return factoredView(isPerMatrix ? layout.ofMatrices : layout, { factoring });
  }

  offsetOf(): number {
    return 0;
  }

  async backward(loss: () => FloatTensor): Promise<void> {
    await loss().backward();
  }

  clearGradients(): void {}

  async run(step: () => Promise<void>): Promise<void> {
    await step();
  }

  async gatherGradients(): Promise<void> {}

  hasGradient({ grad }: Parameter): boolean {
    return grad !== undefined;
  }

  async agreeOn(): Promise<void> {}

  gradients(parameters: readonly Parameter[]): Promise<readonly DeviceRange[]> {
    return Promise.resolve(parameters.map(wholeGradient));
  }

  async publish(): Promise<void> {}

  async readGradient({ grad, layout }: Parameter): Promise<HostGradient | undefined> {
    return grad && { values: withoutPads(await grad.data(), layout), groups: [] };
  }

  [Symbol.dispose](): void {}
}

/** The gradient that `backward` left, which must be there. */
export function wholeGradient({ grad }: Parameter): DeviceRange {
  const { buffer, length, dtype } = grad!;
  return { buffer, offset: 0, length, dtype };
}
