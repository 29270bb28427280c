// The world that this process has joined with launch(), for code that names none.

import type { World } from "./world.ts";

let current: World | undefined;

/**
 * The world that launch() or launchFromEnv() has joined.
 *
 * @throws {Error} if there is none.
 */
export function defaultWorld(): World {
  if (current === undefined) {
    throw new Error("No world has been joined: call launch() or launchFromEnv() first");
  }
  return current;
}

/** The world that this process has joined, if it has. */
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
      `This process has joined a world already, as rank ${current.rank}: close that one first`,
    );
  }
}
