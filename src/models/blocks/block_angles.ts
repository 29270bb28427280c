// The rotary angles of a block: those of the model's settings that its attention asks for.

import type { RotaryAngles } from "../../ops/rotary.ts";
import type { PassAngles } from "../positions/rotary_by_layer.ts";
import type { Block } from "./block.ts";

/** The angles of one block in a pass. */
export function anglesOf(block: Block, angles: PassAngles | undefined): RotaryAngles | undefined {
  const { description } = block.attention;
  return description.projections !== "latent" && description.rotarySettings === "local"
    ? angles?.local
    : angles?.global;
}
