// A mixture of experts in place of an MLP (Shazeer et al. 2017; Mixtral, Jiang et al. 2024; DeepSeekMoE, Dai et al. 2024):
//
//   y = sum of weight_e expert_e(x) over the experts e that the router chooses for the token  (+ shared(x))
//
// Layers know nothing of ranks: splitting/ replaces the stack of experts, and shared as any MLP.

import type { LayerMaker } from "../../nn/layer_maker.ts";
import { Module } from "../../nn/module.ts";
import { add } from "../../ops/add.ts";
import { reshape } from "../../ops/reshape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { ExpertsDescription } from "./block_description.ts";
import { ExpertRouter } from "./expert_router.ts";
import { ExpertStack, type RoutedTokens } from "./expert_stack.ts";
import { Mlp, type MlpInput } from "./mlp.ts";

/**
 * A router, E experts, and perhaps an MLP that all tokens have.
 *
 * @category Models
 */
export class Experts extends Module<MlpInput> {
  /** Chooses the experts of each token. */
  readonly router: ExpertRouter;
  /** All experts. */
  stack: Module<RoutedTokens>;
  /** The MLP of all tokens, if there is one. */
  readonly shared?: Mlp;
  /** Its configuration. */
  readonly description: ExpertsDescription;

  /** Experts for blocks of D features. */
  constructor(make: LayerMaker, { width, description }: {
    readonly width: number;
    readonly description: ExpertsDescription;
  }) {
    super();
    const { count, width: inner, activation, routing, sharedWidth, outputDeviation } = description;
    this.router = new ExpertRouter(make.within("router"), { width, count, routing });
    this.stack = new ExpertStack(make.within("stack"), {
      width,
      count,
      inner,
      activation,
      outputDeviation,
    });
    if (sharedWidth !== undefined) {
      this.shared = new Mlp(make.within("shared"), {
        width,
        description: {
          kind: "gated",
          width: sharedWidth,
          activation,
          bias: false,
          storage: "outIn",
          outputDeviation,
        },
      });
    }
    this.description = description;
  }

  /** x [..., D] -> [..., D] */
  override async forward({ x, routing }: MlpInput): Promise<Tensor> {
    const width = x.shape.at(-1)!;
    const rows = reshape(x, [x.length / width, width]);
    const { scores, chosen, weights } = await this.router.route(rows);
    routing?.add(this, { scores, chosen });
    const mixture = reshape(await this.stack.forward({ x: rows, weights, chosen }), x.shape);
    return this.shared === undefined ? mixture : add(mixture, await this.shared.forward({ x }));
  }
}
