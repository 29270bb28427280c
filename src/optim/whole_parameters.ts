// What a step asks about its parameters, answered as on one rank, which has them whole. DistributedAdaFactor overrides these
// methods: everything that differs when parameters are split is here.

import type { ProcessGroup } from "../distributed/group.ts";
import type { Parameter } from "../tensor/parameter.ts";
import type { GradientBlock } from "./step/passes.ts";
import { withoutPads } from "./factoring/block_of_whole.ts";
import type { HostGradient } from "./step/diagnostics.ts";
import { type FactoredView, factoredView } from "./factoring/factored_view.ts";
import type { Factoring } from "./factoring/dim_roles.ts";
import type { Hyperparameters } from "./options/hyperparameters.ts";

/** Parameters with their options, on one rank. */
export abstract class WholeParameters {
  /** Every parameter's checked options, in the order given. */
  protected readonly hyper: ReadonlyMap<Parameter, Hyperparameters>;

  /** Takes checked options. */
  constructor(hyper: ReadonlyMap<Parameter, Hyperparameters>) {
    this.hyper = hyper;
  }

  /** The parameters, in the order given. */
  get parameters(): readonly Parameter[] {
    return [...this.hyper.keys()];
  }

  /** Groups over which sums may add up, in the order of every exchange. */
  protected get groups(): readonly ProcessGroup[] {
    return [];
  }

  /** This rank's block of `parameter`. */
  protected viewOf(parameter: Parameter): FactoredView<ProcessGroup> {
    if (parameter.layout.splits.length > 0) {
      throw new TypeError(
        `Cannot step as ${parameter.name} is split over ranks: use DistributedAdaFactor and call setupDistributed()`,
      );
    }
    return factoredView(parameter.layout, { factoring: this.factoringOf(parameter) });
  }

  /** Which of its dims share statistics. */
  protected factoringOf(parameter: Parameter): Factoring {
    return this.hyper.get(parameter)!.factoring;
  }

  /** First element of this rank's block of `parameter`. */
  protected offsetOf(_parameter: Parameter): number {
    return 0;
  }

  /** Brings gradients to where `hasGradient` and `gradientBlocks` look for them; the first thing that a step does. */
  protected gatherGradients(): Promise<void> {
    return Promise.resolve();
  }

  /** Whether there is a gradient to step with. */
  protected hasGradient(parameter: Parameter): boolean {
    return parameter.grad !== undefined;
  }

  /** The gradient as this rank holds it, without pads, on the host; undefined if there is none. */
  protected async readGradient(parameter: Parameter): Promise<HostGradient | undefined> {
    const { grad, layout } = parameter;
    return grad && { values: withoutPads(await grad.data(), layout), groups: [] };
  }

  /** The gradients to use, in order of `parameters`; what is pushed on `scope` lives until the step ends. */
  protected gradientBlocks(
    parameters: readonly Parameter[],
    _scope: DisposableStack,
  ): Promise<readonly GradientBlock[]> {
    return Promise.resolve(parameters.map(({ grad }) => {
      const { buffer, dtype } = grad!;
      return { buffer, offset: 0, dtype };
    }));
  }

  /** Makes sure that all ranks step the same parameters, where some may lack a gradient. */
  protected agreeOn(_parameters: readonly Parameter[]): Promise<void> {
    return Promise.resolve();
  }

  /** Brings updated blocks to the ranks that need them. */
  protected publish(_parameters: readonly Parameter[]): Promise<void> {
    return Promise.resolve();
  }
}
