// The default world: the one that this process joined with launch(), for code that is given none.

import type { World } from "./world.ts";

let current: World | undefined;

/**
 * The world that launch() or launchFromEnv() has joined.
 *
 * @throws {Error} if no world has been joined.
 */
export function defaultWorld(): World {
  if (current === undefined) {
    throw new Error("No world has been joined: call launch() or launchFromEnv() first");
  }
  return current;
}

/** The default world, if there is one. */
export function joinedWorld(): World | undefined {
  return current;
}

/**
 * Makes `world` the default.
 *
 * @throws {Error} if another one is still open.
 */
export function setDefaultWorld(world: World): void {
  requireNoDefaultWorld();
  current = world;
}

/** @throws {Error} if a default world is still open. */
export function requireNoDefaultWorld(): void {
  if (current !== undefined && !current.ended) {
    throw new Error(
      `This process has already joined a world, as rank ${current.rank}: close that one first`,
    );
  }
}
