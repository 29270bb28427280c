// Cosines and sines for texts of any length: made when a longer text comes, in powers of two, and kept. A table that is too
// short now may still be wanted by a backward pass, and is kept too: all of them together take as much as the longest.

import type { Device } from "../../device/device.ts";
import { RotaryAngles } from "../../ops/rotary.ts";
import type { RotarySettings } from "./rotary_frequencies.ts";

/** Tables of one model; it owns them. */
export class RotaryTables implements Disposable {
  readonly #device: Device;
  readonly #settings: RotarySettings;
  readonly #all: RotaryAngles[] = [];
  /** The longest table for texts with the frequencies of texts of this length. */
  readonly #byLength = new Map<number, RotaryAngles>();

  /** No table is made before it is asked for. */
  constructor(device: Device, settings: RotarySettings) {
    this.#device = device;
    this.#settings = settings;
  }

  /** Angles for a text of `length` tokens. */
  anglesFor(length: number): RotaryAngles {
    const { steadyUpTo } = this.#settings;
    const key = length <= steadyUpTo ? 0 : length;
    const known = this.#byLength.get(key);
    if (known !== undefined && known.cos.shape[0] >= length) return known;
    const positions = key === 0
      ? Math.min(2 ** Math.ceil(Math.log2(Math.max(length, 1))), steadyUpTo)
      : length;
    const { frequencies, scale } = this.#settings.frequenciesFor(length);
    const made = new RotaryAngles(this.#device, { positions, frequencies, scale });
    this.#all.push(made);
    this.#byLength.set(key, made);
    return made;
  }

  /** Gives back all tables. */
  [Symbol.dispose](): void {
    for (const each of this.#all) each[Symbol.dispose]();
  }
}
