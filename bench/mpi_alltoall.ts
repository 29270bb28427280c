// All-reduces over MPI: ours over messages between two ranks, beside MPI's collectives moving bytes for our folds.
//
//   mpirun -n 2 deno run -P=train-mpi bench/mpi_alltoall.ts [bytes ...]        with MESHFACTOR_TRANSPORT=mpi
//
//   ours        group.allReduce(), with all its checks
//   alltoall    long: MPI_Iallgather of headers, MPI_Ialltoallv in pieces with our folds, MPI_Iallgatherv of the sums
//               short: MPI_Iallgather of header and values, and our fold
//   moves       the same without headers and folds, in one piece: what MPI alone takes
//   MPI         MPI_Allreduce, which blocks, adds in its own order and cannot be ended
//
// Ways take turns in blocks of calls, in another order each round. Printed are the median and the best tenth of all calls in
// microseconds, and the medians over rounds of each way's median over ours: below 1 it is faster than ours.

import { Engine, FULL } from "../src/distributed/calls/engine.ts";
import { launchFromEnv } from "../src/distributed/launch.ts";
import { HEADER_BYTES } from "../src/distributed/wire/frame.ts";
import { isOpenMpi, mpi, Request } from "./peers/mpi_calls.ts";

const ROUNDS = 12;
/** Pieces whose folds are done while the next one moves. */
const PIECE_BYTES = 128 << 10;
const SUMS_BYTES = 1 << 20;
const SHORT_BYTES = 48 << 10;
const MOST_BYTES = 32 << 20;

const sizes = Deno.args.length > 0
  ? Deno.args.map(Number)
  : Array.from({ length: 12 }, (_, power) => 8 * 4 ** power);
await using world = await launchFromEnv({ transport: "mpi" });
const { group, rank, worldSize: ranks } = world;
using engine = new Engine(rank, ranks);
const [landing, gathered] = [new Uint8Array(2 * MOST_BYTES), new Uint8Array(2 * MOST_BYTES)];
const [header, headers] = [new Uint8Array(HEADER_BYTES), new Uint8Array(ranks * HEADER_BYTES)];
/** When it is measured, nothing is copied to the engine's memory: it is taken for granted that MPI could receive there. */
let isVerifying = true;

const ways = {
  ours: (values: Float32Array) => group.allReduce(values),
  alltoall: (values: Float32Array) => {
    const bytes = new Uint8Array(values.buffer);
    return bytes.length <= SHORT_BYTES ? shortSum(bytes) : longSum(bytes);
  },
  moves: (values: Float32Array) => moves(new Uint8Array(values.buffer)),
  MPI: (values: Float32Array) => {
    const { MPI_Allreduce } = mpi.calls;
    MPI_Allreduce(values, gathered, values.length, mpi.float, mpi.sum, mpi.world);
  },
};
const names = Object.keys(ways) as (keyof typeof ways)[];
await verify();
isVerifying = false;
if (rank === 0) console.log(["bytes", ...names].map((each) => each.padStart(18)).join(""));
for (const bytes of sizes) {
  const values = new Float32Array(bytes / 4);
  const num = Math.min(60, Math.max(2, Math.ceil((16 << 20) / bytes)));
  const times = names.map(() => new Array<number>());
  const medians = names.map(() => new Array<number>());
  for (let round = 0; round < ROUNDS; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const way = (turn + round) % names.length;
      await group.barrier();
      const block: number[] = [];
      for (let call = 0; call < num; call++) {
        const begin = performance.now();
        await ways[names[way]](values);
        block.push(1e3 * (performance.now() - begin));
      }
      times[way].push(...block);
      medians[way].push(quantile(block, 0.5));
    }
  }
  const figures = names.map((_, way) => {
    const ratio = quantile(medians[way].map((each, round) => each / medians[0][round]), 0.5);
    const [median, best] = [0.5, 0.1].map((share) => quantile(times[way], share).toFixed(1));
    return `${median} ${best}${way === 0 ? "" : ` x${ratio.toFixed(2)}`}`.padStart(18);
  });
  if (rank === 0) console.log(`${bytes}`.padStart(18) + figures.join(" "));
}

async function shortSum(values: Uint8Array): Promise<void> {
  const length = HEADER_BYTES + values.length;
  gathered.set(header, 0);
  gathered.set(values, HEADER_BYTES);
  const own = gathered.subarray(0, length);
  const arriving = new Request();
  mpi.calls.MPI_Iallgather(
    ...[own, length, mpi.byte, landing, length, mpi.byte, mpi.world, arriving.handle] as const,
  );
  begin("allReduce", "one-shot", values, values);
  await arriving.ended();
  for (let from = 0; from < ranks; from++) {
    requireHeader(landing.subarray(from * length, from * length + HEADER_BYTES));
    if (from !== rank) {
      take(from, landing.subarray(from * length + HEADER_BYTES, (from + 1) * length));
      give(from, values.length);
    }
  }
  while (engine.fold());
}

async function longSum(values: Uint8Array): Promise<void> {
  const arriving = new Request();
  mpi.calls.MPI_Iallgather(
    ...[header, HEADER_BYTES, mpi.byte, headers, HEADER_BYTES, mpi.byte] as const,
    mpi.world,
    arriving.handle,
  );
  const { lengths, begins } = partsOf(values.length);
  const own = values.subarray(begins[rank], begins[rank] + lengths[rank]);
  begin("reduceScatter", "direct", values, own, [...lengths].map((each) => each / 4));
  const longest = Math.max(...lengths);
  const start = (at: number, half: number) => {
    const piece = (each: number) => Math.max(0, Math.min(PIECE_BYTES, lengths[each] - at));
    const sent = lengths.map((_, to) => to === rank ? 0 : piece(to));
    const taken = lengths.map((_, from) => from === rank ? 0 : piece(rank));
    const places = lengths.map((_, from) => (half * ranks + from) * PIECE_BYTES);
    const request = new Request();
    mpi.calls.MPI_Ialltoallv(
      ...[values, sent, begins.map((each) => each + at), mpi.byte] as const,
      ...[landing, taken, places, mpi.byte, mpi.world, request.handle] as const,
    );
    return { request, sent, taken, places };
  };
  let next = start(0, 0);
  await arriving.ended();
  for (let from = 0; from < ranks; from++) {
    requireHeader(headers.subarray(from * HEADER_BYTES, (from + 1) * HEADER_BYTES));
  }
  let half = 0;
  for (let at = 0; at < longest; at += PIECE_BYTES) {
    const { request, sent, taken, places } = next;
    half = 1 - half;
    if (at + PIECE_BYTES < longest) next = start(at + PIECE_BYTES, half);
    await request.ended();
    for (let peer = 0; peer < ranks; peer++) {
      take(peer, landing.subarray(places[peer], places[peer] + taken[peer]));
      give(peer, sent[peer]);
    }
    while (engine.fold());
  }
  // In pieces, too, so that a stall would be noticed.
  for (let at = 0; at < longest; at += SUMS_BYTES) {
    const counts = lengths.map((each) => Math.max(0, Math.min(SUMS_BYTES, each - at)));
    const request = new Request();
    mpi.calls.gatherInPlace(
      ...[isOpenMpi ? 1n : -1n, 0, mpi.byte, values, counts] as const,
      ...[begins.map((each) => each + at), mpi.byte, mpi.world, request.handle] as const,
    );
    await request.ended();
  }
}

async function moves(values: Uint8Array): Promise<void> {
  const { calls, byte, world } = mpi;
  const [first, second] = [new Request(), new Request()];
  if (values.length <= SHORT_BYTES) {
    const n = values.length;
    calls.MPI_Iallgather(values, n, byte, landing, n, byte, world, first.handle);
    return await first.ended();
  }
  const { lengths, begins } = partsOf(values.length);
  const taken = lengths.map(() => lengths[rank]);
  const places = lengths.map((_, from) => from * lengths[rank]);
  calls.MPI_Ialltoallv(
    ...[values, lengths, begins, byte, landing, taken, places, byte, world, first.handle] as const,
  );
  await first.ended();
  calls.MPI_Iallgatherv(
    ...[landing, lengths[rank], byte, gathered, lengths, begins, byte, world] as const,
    second.handle,
  );
  await second.ended();
}

/** Bytes per rank, and where they begin. */
function partsOf(bytes: number): { readonly lengths: Int32Array; readonly begins: Int32Array } {
  const count = bytes / 4;
  const lengths = Int32Array.from(
    { length: ranks },
    (_, each) => 4 * (Math.floor(count / ranks) + (each < count % ranks ? 1 : 0)),
  );
  const begins = lengths.map((_, each) => lengths.subarray(0, each).reduce((a, b) => a + b, 0));
  return { lengths, begins };
}

function begin(
  op: "allReduce" | "reduceScatter",
  algorithm: string,
  values: Uint8Array,
  result: Uint8Array,
  counts?: readonly number[],
): void {
  const call = { op, algorithm, dtype: "f32", reduction: "sum", root: 0 } as const;
  const count = values.length / 4;
  engine.begin({ ...call, count, ...(counts === undefined ? {} : { counts }) }, { values, result });
}

/** Hands received bytes to the engine. */
function take(from: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    const place = engine.nextReceive(from);
    if (place === undefined || place === FULL) throw new Error("no room");
    const piece = bytes.subarray(at, at + place.length);
    if (isVerifying) place.set(piece);
    engine.received(from, piece.length);
    at += piece.length;
  }
}

/** Tells the engine what has been sent. */
function give(to: number, bytes: number): void {
  for (let left = bytes; left > 0;) {
    const length = Math.min(left, engine.nextSend(to)?.length ?? 0);
    engine.sent(to, length);
    left -= length;
  }
}

function requireHeader(received: Uint8Array): void {
  if (received.some((byte, i) => byte !== header[i])) throw new Error("another call");
}

/** The two ways of ours must give the same bits. */
async function verify(): Promise<void> {
  for (const bytes of [8, 4096, 100_000, (1 << 20) + 12]) {
    const values = Float32Array.from({ length: bytes / 4 }, (_, i) => (i % 91) * (rank + 1.3));
    const other = values.slice();
    await ways.ours(values);
    await ways.alltoall(other);
    if (values.some((value, i) => value !== other[i])) throw new Error(`${bytes} bytes differ`);
  }
}

function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(share * values.length)];
}
