// What the demo says of two trainings, and what it calls wrong: pure functions of numbers.

/** Largest relative differences between losses of the same training on two meshes. */
export interface Differences {
  /** Steps that are judged, the first ones: rounding differs between meshes, and every step makes more of it. */
  readonly judged: number;
  /** Over those. */
  readonly early: number;
  /** Over all steps. */
  readonly all: number;
  /** How many steps there are. */
  readonly steps: number;
}

/** What was measured. */
export interface DemoFigures {
  /** Ranks and mesh, in words. */
  readonly mesh: string;
  /** Against one rank; undefined where there is only that one. */
  readonly differences: Differences | undefined;
  readonly heldOutBefore: number;
  readonly heldOutAfter: number;
  /** Held-out loss of the order-2 byte model. */
  readonly order2Loss: number;
  /** Whether the text is the demo's own and steps are as many as it needs to do better than counting. */
  readonly isDefault: boolean;
  /** The device's description. */
  readonly device: string;
}

/** Compares losses step by step. */
export function differencesOf(losses: readonly number[], others: readonly number[]): Differences {
  const relative = losses.map((loss, k) => Math.abs(loss / others[k] - 1));
  const judged = Math.min(JUDGED_STEPS, relative.length);
  return {
    judged,
    early: Math.max(...relative.slice(0, judged)),
    all: Math.max(...relative),
    steps: relative.length,
  };
}

/** What to say, the summary last, and what is wrong. */
export function judge(
  { mesh, differences, heldOutBefore, heldOutAfter, order2Loss, isDefault, device }: DemoFigures,
): { readonly lines: readonly string[]; readonly complaints: readonly string[] } {
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
        `${differences.early.toExponential(1)} over the first ${differences.judged} steps, ` +
        `${differences.all.toExponential(1)} over all ${differences.steps}; ${heldOut}; ` +
        `device ${device.split(":")[0]}`,
  );
  const complaints: string[] = [];
  if (differences !== undefined && !(differences.early <= LARGEST_DIFFERENCE)) {
    complaints.push(
      `the mesh changes the training: losses may differ by ${LARGEST_DIFFERENCE}; please report it`,
    );
  }
  if (!(heldOutAfter < heldOutBefore)) {
    complaints.push("the model learns nothing: held-out loss must fall; please report it");
  }
  if (isDefault && !beatsCounting) {
    complaints.push(
      `the model learns no more than counting: held-out loss must fall below ${
        order2Loss.toFixed(3)
      }; please report it`,
    );
  }
  return { lines, complaints };
}

const JUDGED_STEPS = 50;
/** Of losses of the same training on another mesh, relative. */
const LARGEST_DIFFERENCE = 1e-4;
