// The reductions of collectives on one core, through WebAssembly: GB of terms per second, in cache-sized segments.
//
//   deno run -P=train bench/folds_bench.ts
//
// Counted are the terms of all ranks. `alone`: a segment whose terms are in WASM memory, in the cache. `in use`: with the
// copies of the own term in and of the result out, of values longer than the cache, as in every collective; nothing is
// sent. The best of many runs, as the machine is shared.

import { Engine as WasmEngine } from "../rust_collectives/pkg/rust_collectives.js";
import { Engine, FULL, roomBytes, segmentBytes } from "../src/distributed/calls/engine.ts";
import {
  ELEMENT_TYPES,
  type ElementType,
  type Reduction,
  REDUCTIONS,
} from "../src/distributed/wire/call_kind.ts";

const BYTES = 4 << 20;
const LEAST_MS = 300;
const LEAST_RUNS = 20;
/** Numbers on the wire (wasm.rs, frame.ts). */
const REDUCE = 5;
const DIRECT = 2;
const WANTED_GBPS: { readonly [dtype in ElementType]?: number } = { f32: 15, f16: 5, bf16: 5 };

interface Kind {
  readonly size: number;
  readonly dtype: ElementType;
  readonly reduction: Reduction;
}

console.log("ranks  type  op    alone  in use  wanted   (GB/s)");
for (const size of [2, 3, 4, 8]) {
  for (const dtype of ELEMENT_TYPES) {
    for (const reduction of ["sum", "mean", "max"] as const) {
      if (reduction === "mean" && (dtype === "i32" || dtype === "u32")) continue;
      const kind = { size, dtype, reduction };
      const [alone, inUse] = [foldsAlone(kind), foldsInUse(kind)].map((speed) =>
        speed.toFixed(1).padStart(7)
      );
      const wanted = String(WANTED_GBPS[dtype] ?? "").padStart(8);
      const name = `${String(size).padStart(5)}  ${dtype.padEnd(4)}  ${reduction.padEnd(4)}`;
      console.log(`${name}${alone}${inUse}${wanted}`);
    }
  }
}

function foldsAlone({ size, dtype, reduction }: Kind): number {
  const segment = segmentBytes(size);
  const repeats = Math.ceil(BYTES / segment);
  const engine = new WasmEngine(0, size, roomBytes(size), segment);
  const speed = best(() => {
    const count = repeats * segment / bytesPerElement(dtype);
    const [type, op] = [ELEMENT_TYPES.indexOf(dtype), REDUCTIONS.indexOf(reduction)];
    engine.begin_collective(REDUCE, DIRECT, type, op, 0, count);
    let ms = 0;
    for (let each = 0; each < repeats; each++) {
      for (let peer = 1; peer < size; peer++) engine.received(peer, segment);
      const start = performance.now();
      engine.fold();
      ms += performance.now() - start;
    }
    return size * repeats * segment / 1e6 / ms;
  });
  engine.free();
  return speed;
}

function foldsInUse({ size, dtype, reduction }: Kind): number {
  using engine = new Engine(0, size);
  const values = new Uint8Array(BYTES);
  const count = BYTES / bytesPerElement(dtype);
  return best(() => {
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
}

/** The best of the speeds that `measure` returns in a while, which begins before the code is optimised. */
function best(measure: () => number): number {
  let speed = 0;
  const start = performance.now();
  for (let runs = 0; runs < LEAST_RUNS || performance.now() - start < LEAST_MS; runs++) {
    speed = Math.max(speed, measure());
  }
  return speed;
}

function bytesPerElement(dtype: ElementType): number {
  if (dtype === "f64") return 8;
  return dtype === "f16" || dtype === "bf16" ? 2 : 4;
}
