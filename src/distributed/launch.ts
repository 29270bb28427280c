// How a process becomes a rank: from explicit options, or from the variables that launchers set.

import { systemClock } from "./wire/clock.ts";
import { joinedWorld, requireNoDefaultWorld, setDefaultWorld } from "./default_world.ts";
import { requireDenoVersion } from "./launcher/deno_version.ts";
import {
  type Environment,
  launchAdvice,
  type LauncherVariables,
  launcherVariables,
} from "./launcher/launcher_variables.ts";
import { LAUNCHER_VARIABLE, watchLauncher } from "./launcher/launcher_watch.ts";
import { World } from "./world.ts";
import type { WorldOptions } from "./membership/world_options.ts";

export type { Environment } from "./launcher/launcher_variables.ts";

/**
 * Joins the job that `options` describe and makes it the default world of this process.
 *
 * ```ts
 * await using world = await launch({ rank: 0, worldSize: 1, host: "127.0.0.1", port: 29500 });
 * await world.group.barrier();
 * ```
 *
 * @throws {RangeError | TypeError} if an option is out of range.
 * @throws {Error} if Deno is too old, a world is joined already, the port is taken, the secret is another, the rank is
 * refused, or not all ranks come in time.
 */
export async function launch(options: WorldOptions): Promise<World> {
  requireDenoVersion(Deno.version.deno);
  requireNoDefaultWorld();
  const world = await World.join(options);
  setDefaultWorld(world);
  return world;
}

/**
 * As `launch`, from RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, and LOCAL_RANK (by default RANK); where RANK is not set,
 * ranks are numbered by Open MPI, MPICH, Slurm or an Indexed Job of Kubernetes (launcher_variables.ts), and rank 0 says so
 * on stderr. MESHFACTOR_SECRET, _BIND, _INTERFACE, _ADVERTISE, _PORTS, _SAME_HOST (unix or tcp), _DUMP (a folder),
 * _TIMEOUT_MS and _STALL_TIMEOUT_MS give the options of these names; _TLS_CERT, _TLS_KEY and _TLS_CA those of `tls`, as
 * paths of PEM files; MESHFACTOR_ALLREDUCE, _REDUCESCATTER, _ALLGATHER and _BROADCAST the algorithms, as `ring` or
 * `one-shot:0-8192;...`. `options` go before the environment. A process that src/cli/launch.ts or startRanks() has started ends by itself within
 * seconds if its launcher is killed.
 *
 * @throws {Error} naming the variables that are missing or not numbers, or what `launch` throws.
 */
export async function launchFromEnv(options: Partial<WorldOptions> = {}): Promise<World> {
  endWithLauncher();
  const { launcher, rank } = launcherVariables(Deno.env);
  const settled = { ...optionsFromEnv(Deno.env), ...options };
  if (rank !== "RANK" && settled.rank === 0) {
    console.error(`${launcher} numbers the ${settled.worldSize} ranks (${rank})`);
  }
  return await launch(settled);
}

/** Ends this process, and tells the other ranks why, when the launcher that has started it is gone. */
function endWithLauncher(): void {
  const launcher = Deno.env.get(LAUNCHER_VARIABLE);
  if (!launcher) return;
  watchLauncher(number(Deno.env, LAUNCHER_VARIABLE), {
    clock: systemClock,
    gone: async () => {
      const cause = new Error(`its launcher, process ${launcher}, is gone`);
      // Nobody may read it any more.
      console.error(`Process ${Deno.pid} ends as ${cause.message}`);
      await joinedWorld()?.abort(cause);
      Deno.exit(ORPHANED_CODE);
    },
  });
}

/**
 * The options that the environment gives.
 *
 * @throws {Error} naming the variables that are missing.
 * @throws {TypeError} naming a variable that is not a number.
 */
export function optionsFromEnv(env: Environment): WorldOptions {
  const names = launcherVariables(env);
  const required = [names.rank, names.worldSize, "MASTER_ADDR", "MASTER_PORT"];
  const missing = required.filter((name) => !env.get(name));
  if (missing.length > 0) {
    throw new Error(
      `launchFromEnv() needs ${required.join(", ")}; ${missing.join(", ")} ${
        missing.length === 1 ? "is" : "are"
      } not set: ${launchAdvice(env)}`,
    );
  }
  const sameHost = env.get("MESHFACTOR_SAME_HOST") || undefined;
  if (sameHost !== undefined && sameHost !== "unix" && sameHost !== "tcp") {
    throw new TypeError(`MESHFACTOR_SAME_HOST must be unix or tcp, got "${sameHost}"`);
  }
  return {
    rank: number(env, names.rank),
    worldSize: number(env, names.worldSize),
    localRank: localRank(env, names),
    host: env.get("MASTER_ADDR") ?? "",
    port: number(env, "MASTER_PORT"),
    ...texts(env),
    ...milliseconds(env),
    ...(sameHost === undefined ? {} : { sameHost }),
    ...algorithms(env),
    ...tlsFiles(env),
  };
}

/** The algorithms that the environment gives. */
function algorithms(env: Environment): Pick<WorldOptions, "algorithms"> {
  const given = TABLED.flatMap((op) => {
    const text = env.get(`MESHFACTOR_${op.toUpperCase()}`);
    return text ? [[op, text]] : [];
  });
  return given.length === 0 ? {} : { algorithms: Object.fromEntries(given) };
}

/** Options that are text, where their variables are set. */
function texts(env: Environment): Pick<WorldOptions, keyof typeof TEXTS> {
  return Object.fromEntries(
    Object.entries(TEXTS).flatMap(([option, variable]) => {
      const text = env.get(variable);
      return text ? [[option, text]] : [];
    }),
  );
}

/** Options in milliseconds, where their variables are set. */
function milliseconds(env: Environment): Pick<WorldOptions, keyof typeof MILLISECONDS> {
  return Object.fromEntries(
    Object.entries(MILLISECONDS).flatMap(([option, variable]) =>
      env.get(variable) ? [[option, number(env, variable)]] : []
    ),
  );
}

/** This rank among those of its host. */
function localRank(env: Environment, names: LauncherVariables): number {
  const isAlone = names.localRank === undefined;
  const isGiven = !isAlone && env.get(names.localRank);
  return isAlone ? 0 : number(env, isGiven ? names.localRank : names.rank);
}

/** The identity that the three variables give; none if none is set. */
function tlsFiles(env: Environment): Pick<WorldOptions, "tls"> {
  const paths = TLS_FILES.map((name) => env.get(name) || undefined);
  if (paths.every((path) => path === undefined)) return {};
  const [cert, key, ca] = TLS_FILES.map((name, index) => {
    const path = paths[index];
    if (path === undefined) {
      throw new Error(`TLS needs ${TLS_FILES.join(", ")}; ${name} is not set`);
    }
    try {
      return Deno.readTextFileSync(path);
    } catch (cause) {
      throw new Error(`${name} names ${path}, which cannot be read: ${cause}`, { cause });
    }
  });
  return { tls: { cert, key, ca } };
}

function number(env: Environment, name: string): number {
  const text = env.get(name) ?? "";
  if (!/^\d+$/.test(text)) throw new TypeError(`${name} must be a whole number, got "${text}"`);
  return Number(text);
}

/** With it ends a process whose launcher is gone. */
const ORPHANED_CODE = 1;
const TEXTS = {
  secret: "MESHFACTOR_SECRET",
  bind: "MESHFACTOR_BIND",
  interface: "MESHFACTOR_INTERFACE",
  advertise: "MESHFACTOR_ADVERTISE",
  ports: "MESHFACTOR_PORTS",
  dumpFolder: "MESHFACTOR_DUMP",
} as const;
const MILLISECONDS = {
  timeoutMs: "MESHFACTOR_TIMEOUT_MS",
  stallTimeoutMs: "MESHFACTOR_STALL_TIMEOUT_MS",
} as const;
const TABLED = ["allReduce", "reduceScatter", "allGather", "broadcast"] as const;
const TLS_FILES = [
  "MESHFACTOR_TLS_CERT",
  "MESHFACTOR_TLS_KEY",
  "MESHFACTOR_TLS_CA",
] as const;
