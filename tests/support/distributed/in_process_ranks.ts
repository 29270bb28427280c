// n ranks in one process, over real loopback sockets, each with its own World.

import { freePort } from "../../../src/distributed/launcher/free_port.ts";
import { World } from "../../../src/distributed/world.ts";
import type { WorldOptions } from "../../../src/distributed/membership/world_options.ts";

/** Options of the worlds, except those that `inProcessRanks` sets. */
export type RankOptions = Partial<
  Pick<WorldOptions, "timeoutMs" | "stallTimeoutMs" | "algorithms">
>;

/**
 * Runs `body` concurrently on `size` ranks and returns their results in rank order. All worlds are closed at the end. If a
 * rank's body throws, the job is aborted so that all others end, and the first error is rethrown.
 */
export async function inProcessRanks<T>(
  size: number,
  body: (world: World) => Promise<T>,
  options: RankOptions = {},
): Promise<T[]> {
  const job = {
    worldSize: size,
    host: "127.0.0.1",
    port: freePort(),
    timeoutMs: 20_000,
    ...options,
  };
  const joined = await Promise.allSettled(
    Array.from({ length: size }, (_, rank) => World.join({ ...job, rank })),
  );
  const worlds = joined.flatMap((each) => each.status === "fulfilled" ? [each.value] : []);
  const failures: unknown[] = joined.flatMap((each) =>
    each.status === "rejected" ? [each.reason] : []
  );
  const results: T[] = [];
  if (failures.length === 0) {
    await Promise.all(worlds.map(async (world) => {
      try {
        results[world.rank] = await body(world);
      } catch (error) {
        failures.push(error);
        await world.abort(error instanceof Error ? error : new Error(String(error)));
      }
    }));
  }
  const closed = await Promise.allSettled(worlds.map((world) => world.close()));
  failures.push(...closed.flatMap((each) => each.status === "rejected" ? [each.reason] : []));
  if (failures.length > 0) throw failures[0];
  return results;
}
