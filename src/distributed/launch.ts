// Joins this process to a job as a rank, by explicit options or by the environment variables that launchers set.

import { joinedWorld, requireNoDefaultWorld, setDefaultWorld } from "./default_world.ts";
import { requireDenoVersion } from "./launcher/deno_version.ts";
import {
  type Environment,
  launchAdvice,
  type LauncherVariables,
  launcherVariables,
} from "./launcher/launcher_variables.ts";
import { refuseMisspelt } from "./launcher/misspelt_variables.ts";
import { LAUNCHER_VARIABLE, watchLauncherInWorker } from "./launcher/launcher_watch.ts";
import { type MpiOptions, mpiWorldOptions, startMpi } from "./mpi_launch.ts";
import { type Transport, TRANSPORTS } from "./wire/control_message.ts";
import { INTEGRITIES } from "./wire/session.ts";
import { World } from "./world.ts";
import type { WorldOptions } from "./membership/world_options.ts";

export type { Environment } from "./launcher/launcher_variables.ts";

/**
 * Joins a job and makes it the default world of this process. Over MPI (`transport: "mpi"`), what is not given is found.
 *
 * @category Distributed
 *
 * @example
 * ```ts
 * import { launch } from "@meshfactor/adafactor";
 *
 * // Each process passes its own rank, and the address of rank 0.
 * await using world = await launch({ rank: 0, worldSize: 1, host: "127.0.0.1", port: 29500 });
 * await world.group.barrier();
 * console.log(`rank ${world.rank} of ${world.worldSize}`);
 * ```
 *
 * @throws {RangeError | TypeError} if an option is out of range.
 * @throws {Error} if Deno is too old, this process has joined a world already, the port is in use, the secret differs, the
 * rank is refused, or not all ranks join in time.
 */
export async function launch(options: WorldOptions | MpiOptions): Promise<World> {
  requireDenoVersion(Deno.version.deno);
  requireNoDefaultWorld();
  const world = await World.join(isOverMpi(options) ? await mpiWorldOptions(options) : options);
  setDefaultWorld(world);
  return world;
}

function isOverMpi(options: WorldOptions | MpiOptions): options is MpiOptions {
  return options.transport === "mpi";
}

/**
 * As `launch`, with options from the environment; `options` override it.
 *
 * RANK, WORLD_SIZE and, for several ranks, MASTER_ADDR and MASTER_PORT are required; LOCAL_RANK is RANK by default. If RANK
 * is not set, the variables of Open MPI, MPICH, Slurm or an Indexed Job of Kubernetes are used (launcher_variables.ts), and
 * rank 0 reports that on stderr. An empty variable is not set.
 *
 * With MESHFACTOR_TRANSPORT=mpi, the address and port of rank 0 and a secret are found if they are not set.
 *
 * MESHFACTOR_SECRET, _BIND, _INTERFACE, _ADVERTISE, _PORTS, _SAME_HOST (unix or tcp), _INTEGRITY (keyed or checksum), _DUMP
 * (a folder), _TIMEOUT_MS and _STALL_TIMEOUT_MS set the options of these names; _TLS_CERT, _TLS_KEY and _TLS_CA those of
 * `tls`, as paths of PEM files;
 * MESHFACTOR_ALLREDUCE, _REDUCESCATTER, _ALLGATHER and _BROADCAST the algorithms, as `ring` or `one-shot:0-8192;...`.
 *
 * A process that a launcher has started (ours, startRanks(), torchrun, mpirun or srun) exits at once if its parent is killed.
 *
 * @category Distributed
 *
 * @example
 * ```ts
 * import { launchFromEnv } from "@meshfactor/adafactor";
 *
 * // Normally a launcher, such as torchrun, mpirun or srun, sets these for every rank.
 * Deno.env.set("RANK", "0");
 * Deno.env.set("WORLD_SIZE", "1");
 * Deno.env.set("MASTER_ADDR", "127.0.0.1");
 * Deno.env.set("MASTER_PORT", "29500");
 * await using world = await launchFromEnv();
 * console.log(`rank ${world.rank} of ${world.worldSize}`);
 * ```
 *
 * @throws {Error} that lists variables that are missing or not numbers, or as `launch`.
 * @throws {TypeError} that names a variable of which the name has a typing error.
 */
export async function launchFromEnv(options: Partial<WorldOptions> = {}): Promise<World> {
  endWithLauncher();
  // With permission for single variables, others cannot be listed.
  if (Deno.permissions.querySync({ name: "env" }).state === "granted") {
    refuseMisspelt(Object.keys(Deno.env.toObject()));
  }
  const { launcher, rank } = launcherVariables(Deno.env);
  const resolved = { ...optionsFromEnv(Deno.env, options), ...options };
  if (rank !== "RANK" && resolved.rank === 0) {
    console.error(`Using the ranks of ${launcher} (${rank}), ${resolved.worldSize} in all`);
  }
  return await launch(resolved);
}

/** Exits this process, and informs the other ranks, when the launcher that started it is gone. */
function endWithLauncher(): void {
  const launcher = launcherProcess(Deno.env);
  if (launcher === undefined) return;
  void watchLauncherInWorker(launcher, {
    gone: async () => {
      const cause = new Error(`its launcher, process ${launcher}, is gone`);
      try {
        console.error(`Process ${Deno.pid} ends as ${cause.message}`);
      } catch {
        // Nobody reads it any more.
      }
      await joinedWorld()?.abort(cause);
      Deno.exit(ORPHANED_CODE);
    },
    failed: (error) => console.error(`Launcher ${launcher} is not watched: ${error.message}`),
  });
}

/** The process whose end is to end this one: our launcher, or the parent where another launcher has started this rank. */
function launcherProcess(env: Environment): number | undefined {
  if (env.get(LAUNCHER_VARIABLE)) return number(env, LAUNCHER_VARIABLE);
  const { launcher, rank } = launcherVariables(env);
  const isKnown = rank === "RANK"
    // People set RANK themselves, too, and a container's parent is none of its processes.
    ? Boolean(env.get("TORCHELASTIC_RUN_ID"))
    : Boolean(env.get(rank)) && launcher !== "Kubernetes";
  return isKnown ? Deno.ppid : undefined;
}

/**
 * Reads options from the environment.
 *
 * @throws {Error} that lists variables that are missing.
 * @throws {TypeError} that names a variable that is not a number.
 */
export function optionsFromEnv(
  env: Environment,
  { transport = choice(env, "MESHFACTOR_TRANSPORT", TRANSPORTS) }: Partial<WorldOptions> = {},
): WorldOptions {
  const names = launcherVariables(env);
  if (transport === "mpi" && !env.get(names.rank)) {
    // A launcher that MPI knows.
    const { rank, size } = startMpi(env, milliseconds(env).timeoutMs);
    return { rank, worldSize: size, ...places(env, transport) };
  }
  const isFound = env.get(names.worldSize) === "1" || transport === "mpi";
  const required = [
    names.rank,
    names.worldSize,
    ...(isFound ? [] : ["MASTER_ADDR", "MASTER_PORT"]),
  ];
  const missing = required.filter((name) => !env.get(name));
  if (missing.length > 0) {
    throw new Error(
      `launchFromEnv() needs ${required.join(", ")}; ${missing.join(", ")} ${
        missing.length === 1 ? "is" : "are"
      } not set: ${launchAdvice(env)}`,
    );
  }
  return {
    rank: number(env, names.rank),
    worldSize: number(env, names.worldSize),
    localRank: localRank(env, names),
    ...places(env, transport),
  };
}

/** The options that do not number ranks. Over MPI, the address and port of rank 0 may be missing. */
function places(
  env: Environment,
  transport: Transport | undefined,
): Omit<WorldOptions, "rank" | "worldSize"> {
  const sameHost = choice(env, "MESHFACTOR_SAME_HOST", SAME_HOST);
  const integrity = choice(env, "MESHFACTOR_INTEGRITY", INTEGRITIES);
  const isOverMpi = transport === "mpi";
  return {
    host: env.get("MASTER_ADDR") || (isOverMpi ? "" : "127.0.0.1"),
    port: env.get("MASTER_PORT") || !isOverMpi ? masterPort(env) : 0,
    ...texts(env),
    ...milliseconds(env),
    ...(transport === undefined ? {} : { transport }),
    ...(sameHost === undefined ? {} : { sameHost }),
    ...(integrity === undefined ? {} : { integrity }),
    ...algorithms(env),
    ...tlsFiles(env),
  };
}

/** The value of the variable, one of `values`; undefined if it is not set. */
function choice<Value extends string>(
  env: Environment,
  variable: string,
  values: readonly Value[],
): Value | undefined {
  const text = env.get(variable) || undefined;
  const value = values.find((each) => each === text);
  if (text === undefined || value !== undefined) return value;
  throw new TypeError(`${variable} must be ${values.join(" or ")}, got "${text}"`);
}

/** The tables of algorithms that are set. */
function algorithms(env: Environment): Pick<WorldOptions, "algorithms"> {
  const given = TABLED.flatMap((op) => {
    const text = env.get(`MESHFACTOR_${op.toUpperCase()}`);
    return text ? [[op, text]] : [];
  });
  return given.length === 0 ? {} : { algorithms: Object.fromEntries(given) };
}

/** The options that are text, if their variables are set. */
function texts(env: Environment): Pick<WorldOptions, keyof typeof TEXTS> {
  return Object.fromEntries(
    Object.entries(TEXTS).flatMap(([option, variable]) => {
      const text = env.get(variable);
      return text ? [[option, text]] : [];
    }),
  );
}

/** The options in milliseconds, if their variables are set. */
function milliseconds(env: Environment): Pick<WorldOptions, keyof typeof MILLISECONDS> {
  return Object.fromEntries(
    Object.entries(MILLISECONDS).flatMap(([option, variable]) =>
      env.get(variable) ? [[option, number(env, variable)]] : []
    ),
  );
}

/** This rank among those of its host. */
function localRank(env: Environment, names: LauncherVariables): number {
  if (names.localRank.length === 0) return 0;
  return number(env, names.localRank.find((name) => env.get(name)) ?? names.rank);
}

/** The port of rank 0. Torchrun's agent listens on MASTER_PORT itself, so there it is the next one. One rank needs none. */
function masterPort(env: Environment): number {
  if (!env.get("MASTER_PORT")) return UNUSED_PORT;
  const isTaken = env.get("TORCHELASTIC_USE_AGENT_STORE") === "True" && !env.get(LAUNCHER_VARIABLE);
  return number(env, "MASTER_PORT") + (isTaken ? 1 : 0);
}

/** The identity in the files of the three variables; none if none is set. */
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

/** Exit code of a process whose launcher is gone. */
const ORPHANED_CODE = 1;
const UNUSED_PORT = 29_500;
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
  slowTimeoutMs: "MESHFACTOR_SLOW_TIMEOUT_MS",
} as const;
const SAME_HOST = ["unix", "tcp"] as const;
const TABLED = ["allReduce", "reduceScatter", "allGather", "broadcast"] as const;
const TLS_FILES = [
  "MESHFACTOR_TLS_CERT",
  "MESHFACTOR_TLS_KEY",
  "MESHFACTOR_TLS_CA",
] as const;
