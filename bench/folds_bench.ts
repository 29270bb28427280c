// The reductions of collectives on one core, through WebAssembly: GB of terms per second, in cache-sized segments.
//
//   deno run -P=train bench/folds_bench.ts
//
// Counted are the terms of all ranks. The engine's copies of its own term in and of the result out are in the time, as
// they are in every collective; nothing is sent.

import { Engine, FULL } from "../src/dist/engine.ts";
import { type Dtype, DTYPES, type Reduction } from "../src/dist/frame.ts";

const BYTES = 4 << 20;
const REPEATS = 15;
const WANTED_GBPS: { readonly [dtype in Dtype]?: number } = { f32: 15, f16: 5, bf16: 5 };

console.log("ranks  type  op     GB/s  wanted");
for (const size of [2, 4]) {
  for (const dtype of DTYPES) {
    for (const reduction of ["sum", "max"] as const) {
      const speed = gigabytesPerSecond(size, { dtype, reduction });
      const wanted = String(WANTED_GBPS[dtype] ?? "").padStart(8);
      const kind = `${String(size).padStart(5)}  ${dtype.padEnd(4)}  ${reduction}`;
      console.log(`${kind} ${speed.toFixed(1).padStart(8)}${wanted}`);
    }
  }
}

/** The median over repeats of folding BYTES of every rank as one-shot does. */
function gigabytesPerSecond(
  size: number,
  { dtype, reduction }: { readonly dtype: Dtype; readonly reduction: Reduction },
): number {
  using engine = new Engine(0, size);
  const values = new Uint8Array(BYTES);
  const count = BYTES / bytesPerElement(dtype);
  const speeds = Array.from({ length: REPEATS }, () => {
    engine.begin(
      { op: "reduce", algorithm: "direct", dtype, reduction, root: 0, count },
      { values, result: values },
    );
    const start = performance.now();
    for (let done = false; !done;) {
      done = true;
      for (let peer = 1; peer < size; peer++) {
        const place = engine.nextReceive(peer);
        if (place === undefined || place === FULL) continue;
        engine.received(peer, place.length);
        done = false;
      }
      engine.fold();
    }
    return size * BYTES / 1e6 / (performance.now() - start);
  });
  return speeds.sort((a, b) => a - b)[REPEATS >> 1];
}

function bytesPerElement(dtype: Dtype): number {
  if (dtype === "f64") return 8;
  return dtype === "f16" || dtype === "bf16" ? 2 : 4;
}
