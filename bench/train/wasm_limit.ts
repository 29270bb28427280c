// The rate at which one core multiplies and adds in WASM: 12 vectors of 4 f32, all in registers, as many as a core needs to be busy
// all the time. No memory is touched, so nothing that reads its operands is faster.
//
//   plain   a <- a x + y, two instructions, as in rust_kernels
//   fused   a <- a x + y in one, relaxed SIMD's f32x4.relaxed_madd
//
// The module is put together here byte by byte (https://webassembly.github.io/spec/core/binary): nothing is between the
// instructions and V8.

/** The instructions of the multiplication and addition. */
export type MultiplyAdd = "plain" | "fused";

/** 10^9 operations per second, the best of several runs. */
export async function wasmLimit(how: MultiplyAdd): Promise<number> {
  const { instance } = await WebAssembly.instantiate(multiplyAddModule(how));
  const run = instance.exports.run as (iterations: number) => number;
  let best = Infinity;
  for (let turn = 0; turn < TURNS; turn++) {
    const start = performance.now();
    run(ITERATIONS);
    best = Math.min(best, performance.now() - start);
  }
  return ITERATIONS * UNROLLED * VECTORS * LANES * 2 / best / 1e6;
}

const VECTORS = 12;
const LANES = 4;
const UNROLLED = 4;
/** A millisecond or so. */
const ITERATIONS = 40_000;
const TURNS = 50;

/** A module that exports `run(iterations: i32) -> f32`. */
function multiplyAddModule(how: MultiplyAdd): Uint8Array<ArrayBuffer> {
  const [iterations, x, y, first] = [0, 1, 2, 3];
  const vectors = Array.from({ length: VECTORS }, (_, k) => first + k);
  const set = (local: number, value: number) => [
    ...[F32_CONST, ...new Uint8Array(Float32Array.of(value).buffer)],
    ...[...F32X4_SPLAT, LOCAL_SET, local],
  ];
  const step = vectors.flatMap((vector) => [
    ...[LOCAL_GET, vector, LOCAL_GET, x],
    ...(how === "fused"
      ? [LOCAL_GET, y, ...F32X4_RELAXED_MADD]
      : [...F32X4_MUL, LOCAL_GET, y, ...F32X4_ADD]),
    ...[LOCAL_SET, vector],
  ]);
  const code = [
    ...[...set(x, 0.999), ...set(y, 0.001), ...vectors.flatMap((vector) => set(vector, vector))],
    ...[LOOP, NO_RESULT, ...Array.from({ length: UNROLLED }, () => step).flat()],
    ...[LOCAL_GET, iterations, I32_CONST, 1, I32_SUB, LOCAL_TEE, iterations, BR_IF, 0, END],
    // All of them count for the result, so that none is left out.
    ...[LOCAL_GET, first, ...vectors.slice(1).flatMap((each) => [LOCAL_GET, each, ...F32X4_ADD])],
    ...[...F32X4_EXTRACT_LANE, 0, END],
  ];
  const locals = [1, VECTORS + 2, V128];
  const body = [...locals, ...code];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(TYPES, [1, FUNCTION, 1, I32, 1, F32]),
    ...section(FUNCTIONS, [1, 0]),
    ...section(EXPORTS, [1, 3, ...new TextEncoder().encode("run"), 0, 0]),
    ...section(CODE, [1, ...leb128(body.length), ...body]),
  ]);
}

function section(id: number, bytes: readonly number[]): number[] {
  return [id, ...leb128(bytes.length), ...bytes];
}

function leb128(value: number): number[] {
  return value < 128 ? [value] : [value & 127 | 128, ...leb128(value >> 7)];
}

function simd(code: number): number[] {
  return [0xfd, ...leb128(code)];
}

const [TYPES, FUNCTIONS, EXPORTS, CODE] = [1, 3, 7, 10];
const [I32, F32, V128, FUNCTION, NO_RESULT] = [0x7f, 0x7d, 0x7b, 0x60, 0x40];
const [LOOP, END, BR_IF] = [0x03, 0x0b, 0x0d];
const [LOCAL_GET, LOCAL_SET, LOCAL_TEE] = [0x20, 0x21, 0x22];
const [I32_CONST, F32_CONST, I32_SUB] = [0x41, 0x43, 0x6b];
const [F32X4_SPLAT, F32X4_EXTRACT_LANE, F32X4_ADD, F32X4_MUL, F32X4_RELAXED_MADD] = [
  ...[0x13, 0x1f, 0xe4, 0xe6, 0x105],
].map(simd);
