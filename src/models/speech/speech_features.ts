// Log-mel spectrograms of recordings, as transformers' WhisperFeatureExtractor computes them:
//
//   recording   cut, or padded with silence, to `chunk_length` seconds
//   frames      of n_fft samples around every hop_length-th, with a periodic Hann window; beyond its ends the recording is mirrored
//   mel         filters |spectrum of frame|^2, one for every bin                  (power_spectrum.ts, mel_filters.ts)
//   feature     (max(log10 max(mel, 1e-10), most - 8) + 4) / 4,                   most: the largest logarithm of the recording

import * as v from "valibot";
import type { Device } from "../../device/device.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { melFilters } from "./mel_filters.ts";
import { PowerSpectrum } from "./power_spectrum.ts";
import type { Recording } from "./wav.ts";

/**
 * Turns recordings into the features that a Whisper model reads.
 *
 * @example
 * ```ts
 * import { requestDevice } from "@meshfactor/adafactor";
 * import { SpeechFeatures } from "@meshfactor/adafactor/models";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * const features = new SpeechFeatures({ feature_size: 80, chunk_length: 1 });
 * const samples = Float32Array.from({ length: 8000 }, (_, t) => Math.sin(t / 5));
 * using x = features.of(device, [{ samples, samplingRate: 16000 }]);
 * console.log(x.shape); // [1, 80, 100]
 * ```
 *
 * @category Models
 */
export class SpeechFeatures {
  /** Samples per second of recordings. */
  readonly samplingRate: number;
  /** M: mel bins. */
  readonly numBins: number;
  /** Frames of every spectrogram. */
  readonly numFrames: number;
  readonly #settings: v.InferOutput<typeof SETTINGS>;
  readonly #filters: Float32Array;
  readonly #spectrum: PowerSpectrum;

  /**
   * Features by the settings of a preprocessor_config.json; those that it lacks have the defaults of transformers.
   *
   * @throws {TypeError} naming a setting that is not supported
   */
  constructor(settings: Readonly<Record<string, unknown>>) {
    const { output, issues } = v.safeParse(SETTINGS, settings, { abortEarly: true });
    if (issues !== undefined) {
      throw new TypeError(
        `The setting ${v.getDotPath(issues[0]) ?? "of speech features"} is not supported: ${
          issues[0].message
        }`,
      );
    }
    this.#settings = output;
    this.samplingRate = output.sampling_rate;
    this.numBins = output.feature_size;
    this.#spectrum = new PowerSpectrum(output.n_fft);
    this.numFrames = Math.floor(this.#numSamples / output.hop_length);
    this.#filters = melFilters({
      bins: this.numBins,
      frequencies: this.#spectrum.frequencies,
      samplingRate: this.samplingRate,
      highest: HIGHEST,
    });
  }

  /**
   * Recordings -> [B, M, frames]
   *
   * @throws {RangeError} if a recording has another sampling rate, or is empty
   */
  of(device: Device, recordings: readonly Recording[]): Tensor {
    const size = this.numBins * this.numFrames;
    const all = new Float32Array(recordings.length * size);
    for (const [row, recording] of recordings.entries()) all.set(this.#one(recording), row * size);
    return Tensor.from(device, all, { shape: [recordings.length, this.numBins, this.numFrames] });
  }

  /** [M, frames] */
  #one({ samples, samplingRate }: Recording): Float32Array {
    if (samplingRate !== this.samplingRate) {
      throw new RangeError(
        `Wanted a recording of ${this.samplingRate} samples a second, got ${samplingRate}: convert it, as by ` +
          `ffmpeg -i recording.wav -ar ${this.samplingRate} -ac 1 converted.wav`,
      );
    }
    if (samples.length === 0) throw new RangeError("Wanted a recording, got no samples");
    const { n_fft: width, hop_length: hop } = this.#settings;
    const sound = new Float32Array(this.#numSamples).fill(this.#settings.padding_value);
    sound.set(samples.subarray(0, sound.length));
    const window = hannWindow(width);
    const frame = new Float64Array(width);
    const powers = new Float64Array(this.#spectrum.frequencies);
    const features = new Float32Array(this.numBins * this.numFrames);
    let most = -Infinity;
    for (let place = 0; place < this.numFrames; place++) {
      const begin = place * hop - Math.floor(width / 2);
      for (let t = 0; t < width; t++) {
        frame[t] = window[t] * sound[mirrored(begin + t, sound.length)];
      }
      this.#spectrum.of(frame, powers);
      for (let bin = 0; bin < this.numBins; bin++) {
        const feature = Math.log10(Math.max(this.#melOf(powers, bin), FLOOR));
        features[bin * this.numFrames + place] = feature;
        most = Math.max(most, feature);
      }
    }
    return features.map((feature) => (Math.max(feature, most - RANGE) + 4) / 4);
  }

  #melOf(powers: Float64Array, bin: number): number {
    let sum = 0;
    for (let k = 0; k < powers.length; k++) {
      sum += this.#filters[bin * powers.length + k] * powers[k];
    }
    return sum;
  }

  get #numSamples(): number {
    return this.#settings.chunk_length * this.#settings.sampling_rate;
  }
}

/** Periodic: its next sample would be the first again. */
function hannWindow(length: number): Float64Array {
  return Float64Array.from(
    { length },
    (_, t) => 0.5 - 0.5 * Math.cos(2 * Math.PI * t / length),
  );
}

/** The place of a sample beyond an end, mirrored at the sample of that end. */
function mirrored(at: number, length: number): number {
  if (at < 0) return -at;
  return at < length ? at : 2 * (length - 1) - at;
}

const count = v.pipe(v.number(), v.integer(), v.minValue(1));
const SETTINGS = v.pipe(
  v.object({
    feature_extractor_type: v.optional(v.literal("WhisperFeatureExtractor")),
    feature_size: v.optional(count, 80),
    sampling_rate: v.optional(count, 16000),
    hop_length: v.optional(count, 160),
    chunk_length: v.optional(count, 30),
    n_fft: v.optional(v.pipe(count, v.minValue(2)), 400),
    padding_value: v.optional(v.number(), 0),
    padding_side: v.optional(v.literal("right"), "right"),
    // Noise.
    dither: v.optional(v.literal(0), 0),
  }),
  v.check(
    ({ n_fft, chunk_length, sampling_rate }) => n_fft / 2 < chunk_length * sampling_rate,
    "n_fft must be less than twice the samples of chunk_length",
  ),
);

const HIGHEST = 8000;
const FLOOR = 1e-10;
const RANGE = 8;
