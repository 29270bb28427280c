// The summary that the demo prints, and the problems that it reports: pure functions of what it measured.

/** The largest relative differences between the losses of the same training on two meshes. */
export interface LossDifferences {
  /** Number of first steps that must agree: rounding differs between meshes, and the differences grow with every step. */
  readonly numCompared: number;
  /** The difference over those steps. */
  readonly early: number;
  /** The difference over all steps. */
  readonly all: number;
  /** Number of all steps. */
  readonly steps: number;
}

/** The demo's measurements. */
export interface DemoMeasurements {
  /** The ranks and the mesh, for messages. */
  readonly mesh: string;
  /** LossDifferences from the training on one rank; undefined if that is the only one. */
  readonly differences: LossDifferences | undefined;
  readonly heldOutBefore: number;
  readonly heldOutAfter: number;
  /** Held-out loss of the order-2 byte model. */
  readonly order2Loss: number;
  /** Whether text and number of steps are the defaults, with which the model must beat the baseline. */
  readonly isDefault: boolean;
  /** The device's description. */
  readonly device: string;
}

/** Compares losses step by step. */
export function compareLosses(
  losses: readonly number[],
  others: readonly number[],
): LossDifferences {
  const relative = losses.map((loss, k) => Math.abs(loss / others[k] - 1));
  const numCompared = Math.min(COMPARED_STEPS, relative.length);
  return {
    numCompared,
    early: Math.max(...relative.slice(0, numCompared)),
    all: Math.max(...relative),
    steps: relative.length,
  };
}

/** Lines to print, the summary last, and problems. */
export function summarize(
  { mesh, differences, heldOutBefore, heldOutAfter, order2Loss, isDefault, device }:
    DemoMeasurements,
): { readonly lines: readonly string[]; readonly problems: readonly string[] } {
  const heldOut = `held-out loss ${heldOutBefore.toFixed(3)} -> ${heldOutAfter.toFixed(3)}`;
  const beatsCounting = heldOutAfter < order2Loss;
  const lines = [
    `${heldOut}, ${beatsCounting ? "below" : "not below"} the order-2 byte model's ` +
    order2Loss.toFixed(3) +
    (isDefault || beatsCounting ? "" : ": fewer steps or another text than the demo's own"),
  ];
  lines.push(
    differences === undefined
      ? `demo: ${mesh} alone, nothing to compare with; start more with --ranks`
      : `demo: ${mesh} vs 1 rank: largest relative loss difference ` +
        `${differences.early.toExponential(1)} over the first ${differences.numCompared} steps, ` +
        `${differences.all.toExponential(1)} over all ${differences.steps}; ${heldOut}; ` +
        `device ${device.split(":")[0]}`,
  );
  const problems: string[] = [];
  if (differences !== undefined && !(differences.early <= LARGEST_DIFFERENCE)) {
    problems.push(
      `the mesh changes the training: losses may differ by ${LARGEST_DIFFERENCE}; please report it`,
    );
  }
  if (!(heldOutAfter < heldOutBefore)) {
    problems.push("the model learns nothing: held-out loss must fall; please report it");
  }
  if (isDefault && !beatsCounting) {
    problems.push(
      `the model learns no more than counting: held-out loss must fall below ${
        order2Loss.toFixed(3)
      }; please report it`,
    );
  }
  return { lines, problems };
}

const COMPARED_STEPS = 50;
/** The largest accepted relative difference of losses. */
const LARGEST_DIFFERENCE = 1e-4;
