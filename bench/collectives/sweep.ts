// The sizes of a sweep: from `begin` to `end` by a factor, and how often each is repeated.
//
//   sizes       begin, begin f, begin f^2, ... <= end              as nccl-tests' -b -e -f
//   iterations  as many as move BYTES_PER_SIZE, within limits      large sizes need few to be stable, and take long
//   shares      count elements over p ranks: the first count mod p ranks have one more

/** The collectives that can be measured. */
export const OPS = ["allReduce", "reduceScatter", "allGather", "broadcast"] as const;
/** A collective by its name in `ProcessGroup`. */
export type Op = typeof OPS[number];

/** Repetitions of a call. */
export interface Repetitions {
  /** Calls before the timed ones. */
  readonly warmup: number;
  /** Timed calls. */
  readonly iterations: number;
}

/** Sizes in bytes from `begin` to `end`, each `factor` times the one before. */
export function sizesOf(sweep: {
  readonly begin: number;
  readonly end: number;
  readonly factor: number;
}): number[] {
  const sizes: number[] = [];
  for (let size = sweep.begin; size <= sweep.end; size *= sweep.factor) sizes.push(size);
  return sizes;
}

/** How often a call on `bytes` is made; fewer times the larger it is. */
export function repetitionsFor(bytes: number): Repetitions {
  const iterations = clamp(Math.floor(BYTES_PER_SIZE / bytes), FEWEST, MOST);
  return { iterations, warmup: clamp(Math.floor(iterations / 5), 2, MOST) };
}

/** `iterations` calls in `turns` turns that differ by at most one; turns without a call are left out. */
export function turnsOf(iterations: number, turns: number): number[] {
  return sharesOf(iterations, turns).filter((share) => share > 0);
}

/** Elements of each rank when `count` elements are split over `ranks`. */
export function sharesOf(count: number, ranks: number): number[] {
  return Array.from(
    { length: ranks },
    (_, rank) => Math.floor(count / ranks) + (rank < count % ranks ? 1 : 0),
  );
}

/** Bytes in "8", "64K", "128M" or "1G". @throws {RangeError} if it is none of them, or no whole number of f32. */
export function parseSize(text: string): number {
  const { digits, unit } = /^(?<digits>\d+)(?<unit>[KMG]?)$/i.exec(text)?.groups ?? {};
  const bytes = Number(digits) * 1024 ** " KMG".indexOf((unit || " ").toUpperCase());
  if (digits === undefined || bytes === 0 || bytes % BYTES_PER_ELEMENT !== 0) {
    throw new RangeError(`A size is a multiple of 4 bytes like 8, 64K or 128M, got "${text}"`);
  }
  return bytes;
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}

/** Of an f32. */
export const BYTES_PER_ELEMENT = 4;
const BYTES_PER_SIZE = 512 << 20;
const [FEWEST, MOST] = [6, 600];
