// Collectives between processes of this machine, by size: nccl-tests' columns, peers measured in the same run, and how
// far each size is from what Deno's sockets would allow.
//
//   ./run bench collectives -b 8 -e 128M -f 2 --ranks 2,4 --op allReduce --peer mpi
//
// For each number of ranks: start everybody, then let them take turns at each size. bench/README.md says what the
// columns mean.

import type { Contestant } from "./collectives/contestant.ts";
import { Exchange } from "./collectives/exchange.ts";
import { type Options, parseOptions, type PeerName } from "./collectives/options.ts";
import { startOurs } from "./collectives/ours.ts";
import { type Reporter, reporterFor } from "./collectives/reporter.ts";
import { type Contestants, measureSize } from "./collectives/size.ts";
import { Sockets, type Transport, TRANSPORTS } from "./collectives/sockets.ts";
import { sizesOf } from "./collectives/sweep.ts";
import { startGloo } from "./peers/gloo.ts";
import { startMpi, startMpiOverMemory, startOverMpi } from "./peers/mpi.ts";
import { Interrupt } from "../src/cli/interrupt.ts";
import { allowedCores } from "../src/distributed/launcher/cores.ts";

/** Runs the benchmark and returns its exit code: 0; 1 if ours failed; 2 for a wrong command line; 130 after Ctrl-C. */
export async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  if (options === "help") return 0;
  if (options === "wrong") return 2;
  using interrupt = new Interrupt();
  try {
    await measureAll({ options, report: reporterFor(options), signal: interrupt.signal });
    return 0;
  } catch (error) {
    const { aborted } = interrupt.signal;
    console.error(aborted ? "interrupted: all ranks are stopped" : `error: ${messageOf(error)}`);
    return aborted ? INTERRUPTED_CODE : 1;
  }
}

interface Run {
  readonly options: Options;
  readonly report: Reporter;
  readonly signal: AbortSignal;
}

async function measureAll({ options, report, signal }: Run): Promise<void> {
  const { cores } = options;
  if (cores === "own") allowedCores();
  await using stack = new AsyncDisposableStack();
  const sockets = new Map<Transport, Sockets>();
  for (const transport of TRANSPORTS) {
    const socket = stack.use(await Sockets.start(transport, { cores, signal }));
    await socket.measure();
    report.socket(transport, socket.take());
    if (options.transports.includes(transport)) sockets.set(transport, socket);
  }
  for (const ranks of options.ranks) await sweep(ranks, { options, report, signal, sockets });
}

/** All collectives at all sizes on `ranks` ranks. */
async function sweep(
  ranks: number,
  { sockets, ...run }: Run & Pick<Contestants, "sockets">,
): Promise<void> {
  const { options, report, signal } = run;
  await using stack = new AsyncDisposableStack();
  const contestants = { sockets, ...await startAll(ranks, { ...run, stack }) };
  for (const op of options.ops) {
    report.head(op, ranks);
    for (const bytes of sizesOf(options)) {
      const { note } = report;
      const rows = await measureSize({ op, ranks, bytes }, {
        ...contestants,
        options,
        note,
        signal,
      });
      for (const row of rows) report.row(row);
    }
  }
}

/** Ours in each way, bare exchanges, and the peers that can be had; `stack` owns them. */
async function startAll(
  ranks: number,
  { options, report, signal, stack }: Run & { readonly stack: AsyncDisposableStack },
): Promise<Omit<Contestants, "sockets">> {
  const { cores } = options;
  const ours: Contestants["ours"][number][] = [];
  const exchanges = new Map<Transport, Exchange>();
  for (const transport of options.transports) {
    exchanges.set(transport, stack.use(await Exchange.start(ranks, { transport, cores, signal })));
    for (const algorithms of options.algorithms) {
      const variant = { transport, algorithms };
      const contestant = stack.use(await startOurs(ranks, { ...variant, cores, signal }));
      // Compiles what is called often, so that the first size is measured like the others.
      for (const op of options.ops) {
        await contestant.measure({ op, count: 2, warmup: 1_000, iterations: 1, check: "off" });
      }
      ours.push({ ...variant, contestant });
    }
  }
  const peers = new Map<PeerName, Contestant>();
  for (const name of options.peers) {
    try {
      peers.set(name, stack.use(await STARTS[name](ranks, { cores, signal })));
    } catch (error) {
      signal.throwIfAborted();
      report.note(`${name} is left out: ${messageOf(error)}`);
    }
  }
  return { exchanges, ours, peers };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const STARTS = {
  "mpi": startMpi,
  "mpi-memory": startMpiOverMemory,
  "over-mpi": startOverMpi,
  "gloo": startGloo,
} as const;
const INTERRUPTED_CODE = 130;

if (import.meta.main) Deno.exit(await main(Deno.args));
