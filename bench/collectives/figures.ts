// The figures of one size, as nccl-tests defines them.
//
//   algbw = S / t          S bytes of the whole buffer (what a reduceScatter takes, what an allGather gives), t the median
//   busbw = algbw f        f = 2 (p-1)/p for allReduce, (p-1)/p for reduceScatter and allGather, 1 for broadcast:
//                          the bytes that each rank must at least send and receive, so that it compares with a link
//   CPU   = seconds of all cores, over all ranks, for each GB (10^9 bytes) of S

import type { Op } from "./sweep.ts";

/** Times of repeated calls. */
export interface Sample {
  /** Microseconds of each call, averaged over ranks. */
  readonly microseconds: readonly number[];
  /** User and system time of all ranks, over all calls. */
  readonly cpuSeconds: number;
}

/** Results of one size. */
export interface Figures {
  /** Times in microseconds. */
  readonly min: number;
  readonly p50: number;
  readonly p99: number;
  /** In GB/s. */
  readonly algbw: number;
  /** In GB/s. */
  readonly busbw: number;
  readonly cpuSecondsPerGB: number;
}

/** A call that was measured. */
export interface Measured {
  readonly op: Op;
  readonly ranks: number;
  readonly bytes: number;
}

/** The figures of a sample, which must not be empty. */
export function figuresOf({ op, ranks, bytes }: Measured, sample: Sample): Figures {
  const p50 = quantile(sample.microseconds, 0.5);
  const algbw = bytes / p50 / 1e3;
  return {
    min: quantile(sample.microseconds, 0),
    p50,
    p99: quantile(sample.microseconds, 0.99),
    algbw,
    busbw: algbw * busFactor(op, ranks),
    cpuSecondsPerGB: sample.cpuSeconds / (sample.microseconds.length * bytes / 1e9),
  };
}

/** The factor of algbw that makes it comparable with a link. */
export function busFactor(op: Op, ranks: number): number {
  switch (op) {
    case "allReduce":
      return 2 * (ranks - 1) / ranks;
    case "reduceScatter":
    case "allGather":
      return (ranks - 1) / ranks;
    case "broadcast":
      return 1;
  }
}

/** The least of `values` that at least the share `q` of them does not exceed. */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) throw new RangeError("There is no quantile of no values");
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(Math.ceil(q * sorted.length) - 1, 0)];
}

/** One sample of all calls, from samples that were taken in turns. */
export function joinSamples(samples: readonly Sample[]): Sample {
  return {
    microseconds: samples.flatMap(({ microseconds }) => microseconds),
    cpuSeconds: samples.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
  };
}
