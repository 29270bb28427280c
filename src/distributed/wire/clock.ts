// Time, as an argument: whoever waits, or measures for how long nothing came, asks a clock, so that a simulation can let
// hours pass at once and have every run repeat exactly.

/** Tells the time and rings. */
export interface Clock {
  /** Milliseconds since some moment. */
  now(): number;
  /** Calls `ring` once, so many milliseconds from now. */
  once(milliseconds: number, ring: () => void): Alarm;
  /** Calls `ring` every so many milliseconds; that alone does not keep the process alive. */
  every(milliseconds: number, ring: () => void): Alarm;
}

/** Something that rings until it is stopped. */
export interface Alarm {
  /** Does not ring any more. Again: nothing. */
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
