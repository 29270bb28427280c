// A clock that a test advances: events in order of their time, and events of the same time in the order of creation.

import type { Alarm, Clock } from "../../../src/distributed/wire/clock.ts";

interface Event {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
  isStopped: boolean;
}

/** A clock that a simulation advances from event to event. */
export class VirtualClock implements Clock {
  #now = 0;
  #numEvents = 0;
  /** A binary heap, the earliest first. */
  readonly #heap: Event[] = [];

  now(): number {
    return this.#now;
  }

  once(milliseconds: number, ring: () => void): Alarm {
    return this.at(this.#now + milliseconds, ring);
  }

  /** Calls `ring` once, at a time that has not passed. */
  at(time: number, ring: () => void): Alarm {
    return this.#add({ at: time, order: this.#numEvents++, run: ring, isStopped: false });
  }

  every(milliseconds: number, ring: () => void): Alarm {
    let isStopped = false;
    let next: Alarm;
    const again = () => {
      ring();
      if (!isStopped) next = this.once(milliseconds, again);
    };
    next = this.once(milliseconds, again);
    return {
      stop() {
        isStopped = true;
        next.stop();
      },
    };
  }

  /** Pending alarms. */
  get numAlarms(): number {
    return this.#heap.filter(({ isStopped }) => !isStopped).length;
  }

  /** Advances to the next event and runs it; false if there is none. */
  step(): boolean {
    for (let event = this.#take(); event !== undefined; event = this.#take()) {
      if (event.isStopped) continue;
      this.#now = event.at;
      event.run();
      return true;
    }
    return false;
  }

  #add(event: Event): Alarm {
    const heap = this.#heap;
    let index = heap.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (isBefore(heap[parent], event)) break;
      heap[index] = heap[parent];
      index = parent;
    }
    heap[index] = event;
    return { stop: () => (event.isStopped = true) };
  }

  #take(): Event | undefined {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return last;
    let index = 0;
    while (true) {
      let child = 2 * index + 1;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++;
      if (child >= heap.length || isBefore(last, heap[child])) break;
      heap[index] = heap[child];
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
