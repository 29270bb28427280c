// How a rank joins a job: the options, their defaults, and what is wrong with them.

/** How a rank joins a job. */
export interface WorldOptions {
  /** This rank, from 0 to worldSize - 1. */
  readonly rank: number;
  /** Number of ranks. */
  readonly worldSize: number;
  /** Rank 0's host name or address; rank 0 listens on it. */
  readonly host: string;
  /** Rank 0's port. */
  readonly port: number;
  /** The job's secret, the same on every rank; may only be left out while `host` is a loopback address. */
  readonly secret?: string;
  /** This rank among those of its host; by default `rank`. */
  readonly localRank?: number;
  /** Address that this rank listens on if it is not rank 0; by default 127.0.0.1, which only this host reaches. */
  readonly bind?: string;
  /** Milliseconds in which all ranks must have joined, and in which a group must be connected; by default 120 000. */
  readonly timeoutMs?: number;
  /** Milliseconds without a byte moved in a running collective after which a rank is to blame; by default 60 000. */
  readonly stallTimeoutMs?: number;
}

/**
 * Fills in the defaults.
 *
 * @throws {RangeError | TypeError} if an option is out of range, or the secret is missing where others can reach the job.
 */
export function withDefaults(options: WorldOptions): Required<WorldOptions> {
  const { rank, worldSize, host, port } = options;
  if (!Number.isInteger(worldSize) || worldSize < 1) {
    throw new RangeError(`The number of ranks must be a positive integer, got ${worldSize}`);
  }
  if (!Number.isInteger(rank) || rank < 0 || rank >= worldSize) {
    throw new RangeError(`Rank ${rank} is out of range: ranks are 0 to ${worldSize - 1}`);
  }
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new RangeError(`The port of rank 0 must be from 1 to 65535, got ${port}`);
  }
  if (options.secret === undefined && worldSize > 1 && !isLoopback(host)) {
    throw new TypeError(
      `A job at ${host}, which other hosts reach, needs a secret: give all ranks the same one (MESHFACTOR_SECRET)`,
    );
  }
  return {
    rank,
    worldSize,
    host,
    port,
    secret: options.secret ?? "",
    localRank: options.localRank ?? rank,
    bind: options.bind ?? "127.0.0.1",
    timeoutMs: positive(options.timeoutMs ?? 120_000, "timeoutMs"),
    stallTimeoutMs: positive(options.stallTimeoutMs ?? 60_000, "stallTimeoutMs"),
  };
}

function positive(value: number, name: string): number {
  if (!(value > 0 && Number.isFinite(value))) {
    throw new RangeError(`${name} must be a positive number of milliseconds, got ${value}`);
  }
  return value;
}

/** True for an address that only this machine reaches. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
