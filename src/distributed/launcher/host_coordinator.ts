// Decides when the hosts of a job begin an attempt, and how the job ends. Pure: messages and time in, messages out.
//
//   gathering   hosts join or are ready again; with --nodes MIN:MAX it begins when there are MAX of them, or when there have been MIN
//               for the time of the last call
//   running     each member runs its ranks
//   ending      a member's rank was lost, or a member: the others are stopped, and when all have ended it gathers again
//   over        all members are done, one was stopped, or there is no use in another attempt
//
// The host at which the others meet is always the first, as rank 0 is there; without it the job ends.

import { KILLED_CODE, STOPPED_CODE } from "./exit_codes.ts";
import type { FromHost, ToHost } from "./host_message.ts";
import type { Alarm, Clock } from "../wire/clock.ts";
import { afterAttempt, type FailedAttempt } from "./restart_policy.ts";

/** Options of {@linkcode HostCoordinator}. */
export interface CoordinatorOptions {
  /** Fewest and most hosts of an attempt. */
  readonly min: number;
  readonly max: number;
  readonly maxRestarts: number;
  /** Milliseconds to wait for more hosts when there are enough. */
  readonly lastCallMs: number;
  readonly clock: Clock;
  readonly send: (host: number, message: ToHost) => void;
  /** Reports to whoever runs the job. */
  readonly say: (text: string) => void;
}

/** The id of the host at which the others meet. */
export const FIRST_HOST = 0;

/** The attempts of one job. */
export class HostCoordinator {
  readonly #options: CoordinatorOptions;
  /** All hosts that are there, in the order in which they came. */
  readonly #hosts = new Set<number>();
  /** Members of the running attempt, and how they ended. */
  #members = new Map<number, FromHost | undefined>();
  readonly #failed: FailedAttempt[] = [];
  #failure: Omit<FailedAttempt, "milliseconds"> | undefined;
  #begunAt = 0;
  #isOver = false;
  #lastCall: Alarm | undefined;
  #backOff: Alarm | undefined;

  /** For `joined` next. */
  constructor(options: CoordinatorOptions) {
    this.#options = options;
  }

  /** A host is there and ready. */
  joined(host: number): void {
    this.#hosts.add(host);
    this.#gather();
  }

  /** A host is gone. */
  left(host: number): void {
    this.#hosts.delete(host);
    if (this.#isOver) return;
    if (this.#members.has(host) && this.#members.get(host) === undefined) {
      const position = [...this.#members.keys()].indexOf(host);
      const text = `host ${position} of this attempt is lost`;
      this.#members.delete(host);
      this.#fail({ rank: -1, code: 1, signal: null, stderr: [text] }, text);
      this.#afterEnds();
    } else this.#gather();
  }

  /** A message of a host. */
  ended(host: number, message: FromHost): void {
    if (message.attempt !== this.#failed.length || !this.#members.has(host)) return;
    this.#members.set(host, message);
    if (message.result === "failed") {
      const { rank, code, signal, stderr } = message;
      const how = signal ?? `code ${code}`;
      this.#fail({ rank, code, signal, stderr }, `rank ${rank} failed first, with ${how}`);
    } else if (message.result !== "done") this.#stopOthers();
    this.#afterEnds();
  }

  /** Ends all timers. */
  close(): void {
    this.#lastCall?.stop();
    this.#backOff?.stop();
  }

  #gather(): void {
    const { min, max, lastCallMs, clock } = this.#options;
    if (this.#isOver || this.#members.size > 0 || this.#backOff !== undefined) return;
    const isEnough = this.#hosts.has(FIRST_HOST) && this.#hosts.size >= min;
    if (!isEnough || this.#hosts.size >= max) {
      this.#lastCall?.stop();
      this.#lastCall = undefined;
    }
    if (!isEnough) return;
    if (this.#hosts.size >= max) return this.#begin();
    this.#lastCall ??= clock.once(lastCallMs, () => this.#begin());
  }

  #begin(): void {
    this.#lastCall = undefined;
    const others = [...this.#hosts].filter((host) => host !== FIRST_HOST);
    const members = [FIRST_HOST, ...others].slice(0, this.#options.max);
    this.#members = new Map(members.map((host) => [host, undefined]));
    this.#failure = undefined;
    this.#begunAt = this.#options.clock.now();
    const attempt = this.#failed.length;
    for (const [node, host] of members.entries()) {
      this.#options.send(host, { kind: "begin", attempt, node, nodes: members.length });
    }
  }

  #fail(failure: Omit<FailedAttempt, "milliseconds">, text: string): void {
    if (this.#failure === undefined) this.#options.say(text);
    if (this.#failure === undefined || reportsPeer(this.#failure)) this.#failure = failure;
    this.#stopOthers();
  }

  #stopOthers(): void {
    for (const [host, end] of this.#members) {
      if (end === undefined) this.#options.send(host, { kind: "stop" });
    }
  }

  /** When all members have ended: the next attempt, or the end of the job. */
  #afterEnds(): void {
    const ends = [...this.#members.values()];
    if (ends.some((end) => end === undefined)) return;
    const results = ends.map((end) => end?.result);
    const isStopped = results.includes("stopped") || results.includes("killed");
    // Ranks of other hosts have lost those that were stopped.
    if (this.#failure === undefined || (isStopped && reportsPeer(this.#failure))) {
      if (results.includes("killed")) return this.#end(KILLED_CODE, "a rank had to be killed");
      if (results.includes("stopped")) return this.#end(STOPPED_CODE, "interrupted");
      return this.#end(0, "done");
    }
    const { clock, maxRestarts, say } = this.#options;
    this.#failed.push({ ...this.#failure, milliseconds: clock.now() - this.#begunAt });
    this.#members = new Map();
    const next = afterAttempt(this.#failed, maxRestarts);
    const ended = `attempt ${this.#failed.length} of ${maxRestarts + 1} has ended`;
    if (next.kind === "end") {
      return this.#end(
        this.#failure.code,
        maxRestarts === 0 ? "" : `${ended}; no other is made, as ${next.reason}`,
      );
    }
    say(
      `${ended}; the next begins in ${next.delayMs / 1000} s, with the hosts that are there then`,
    );
    this.#backOff = clock.once(next.delayMs, () => {
      this.#backOff = undefined;
      this.#gather();
    });
  }

  #end(code: number, text: string): void {
    this.#isOver = true;
    this.close();
    for (const host of this.#hosts) this.#options.send(host, { kind: "end", code, text });
  }
}

/** Whether a rank has only lost a peer, and so is not the cause. */
function reportsPeer({ stderr }: Pick<FailedAttempt, "stderr">): boolean {
  return stderr.some((line) => line.includes("PeerLostError"));
}
