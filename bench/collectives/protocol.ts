// The protocol between the benchmark and the ranks that it measures, one line each over a loopback connection. It is
// plain text so that ranks in C and in Python speak it too, and an idle rank sleeps in a read instead of spinning.
//
//   rank     rank <rank> <token>
//   bench    run <op> <count> <warm-up calls> <timed calls> <check: on or off>
//   rank     times <algorithm> <CPU seconds> <microseconds of each timed call...>      or: error <message>
//
// The end of the connection is the end of the rank.

import type { Op } from "./sweep.ts";

/** Calls that all ranks make on request; `Name` is one of the requests that they know. */
export interface Turn<Name extends string = Op> {
  readonly op: Name;
  /** f32 elements of the whole buffer. */
  readonly count: number;
  readonly warmup: number;
  readonly iterations: number;
  /** Whether results are verified, before and after the timed calls. */
  readonly check: "on" | "off";
}

/** Measurements of one rank. */
export interface Times {
  /** The rank's name of the algorithm; "-" if it does not know. */
  readonly algorithm: string;
  /** User and system time of the timed calls. */
  readonly cpuSeconds: number;
  /** Of each timed call. */
  readonly microseconds: readonly number[];
}

/** A line that asks ranks to make calls. */
export function formatTurn({ op, count, warmup, iterations, check }: Turn<string>): string {
  return `run ${op} ${count} ${warmup} ${iterations} ${check}`;
}

/** @throws {SyntaxError} if the line is none that `formatTurn` makes of one of `names`. */
export function parseTurn<Name extends string>(line: string, names: readonly Name[]): Turn<Name> {
  const [word, name, count, warmup, iterations, check, ...rest] = line.split(" ");
  const op = names.find((each) => each === name);
  const numbers = [count, warmup, iterations].map(wholeNumber);
  if (word !== "run" || !op || rest.length > 0 || (check !== "on" && check !== "off")) {
    throw new SyntaxError(`A line that starts a turn was wanted, got "${line}"`);
  }
  return { op, count: numbers[0], warmup: numbers[1], iterations: numbers[2], check };
}

/** A line by which a rank reports its measurements. */
export function formatTimes({ algorithm, cpuSeconds, microseconds }: Times): string {
  return `times ${algorithm} ${cpuSeconds.toFixed(6)} ${
    microseconds.map((each) => each.toFixed(3)).join(" ")
  }`;
}

/**
 * Measurements of a rank in `iterations` calls.
 *
 * @throws {RankError} if the rank says that it failed.
 * @throws {SyntaxError} if the line is none of a rank's, or has other than `iterations` times.
 */
export function parseTimes(line: string, iterations: number): Times {
  if (line.startsWith("error ")) throw new RankError(line.slice("error ".length));
  const [word, algorithm, ...numbers] = line.trimEnd().split(" ");
  const [cpuSeconds, ...microseconds] = numbers.map(Number);
  if (
    word !== "times" || microseconds.length !== iterations ||
    ![cpuSeconds, ...microseconds].every(isDuration)
  ) {
    throw new SyntaxError(`${iterations} times of a rank were wanted, got "${line.slice(0, 200)}"`);
  }
  return { algorithm, cpuSeconds, microseconds };
}

/** The rank in a rank's first line; undefined unless it knows the token. */
export function parseHello(line: string, token: string): number | undefined {
  const [word, rank, theirs, ...rest] = line.split(" ");
  const isHello = word === "rank" && /^\d+$/.test(rank) && theirs === token && rest.length === 0;
  return isHello ? Number(rank) : undefined;
}

/** A rank could not do what was asked, and says why. */
export class RankError extends Error {
  override readonly name = "RankError";
}

function wholeNumber(text: string | undefined): number {
  if (text === undefined || !/^\d+$/.test(text)) {
    throw new SyntaxError(`A whole number was wanted in a line that starts a turn, got "${text}"`);
  }
  return Number(text);
}

function isDuration(value: number): boolean {
  return Number.isFinite(value) && value >= 0;
}
