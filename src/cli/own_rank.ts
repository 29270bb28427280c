// Which of how many ranks this process is: alone, unless a launcher has started it.

import { launch, launchFromEnv, optionsFromEnv } from "../distributed/launch.ts";
import { isLaunched } from "../distributed/launcher/launcher_variables.ts";
import type { World } from "../distributed/world.ts";
import { USAGE_CODE } from "./usage.ts";

/** This process among those of its job. */
export interface OwnRank {
  readonly rank: number;
  readonly worldSize: number;
  /** Joins the job. */
  readonly join: () => Promise<World>;
}

/** Reads the variables of a launcher; prints an error and ends the process with code 2 if they are wrong. */
export function ownRank(): OwnRank {
  try {
    if (!isLaunched(Deno.env)) return { ...ALONE, join: () => launch(ALONE) };
    const { rank, worldSize } = optionsFromEnv(Deno.env);
    if (rank < worldSize) return { rank, worldSize, join: () => launchFromEnv() };
    throw new RangeError(
      `this is rank ${rank}, and there are ${worldSize}: ranks are 0 to ${worldSize - 1}`,
    );
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : error}`);
    Deno.exit(USAGE_CODE);
  }
}

const ALONE = { rank: 0, worldSize: 1, host: "127.0.0.1", port: 29500 };
