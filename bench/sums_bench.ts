// The sums that follow what is sent over plain TCP, on one core, through WebAssembly: checksums and keyed sums, of bytes in
// JavaScript's memory, which are copied for it. Each is made once by the sender and once by the receiver.
//
//   deno run -P=train bench/sums_bench.ts
//
// The two take turns; the best of many turns, as the machine is shared.

import { Engine } from "../src/distributed/calls/engine.ts";

const SIZES = [8, 1 << 10, 16 << 10, 512 << 10, 8 << 20];
const TURNS = 20;
const BYTES_PER_TURN = 16 << 20;
const MOST_SUMS = 20_000;

const [checksum, keyed] = [new Engine(0, 2), new Engine(0, 2)];
checksum.check(1);
keyed.authenticate(1, crypto.getRandomValues(new Uint8Array(64)));

console.log("     bytes        checksum          keyed sum     (us, GB/s)");
for (const size of SIZES) {
  const bytes = Uint8Array.from({ length: size }, (_, i) => i * 31);
  const numSums = Math.min(MOST_SUMS, Math.ceil(BYTES_PER_TURN / size));
  const best = [checksum, keyed].map((engine) => ({ engine, ms: Infinity }));
  for (let turn = 0; turn < TURNS; turn++) {
    for (const each of best) each.ms = Math.min(each.ms, sumMs(each.engine, bytes, numSums));
  }
  const figures = best.map(({ ms }) =>
    `${(1000 * ms).toFixed(2).padStart(10)}${(size / ms / 1e6).toFixed(2).padStart(7)}`
  );
  console.log(`${String(size).padStart(10)}${figures.join("  ")}`);
}

function sumMs(engine: Engine, bytes: Uint8Array, numSums: number): number {
  const begin = performance.now();
  for (let i = 0; i < numSums; i++) {
    engine.sumSent(1, bytes);
    engine.trailerOfSent(1);
  }
  return (performance.now() - begin) / numSums;
}
