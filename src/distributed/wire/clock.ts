// Time as an argument: code that waits or measures time uses a clock that it is given, so that a simulation can advance
// hours at once and repeat every run exactly.

/** Measures time and calls back. */
export interface Clock {
  /** Milliseconds since a fixed but arbitrary time. */
  now(): number;
  /** Calls `ring` once, after `milliseconds`. */
  once(milliseconds: number, ring: () => void): Alarm;
  /** Calls `ring` every `milliseconds`; that alone does not keep the process alive. */
  every(milliseconds: number, ring: () => void): Alarm;
}

/** A pending callback. */
export interface Alarm {
  /** Cancels it. Idempotent. */
  stop(): void;
}

/** The clock of this process. */
export const systemClock: Clock = {
  now: () => performance.now(),
  once(milliseconds, ring) {
    const timer = setTimeout(ring, milliseconds);
    return { stop: () => clearTimeout(timer) };
  },
  every(milliseconds, ring) {
    const timer = setInterval(ring, milliseconds);
    Deno.unrefTimer(timer);
    return { stop: () => clearInterval(timer) };
  },
};
