// One size of one collective: all contestants take turns at it.
//
//   turn 1    sockets, (a bare exchange, ours) in each way, peers       turn 2    the same from back to front       ...
//
// Other load of the machine then affects all alike, and none always runs right after another that has warmed the caches.

import type { Contestant } from "./contestant.ts";
import { type Figures, figuresOf, joinSamples, type Measured, quantile } from "./figures.ts";
import { parseAlgorithms } from "../../src/distributed/calls/algorithm_table.ts";
import type { Exchange } from "./exchange.ts";
import { limitOf, messageBytesOf, roundsOf } from "./limits.ts";
import type { Options, PeerName } from "./options.ts";
import type { Variant } from "./ours.ts";
import { RankError, type Turn } from "./protocol.ts";
import type { Sockets, Transport } from "./sockets.ts";
import { BYTES_PER_ELEMENT, repetitionsFor, turnsOf } from "./sweep.ts";
import type { Row } from "./table.ts";

/** The contestants. */
export interface Contestants {
  /** By kind; those that ours use. */
  readonly sockets: ReadonlyMap<Transport, Sockets>;
  /** Bare exchanges among as many ranks, over the same sockets. */
  readonly exchanges: ReadonlyMap<Transport, Exchange>;
  /** Ours, in each way that is measured. */
  readonly ours: readonly (Variant & { readonly contestant: Contestant })[];
  /** Peers that end are taken out. */
  readonly peers: Map<PeerName, Contestant>;
}

/** Options of the measurement of a size. */
export interface SizeOptions {
  readonly options: Options;
  /** Receives peers that cannot take part. */
  readonly note: (text: string) => void;
  readonly signal: AbortSignal;
}

/**
 * A row for each way of ours.
 *
 * @throws {RankError} if a result of ours is wrong.
 * @throws {Error} if a rank of ours ends or hangs, or the signal fires.
 */
export async function measureSize(
  size: Measured,
  { sockets, exchanges, ours, peers, options, note, signal }: Contestants & SizeOptions,
): Promise<Row[]> {
  const samples = ours.map((each) => {
    const algorithm = parseAlgorithms(each.algorithms)[size.op].choose(size.ranks, size.bytes);
    const message = messageBytesOf(size, algorithm);
    return { ...each, message, turns: [] as Sampled[], exchanges: [] as number[] };
  });
  const peerSamples = new Map([...peers.keys()].map((name) => [name, [] as Sampled[]]));
  for (const [index, turn] of turnsFor(size, options).entries()) {
    const steps = [
      ...[...sockets.values()].map((each) => () => each.measure()),
      ...samples.map((each) => async () => {
        const exchange = exchanges.get(each.transport);
        if (each.message !== undefined && exchange !== undefined) {
          each.exchanges.push(...await exchange.measure(each.message, turn));
        }
        each.turns.push(await each.contestant.measure(turn));
      }),
      ...[...peerSamples].map(([name, turns]) => async () => {
        try {
          turns.push(await peers.get(name)!.measure(turn));
        } catch (error) {
          signal.throwIfAborted();
          const what = error instanceof Error ? error.message : String(error);
          note(`${name} does not take part in ${size.op} of ${size.bytes} B: ${what}`);
          peerSamples.delete(name);
          if (!(error instanceof RankError)) peers.delete(name);
        }
      }),
    ];
    for (const step of index % 2 === 0 ? steps : steps.toReversed()) await step();
  }
  const limits = new Map([...sockets].map(([transport, each]) => [transport, each.take()]));
  const peerFigures = [...peerSamples].map(([name, turns]) => [name, figures(size, turns)]);
  const cores = navigator.hardwareConcurrency;
  return samples.map(({ transport, turns, exchanges }) => {
    const [{ algorithm }] = turns;
    const rounds = roundsOf(size.op, algorithm, size.ranks);
    const socket = limits.get(transport)!;
    const exchange = exchanges.length > 0 ? quantile(exchanges, 0.5) : undefined;
    return {
      ...size,
      count: size.bytes / BYTES_PER_ELEMENT,
      type: "f32",
      transport,
      algorithm,
      ...figures(size, turns),
      socket,
      limit: rounds === undefined
        ? undefined
        : limitOf({ ...size, rounds }, { socket, exchange, cores }),
      peers: Object.fromEntries(peerFigures),
    };
  });
}

type Sampled = Awaited<ReturnType<Contestant["measure"]>>;

function figures(size: Measured, turns: readonly Sampled[]): Figures {
  return figuresOf(size, joinSamples(turns));
}

/** The turns at a size; results are verified in the first, as the inputs of the others would be the same. */
function turnsFor({ op, bytes }: Measured, options: Options): Turn[] {
  const usual = repetitionsFor(bytes);
  return turnsOf(options.iterations ?? usual.iterations, options.turns)
    .map((iterations, index) => ({
      op,
      count: bytes / BYTES_PER_ELEMENT,
      warmup: options.warmup ?? usual.warmup,
      iterations,
      check: index === 0 ? options.check : "off",
    }));
}
