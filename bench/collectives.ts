// Collectives between processes of this machine, by size: nccl-tests' columns, peers measured in the same run, and how
// far each size is from what Deno's sockets would allow.
//
//   ./run bench collectives -b 8 -e 128M -f 2 --ranks 2,4 --op allReduce --peer mpi
//
// For each number of ranks: measure the sockets, start the ranks of each contestant, then for each size let them take
// turns. bench/README.md says what the columns mean.

import os from "node:os";
import type { Contestant } from "./collectives/contestant.ts";
import { type Figures, figuresOf, joinSamples, type Sample } from "./collectives/figures.ts";
import { limitOf, measureSockets, roundsOf, type SocketLimits } from "./collectives/limits.ts";
import { type Options, parseOptions, type PeerName } from "./collectives/options.ts";
import { startOurs } from "./collectives/ours.ts";
import { RankError } from "./collectives/protocol.ts";
import { type Reporter, reporterFor } from "./collectives/reporter.ts";
import {
  BYTES_PER_ELEMENT,
  type Op,
  repetitionsFor,
  sizesOf,
  turnsOf,
} from "./collectives/sweep.ts";
import type { Row } from "./collectives/table.ts";
import { startGloo } from "./peers/gloo.ts";
import { startMpi } from "./peers/mpi.ts";

/** Runs the benchmark and returns its exit code: 0; 1 if ours failed; 2 for a wrong command line; 130 after Ctrl-C. */
export async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  if (options === "help") return 0;
  if (options === "wrong") return 2;
  const interrupt = new AbortController();
  const stop = () => interrupt.abort(new Error("interrupted"));
  for (const name of STOP_SIGNALS) Deno.addSignalListener(name, stop);
  try {
    const report = reporterFor(options);
    for (const ranks of options.ranks) {
      await sweep(ranks, { options, report, signal: interrupt.signal });
    }
    return 0;
  } catch (error) {
    console.error(`error: ${messageOf(error)}`);
    return interrupt.signal.aborted ? 130 : 1;
  } finally {
    for (const name of STOP_SIGNALS) Deno.removeSignalListener(name, stop);
  }
}

interface Run {
  readonly options: Options;
  readonly report: Reporter;
  readonly signal: AbortSignal;
}

/** All collectives at all sizes on `ranks` ranks. */
async function sweep(ranks: number, { options, report, signal }: Run): Promise<void> {
  const sockets = await measureSockets(signal);
  report.sockets(ranks, sockets);
  await using stack = new AsyncDisposableStack();
  const ours = stack.use(await startOurs(ranks, signal));
  const peers = new Map<PeerName, Contestant>();
  for (const name of options.peers) {
    const peer = await STARTS[name](ranks, signal).catch((error) => {
      signal.throwIfAborted();
      report.note(`${name} is left out: ${messageOf(error)}`);
    });
    if (peer) peers.set(name, stack.use(peer));
  }
  // Compiles what is called often, so that the first size is measured like the others.
  await ours.measure({ op: options.ops[0], count: 2, warmup: 2_000, iterations: 1, check: "off" });
  for (const op of options.ops) {
    report.head(op, ranks);
    for (const bytes of sizesOf(options)) {
      report.row(
        await measureSize({ op, ranks, bytes }, { ours, peers, sockets, options, report, signal }),
      );
    }
  }
}

interface Size {
  readonly op: Op;
  readonly ranks: number;
  readonly bytes: number;
}

/** One row: ours and the peers in turns, first ours first, then the other way round. */
async function measureSize(
  size: Size,
  { ours, peers, sockets, options, report, signal }: Run & {
    readonly ours: Contestant;
    /** Peers that end are taken out. */
    readonly peers: Map<PeerName, Contestant>;
    readonly sockets: SocketLimits;
  },
): Promise<Row> {
  const { op, ranks, bytes } = size;
  const count = bytes / BYTES_PER_ELEMENT;
  const usual = repetitionsFor(bytes);
  const warmup = options.warmup ?? usual.warmup;
  const turns = turnsOf(options.iterations ?? usual.iterations, options.turns);
  const ourTurns: Sample[] = [];
  const peerTurns = new Map<PeerName, Sample[]>([...peers.keys()].map((name) => [name, []]));
  let algorithm = "";
  for (const [index, iterations] of turns.entries()) {
    // Verified once: the inputs of later turns would be the same.
    const turn = {
      op,
      count,
      warmup,
      iterations,
      check: index === 0 ? options.check : "off",
    } as const;
    const measureOurs = async () => {
      const result = await ours.measure(turn);
      algorithm = result.algorithm;
      ourTurns.push(result);
    };
    const measurePeers = async () => {
      for (const [name, samples] of peerTurns) {
        try {
          samples.push(await peers.get(name)!.measure(turn));
        } catch (error) {
          signal.throwIfAborted();
          report.note(`${name} does not take part in ${op} of ${bytes} B: ${messageOf(error)}`);
          peerTurns.delete(name);
          if (!(error instanceof RankError)) peers.delete(name);
        }
      }
    };
    const order = [measureOurs, measurePeers];
    for (const measure of index % 2 === 0 ? order : order.toReversed()) await measure();
  }
  const figures = (samples: readonly Sample[]): Figures => figuresOf(size, joinSamples(samples));
  const rounds = roundsOf(op, algorithm, ranks);
  const machine = { socket: sockets.tcp, cores: navigator.hardwareConcurrency };
  return {
    ...size,
    count,
    type: "f32",
    algorithm,
    ...figures(ourTurns),
    limit: rounds === undefined ? undefined : limitOf({ ...size, rounds }, machine),
    peers: Object.fromEntries([...peerTurns].map(([name, samples]) => [name, figures(samples)])),
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const STARTS = { mpi: startMpi, gloo: startGloo } as const;
const STOP_SIGNALS = os.platform() === "win32"
  ? (["SIGINT"] as const)
  : (["SIGINT", "SIGTERM"] as const);

if (import.meta.main) Deno.exit(await main(Deno.args));
