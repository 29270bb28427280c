// Cosines and sines for texts of any length: made in powers of two when a longer text comes. A table that is too short now may still be
// needed by a backward pass, so all are kept: together they take about as much memory as the longest.

import type { Device } from "../../device/device.ts";
import { RotaryAngles } from "../../ops/rotary.ts";
import type { RotarySettings } from "./rotary_frequencies.ts";
import { keep } from "../../tensor/scope.ts";

/** The tables of one model, which owns them. */
export class RotaryTables implements Disposable {
  readonly #device: Device;
  readonly #settings: RotarySettings;
  readonly #all: RotaryAngles[] = [];
  /** The longest table of each set of frequencies: by length of text, or 0 for all lengths with constant frequencies. */
  readonly #byLength = new Map<number, RotaryAngles>();

  /** Tables are made on demand. */
  constructor(device: Device, settings: RotarySettings) {
    this.#device = device;
    this.#settings = settings;
  }

  /** Angles for a text of `length` tokens. */
  anglesFor(length: number): RotaryAngles {
    const { constantUpTo } = this.#settings;
    const key = length <= constantUpTo ? 0 : length;
    const known = this.#byLength.get(key);
    if (known !== undefined && known.cos.shape[0] >= length) return known;
    const positions = key === 0
      ? Math.min(2 ** Math.ceil(Math.log2(Math.max(length, 1))), constantUpTo)
      : length;
    const { frequencies, scale } = this.#settings.frequenciesFor(length);
    const made = new RotaryAngles(this.#device, { positions, frequencies, scale });
    keep(made.cos);
    keep(made.sin);
    this.#all.push(made);
    this.#byLength.set(key, made);
    return made;
  }

  /** The angles of tokens at the given positions, of texts that all have the same frequencies; the caller's to dispose of. */
  anglesAt(positions: Uint32Array): RotaryAngles {
    const length = positions.reduce((most, position) => Math.max(most, position + 1), 1);
    return this.anglesFor(length).at(positions);
  }

  /** Releases all tables. */
  [Symbol.dispose](): void {
    for (const each of this.#all) each[Symbol.dispose]();
  }
}
