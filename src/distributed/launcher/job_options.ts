// What a launcher starts: so many ranks of a program, all of a job or one host's share.

import { requireStrongSecret, SECRET_ADVICE } from "../wire/secret.ts";
import type { RankLine } from "./rank_output.ts";

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
  /** Milliseconds after which the beginning of a line is passed on without its end. Default: lines are passed on whole. */
  readonly partMs?: number;
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
