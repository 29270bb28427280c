// The placement of an optimizer's parameters, gradients and batches: whole on one rank (whole_placement.ts), or spread over a mesh of
// tensor-parallel x data-parallel ranks (mesh_placement.ts). The optimizer uses this interface alone.

import type { ProcessGroup } from "../../distributed/group.ts";
import type { Layout } from "../../distributed/layout.ts";
import type { DeviceRange } from "../../tensor/device_range.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import type { FloatTensor } from "../../tensor/tensor.ts";
import type { Factoring } from "../factoring/dim_roles.ts";
import type { FactoredView } from "../factoring/factored_view.ts";
import type { HostGradient } from "../step/diagnostics.ts";
import type { DescribedOptimizer } from "./agreement.ts";

/**
 * The placement of parameters and gradients, and the communication that moves them.
 *
 * @category Optimizers
 */
export interface Placement extends Disposable {
  /** Whether it is known how parameters are cut: on a mesh, after `setupDistributed()`. */
  readonly isSetUp: boolean;
  /** Whether no other rank takes part, so that a parameter can be stepped without the others. */
  readonly isAlone: boolean;
  /** Whether ranks exchange gradients in `backward`, so that nothing else may be under way. */
  readonly exchangesInBackward: boolean;
  /** Whether there are other ranks, which must have the same options and parameters. */
  readonly hasPeers: boolean;
  /** Whether they compare digests of values, too. */
  readonly comparesValues: boolean;
  /** Whether it holds gradients besides those in `parameter.grad`. */
  readonly holdsGradients: boolean;
  /** Groups over which sums may add up, in the order of every exchange. */
  readonly groups: readonly ProcessGroup[];

  /** Verifies that all ranks have the same options and parameters. @throws {TypeError} on all of them if not */
  requireAgreement(described: DescribedOptimizer): Promise<void>;

  /** How the parameter is cut. */
  layoutOf(parameter: Parameter): Layout<ProcessGroup>;
  /** This rank's block of `parameter`, with each matrix of a stack by itself if it `isPerMatrix`. @throws {TypeError} if it is not placed so */
  viewOf(
    parameter: Parameter,
    factoring: Factoring,
    options?: { readonly isPerMatrix?: boolean },
  ): FactoredView<ProcessGroup>;
  /** First element of this rank's block of `parameter`. */
  offsetOf(parameter: Parameter): number;

  /** Computes gradients of the loss; they add to those already there. */
  backward(loss: () => FloatTensor): Promise<void>;
  /** Forgets the gradients that it holds itself. */
  clearGradients(): void;

  /** Runs a step. @throws {TypeError} before it is set up */
  run(step: () => Promise<void>): Promise<void>;
  /** Prepares gradients for `hasGradient` and `gradients`; called first in a step. */
  gatherGradients(): Promise<void>;
  /** Whether there is a gradient to step with. */
  hasGradient(parameter: Parameter): boolean;
  /** Verifies that all ranks step the same parameters, where some may lack a gradient. */
  agreeOn(parameters: readonly Parameter[]): Promise<void>;
  /**
   * The gradients to use, in order of `parameters`; buffers that are added to `scope` live until the step ends. `label` begins the
   * labels of exchanges.
   */
  gradients(
    parameters: readonly Parameter[],
    options: { readonly scope: DisposableStack; readonly label: string },
  ): Promise<readonly DeviceRange[]>;
  /** Sends updated blocks to the ranks that need them. */
  publish(parameters: readonly Parameter[]): Promise<void>;

  /** The gradient as this rank holds it, without pads, on the host; undefined if there is none. */
  readGradient(parameter: Parameter): Promise<HostGradient | undefined>;
}
