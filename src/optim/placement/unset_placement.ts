// A distributed optimizer before setupDistributed(): it can compute and forget gradients, and nothing else.

import { WholePlacement } from "./whole_placement.ts";
import type { Placement } from "./placement.ts";

/** The placement until another one is set. */
export function unsetPlacement(): Placement {
  const whole = new WholePlacement();
  const refuse = (): never => {
    throw new TypeError(
      "Cannot step, save or load before setupDistributed(): call it once, on every rank, before anything else",
    );
  };
  return {
    isSetUp: false,
    isAlone: false,
    exchangesInBackward: false,
    hasPeers: false,
    comparesValues: false,
    holdsGradients: false,
    groups: [],
    requireAgreement: refuse,
    backward: (loss) => whole.backward(loss),
    clearGradients: () => whole.clearGradients(),
    layoutOf: refuse,
    viewOf: refuse,
    offsetOf: refuse,
    // deno-lint-ignore require-await -- an error rejects
    run: async () => refuse(),
    gatherGradients: refuse,
    hasGradient: refuse,
    agreeOn: refuse,
    gradients: refuse,
    publish: refuse,
    readGradient: refuse,
    [Symbol.dispose]() {},
  };
}
