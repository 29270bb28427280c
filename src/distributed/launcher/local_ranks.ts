// Starts ranks as processes of this machine, all of a job or one node's share, and stops all of them when one fails.

import { freePort } from "./free_port.ts";
import { LAUNCHER_VARIABLE } from "./launcher_watch.ts";
import { randomSecret, requireStrongSecret, SECRET_ADVICE } from "../wire/secret.ts";

/** One line of a rank's output, without its newline. */
export interface RankLine {
  readonly rank: number;
  readonly stream: "stdout" | "stderr";
  readonly text: string;
}

/** A rank's exit status. */
export interface RankOutcome {
  readonly rank: number;
  readonly code: number;
  /** The signal that ended it, if one did. */
  readonly signal: Deno.Signal | null;
}

/** The job that a rank belongs to. */
export interface JobOptions {
  /** Number of ranks to start here. */
  readonly ranks: number;
  /** Number of hosts that start as many ranks. Default: 1. */
  readonly nodes?: number;
  /** This host among them, from 0; its first rank is node * ranks. */
  readonly node?: number;
  /** Host name or address of rank 0. Default: 127.0.0.1. */
  readonly host?: string;
  /** Path or URL of the program. */
  readonly script: string;
  /** Arguments of the program. */
  readonly args?: readonly string[];
  /** Prefix of a rank's command, such as `numactl --cpunodebind=0`. Default: none. */
  readonly before?: (rank: number) => readonly string[];
  /** Environment variables in addition to those that launchFromEnv() reads. */
  readonly env?: Readonly<Record<string, string>>;
  /** Port of rank 0. Default: a free one. */
  readonly port?: number;
  /** The job's secret. Default: a random one. */
  readonly secret?: string;
  /** Called with every line of every rank. */
  readonly onLine: (line: RankLine) => void;
}

/** Options of `launchLocalRanks`. */
export interface LocalRanksOptions extends JobOptions {
  /** Milliseconds between SIGTERM and SIGKILL. Default: 3000. */
  readonly graceMs?: number;
  /** Stops all ranks. */
  readonly signal?: AbortSignal;
}

/** How all local ranks exited. */
export interface LocalRanksResult {
  /** By rank. */
  readonly outcomes: readonly RankOutcome[];
  /** The rank that caused the failure, with the end of its stderr; undefined if none failed. */
  readonly failure: (RankOutcome & { readonly stderr: readonly string[] }) | undefined;
}

/**
 * Runs a program as `ranks` processes and waits until all have exited. When the first one fails, or `signal` fires, the
 * others are stopped. The failure of a rank that only reports a lost peer is not taken for the cause.
 *
 * @throws as `requireJob`.
 */
export async function launchLocalRanks(options: LocalRanksOptions): Promise<LocalRanksResult> {
  const stderr = new Map<number, string[]>();
  const stderrOf = (rank: number) => stderr.get(rank) ?? [];
  const failures: RankOutcome[] = [];
  const stops: Promise<void>[] = [];
  let isStopping = false;
  const stopAll = () => {
    if (isStopping) return;
    isStopping = true;
    for (const process of processes) stops.push(stop(process, options.graceMs ?? GRACE_MS));
  };
  const processes = startRanks({
    ...options,
    onLine: (line) => {
      if (line.stream === "stderr") {
        stderr.set(line.rank, [...stderrOf(line.rank), line.text].slice(-KEPT_LINES));
      }
      options.onLine(line);
    },
  });
  let settling: ReturnType<typeof setTimeout> | undefined;
  if (options.signal?.aborted) stopAll();
  options.signal?.addEventListener("abort", stopAll);
  try {
    const outcomes = await Promise.all(processes.map(async ({ ended }) => {
      const outcome = await ended;
      if (outcome.code !== 0 && !isStopping) {
        failures.push(outcome);
        settling ??= setTimeout(stopAll, SETTLE_MS);
      }
      return outcome;
    }));
    await Promise.all(stops);
    const reportsPeer = ({ rank }: RankOutcome) =>
      stderrOf(rank).some((text) => text.includes("PeerLostError"));
    const root = failures.find((outcome) => !reportsPeer(outcome)) ?? failures[0];
    return { outcomes, failure: root && { ...root, stderr: stderrOf(root.rank) } };
  } finally {
    clearTimeout(settling);
    options.signal?.removeEventListener("abort", stopAll);
  }
}

/** A rank's process. */
export interface RankProcess {
  readonly rank: number;
  /** Sends a signal; does nothing if the process has exited. */
  kill(signal: Deno.Signal): void;
  /** Resolves when the process has exited and all its lines have been passed to `onLine`. */
  readonly ended: Promise<RankOutcome>;
}

/**
 * Starts a program as `ranks` processes, which run independently, but no longer than this process.
 *
 * @throws as `requireJob`.
 */
export function startRanks(options: JobOptions): readonly RankProcess[] {
  requireJob(options);
  const job = {
    ...options,
    nodes: options.nodes ?? 1,
    node: options.node ?? 0,
    host: options.host ?? "127.0.0.1",
    port: options.port ?? freePort(),
    secret: options.secret || randomSecret(),
  };
  return Array.from({ length: options.ranks }, (_, localRank) => startRank(localRank, job));
}

/**
 * @throws {RangeError} if the number of ranks or nodes is not a positive integer, or the node or port is out of range.
 * @throws {TypeError} if there are several nodes but no port of rank 0 or no secret, or the secret is weak.
 */
export function requireJob(options: Omit<JobOptions, "onLine" | "script">): void {
  const { ranks, nodes = 1, node = 0, port } = options;
  if (!Number.isInteger(ranks) || ranks < 1) {
    throw new RangeError(`The number of ranks must be a positive integer, got ${ranks}`);
  }
  if (!Number.isInteger(nodes) || nodes < 1) {
    throw new RangeError(`The number of nodes must be a positive integer, got ${nodes}`);
  }
  if (!Number.isInteger(node) || node < 0 || node >= nodes) {
    throw new RangeError(`Node ${node} is out of range: nodes are 0 to ${nodes - 1}`);
  }
  if (nodes > 1 && (options.host === undefined || options.port === undefined || !options.secret)) {
    throw new TypeError(
      "A job of several nodes needs rank 0's address and port and a secret, the same on all nodes; " +
        SECRET_ADVICE,
    );
  }
  if (options.secret) requireStrongSecret(options.secret);
  if (port !== undefined && !(Number.isInteger(port) && port >= 1 && port <= 65535)) {
    throw new RangeError(`The port of rank 0 must be from 1 to 65535, got ${port}`);
  }
}

type Job = JobOptions & Required<Pick<JobOptions, "nodes" | "node" | "host" | "port" | "secret">>;

function startRank(localRank: number, job: Job): RankProcess {
  const rank = job.node * job.ranks + localRank;
  const run = ["run", "--quiet", ...permissionsFor(job.script), job.script, ...job.args ?? []];
  const [command, ...args] = [...job.before?.(rank) ?? [], Deno.execPath(), ...run];
  const child = new Deno.Command(command, {
    args,
    env: {
      // Mesa's Vulkan drivers complain on stderr where it is not set.
      ...(Deno.env.get("XDG_RUNTIME_DIR") ? {} : { XDG_RUNTIME_DIR: temporaryFolder() }),
      ...job.env,
      RANK: String(rank),
      LOCAL_RANK: String(localRank),
      WORLD_SIZE: String(job.nodes * job.ranks),
      MASTER_ADDR: job.host,
      MASTER_PORT: String(job.port),
      MESHFACTOR_SECRET: job.secret,
      [LAUNCHER_VARIABLE]: String(Deno.pid),
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const read = (stream: "stdout" | "stderr") =>
    eachLine(child[stream], (text) => job.onLine({ rank, stream, text }));
  const ended = Promise.all([child.status, read("stdout"), read("stderr")])
    .then(([{ code, signal }]) => ({ rank, code, signal }));
  const kill = (signal: Deno.Signal) => {
    try {
      child.kill(signal);
    } catch {
      // It has exited.
    }
  };
  return { rank, kill, ended };
}

/** The package's permission set where there is a package, else the same permissions by name. */
function permissionsFor(script: string): readonly string[] {
  const config = findConfig(script);
  return config === undefined
    ? ["read", "write", "net", "env", "run", "sys"].map((each) => `--allow-${each}`)
    : ["-P=train", "--config", config];
}

/** The nearest deno.json above the script that has a permission set `train`. */
function findConfig(script: string): string | undefined {
  const base = new URL(`file://${Deno.cwd()}/`);
  const start = new URL(script, base);
  if (start.protocol !== "file:") return undefined;
  for (let folder = new URL(".", start);; folder = new URL("..", folder)) {
    const config = new URL("deno.json", folder);
    if (hasTrainPermissions(config)) return decodeURIComponent(config.pathname);
    if (folder.pathname === "/") return undefined;
  }
}

function hasTrainPermissions(config: URL): boolean {
  try {
    return JSON.parse(Deno.readTextFileSync(config)).permissions?.train !== undefined;
  } catch {
    return false;
  }
}

/** Sends SIGTERM, and SIGKILL if the process does not exit. */
async function stop(process: RankProcess, graceMs: number): Promise<void> {
  process.kill("SIGTERM");
  const timer = setTimeout(() => process.kill("SIGKILL"), graceMs);
  await process.ended;
  clearTimeout(timer);
}

async function eachLine(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  onLine: (text: string) => void,
): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  }
  if (rest !== "") onLine(rest);
}

function temporaryFolder(): string {
  return Deno.env.get("TMPDIR") || Deno.env.get("TEMP") || "/tmp";
}

const GRACE_MS = 3_000;
/** Time for other ranks to fail on their own, as a rank may exit just before the peer that caused its failure. */
const SETTLE_MS = 300;
const KEPT_LINES = 200;
