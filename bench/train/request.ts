// The protocol between the benchmark and the processes that it measures, one JSON object per line over a loopback
// connection (bench/collectives/contestant.ts); peers in Python speak it too, and who is not asked sleeps in a read.
//
//   rank     rank <rank> <token>
//   bench    {"do": "matmul", ...}, {"do": "limit"} or {"do": "steps", ...}
//   rank     the answer, or {"error": "..."}

import type { Shape } from "./shape.ts";

/** The task of a process, given when it is started. */
export interface Job {
  /** The model to train, or nothing but matmuls. */
  readonly shape?: Shape | undefined;
  /** Folder of the weights to begin with, where there is a shape. */
  readonly folder?: string | undefined;
  /** Ours: tensor-parallel and data-parallel ranks. */
  readonly tensor: number;
  readonly zero: number;
  /** Others: as many threads as we have ranks. */
  readonly threads: number;
  readonly device: "wasm" | "webgpu";
}

/** A product [m, k] [k, n] -> [m, n]. */
export interface Product {
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** Calls `out = a b`, `calls` times, after one that is not timed. */
export interface MatmulRequest extends Product {
  readonly do: "matmul";
  readonly calls: number;
}

/** Times of the calls. */
export interface MatmulAnswer {
  readonly milliseconds: readonly number[];
}

/** The rate at which the device multiplies and adds in registers. */
export interface LimitRequest {
  readonly do: "limit";
}

/** In 10^9 operations per second. */
export interface LimitAnswer {
  readonly gflops: number;
  /** With multiplication and addition in one instruction, where the device has both ways. */
  readonly fused?: number;
}

/** Trains `count` steps. */
export interface StepsRequest {
  readonly do: "steps";
  readonly count: number;
}

/** Milliseconds of one step on one rank; undefined where a contestant does not know. */
export interface StepTimes {
  readonly whole: number;
  readonly forward?: number;
  readonly backward?: number;
  /** A collective was under way and no kernel ran; in none of the others. */
  readonly exchange?: number;
  readonly update?: number;
}

/** Times and losses of the steps. */
export interface StepsAnswer {
  readonly steps: readonly StepTimes[];
  /** Mean loss of each step, over all ranks. */
  readonly losses: readonly number[];
  /** Of the process. */
  readonly pid: number;
}

/** Step size, the same for all. */
export const LEARNING_RATE = 1e-3;
