// The power of each frequency of a frame x of n samples: |sum_t x_t e^(-2 pi i k t / n)|^2 for k = 0, ..., n / 2.
//
// Sums are of even and odd parts, x_t + x_(n-t) and x_t - x_(n-t), with tables of cosines and sines: half of the products of the plain
// sum. A fast transform of 400 samples, no power of two, would take a fifth of the time, which is little beside that of a model.

/** Powers of all frequencies of frames of one length. */
export class PowerSpectrum {
  /** Number of frequencies: 1 + floor(n / 2). */
  readonly frequencies: number;
  readonly #length: number;
  readonly #half: number;
  readonly #cosines: Float64Array;
  readonly #sines: Float64Array;
  readonly #even: Float64Array;
  readonly #odd: Float64Array;

  /** For frames of n samples. */
  constructor(length: number) {
    this.#length = length;
    this.#half = Math.floor(length / 2);
    this.frequencies = 1 + this.#half;
    const table = (f: (angle: number) => number) =>
      Float64Array.from({ length: this.frequencies ** 2 }, (_, at) => {
        const [k, t] = [Math.floor(at / this.frequencies), at % this.frequencies];
        return f(2 * Math.PI * (k * t % length) / length);
      });
    this.#cosines = table(Math.cos);
    this.#sines = table(Math.sin);
    this.#even = new Float64Array(this.frequencies);
    this.#odd = new Float64Array(this.frequencies);
  }

  /** Writes the powers of a frame [n] to `powers` [1 + floor(n / 2)]. */
  of(frame: Float64Array, powers: Float64Array): void {
    const even = this.#even;
    const odd = this.#odd;
    const [length, half] = [this.#length, this.#half];
    for (let t = 0; t <= half; t++) {
      // Samples 0 and, if n is even, n / 2 have no partner.
      const isAlone = t === 0 || 2 * t === length;
      even[t] = frame[t] + (isAlone ? 0 : frame[length - t]);
      odd[t] = isAlone ? 0 : frame[t] - frame[length - t];
    }
    for (let k = 0; k <= half; k++) {
      const begin = k * (half + 1);
      let real = 0;
      let imaginary = 0;
      for (let t = 0; t <= half; t++) {
        real += even[t] * this.#cosines[begin + t];
        imaginary += odd[t] * this.#sines[begin + t];
      }
      powers[k] = real * real + imaginary * imaginary;
    }
  }
}
