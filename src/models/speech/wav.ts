// Recordings in WAV files (RIFF): chunks of an id, a length and bytes, of which `fmt ` says how samples are stored and `data` holds them.
//
//   PCM of 8 bits   (b - 128) / 128;   PCM of n = 16, 24, 32 bits   i / 2^(n - 1);   float of 32 or 64 bits   as it is
//
// Several channels are averaged.

import { kindOf } from "../../tensor/argument_checks.ts";

/**
 * A recording of one channel.
 *
 * @category Models
 */
export interface Recording {
  /** Samples, from -1 to 1. */
  readonly samples: Float32Array;
  /** Samples per second. */
  readonly samplingRate: number;
}

/**
 * Reads the bytes of a WAV file: PCM of 8, 16, 24 or 32 bits, or floats of 32 or 64; the mean of its channels.
 *
 * @throws {TypeError} if the bytes are no such file, naming what they hold instead
 *
 * @example
 * ```ts
 * import { readWav } from "@meshfactor/adafactor/models";
 *
 * const numbers = (...of: number[]) => [...new Uint8Array(Uint32Array.from(of).buffer)];
 * const text = (of: string) => [...new TextEncoder().encode(of)];
 * const format = [1, 0, 1, 0, ...numbers(16000, 32000), 2, 0, 16, 0]; // PCM, one channel, 16 bits
 * const bytes = Uint8Array.from([
 *   ...[text("RIFF"), numbers(40), text("WAVE")].flat(),
 *   ...[text("fmt "), numbers(16), format].flat(),
 *   ...[text("data"), numbers(4), 0, 0x40, 0, 0xc0].flat(),
 * ]);
 * console.log(readWav(bytes)); // samples 0.5 and -0.5, 16000 a second
 * ```
 *
 * @category Models
 */
export function readWav(bytes: Uint8Array): Recording {
  if (!(bytes instanceof Uint8Array)) {
    throw new TypeError(
      `readWav() wants the bytes of a file, as Deno.readFile() gives them, got ${kindOf(bytes)}`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kind = bytes.length < 12 ? "" : `${idAt(view, 0)} ${idAt(view, 8)}`;
  if (kind !== "RIFF WAVE") {
    throw new TypeError(
      `Wanted a WAV file, which begins with RIFF and WAVE, got ${
        kind === "" ? `${bytes.length} bytes` : JSON.stringify(kind)
      }: convert other formats, as by ffmpeg -i recording.mp3 -ar 16000 -ac 1 recording.wav`,
    );
  }
  let format: Format | undefined;
  for (let at = 12; at + 8 <= bytes.length;) {
    const [id, length] = [idAt(view, at), view.getUint32(at + 4, true)];
    const begin = at + 8;
    if (id === "fmt ") format = formatOf(view, { begin, length });
    if (id === "data") {
      if (format === undefined) {
        throw new TypeError("The WAV file has samples before it says how they are stored");
      }
      return samplesOf(view, { begin, length, format });
    }
    at = begin + length + length % 2;
  }
  throw new TypeError("The WAV file has no samples: there is no chunk called data");
}

interface Format {
  readonly read: (view: DataView, at: number) => number;
  /** Of one sample of one channel. */
  readonly numBytes: number;
  readonly numChannels: number;
  readonly samplingRate: number;
}

interface Chunk {
  readonly begin: number;
  readonly length: number;
}

function formatOf(view: DataView, { begin, length }: Chunk): Format {
  if (length < 16 || begin + length > view.byteLength) {
    throw new TypeError(`The WAV file's chunk fmt is damaged: wanted 16 bytes, got ${length}`);
  }
  const tag = view.getUint16(begin, true);
  // An extensible format begins its own identifier with the tag.
  const code = tag === EXTENSIBLE && length >= 26 ? view.getUint16(begin + 24, true) : tag;
  const bits = view.getUint16(begin + 14, true);
  const read = READERS[`${code} ${bits}`];
  const numChannels = view.getUint16(begin + 2, true);
  if (read === undefined || numChannels === 0) {
    throw new TypeError(
      `The WAV file has ${numChannels} channels of format ${code} with ${bits} bits: wanted PCM (1) of 8, 16, 24 or 32 bits, ` +
        "or floats (3) of 32 or 64, on at least one channel",
    );
  }
  return { read, numBytes: bits / 8, numChannels, samplingRate: view.getUint32(begin + 4, true) };
}

function samplesOf(
  view: DataView,
  { begin, length, format }: Chunk & { readonly format: Format },
): Recording {
  const { read, numBytes, numChannels, samplingRate } = format;
  const left = view.byteLength - begin;
  // Programs that write to a pipe do not know the length.
  const isOpen = length === 0xffffffff || length === 0 && left > 0;
  if (!isOpen && length > left) {
    throw new TypeError(`The WAV file is cut off: wanted ${length} bytes of samples, got ${left}`);
  }
  const count = Math.floor((isOpen ? left : length) / (numBytes * numChannels));
  const samples = Float32Array.from({ length: count }, (_, t) => {
    let sum = 0;
    for (let channel = 0; channel < numChannels; channel++) {
      sum += read(view, begin + (t * numChannels + channel) * numBytes);
    }
    return sum / numChannels;
  });
  return { samples, samplingRate };
}

function idAt(view: DataView, at: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((k) => view.getUint8(at + k)));
}

/** By format and bits. */
const READERS: Readonly<Record<string, Format["read"]>> = {
  "1 8": (view, at) => (view.getUint8(at) - 128) / 2 ** 7,
  "1 16": (view, at) => view.getInt16(at, true) / 2 ** 15,
  "1 24": (view, at) => (view.getInt16(at + 1, true) * 2 ** 8 + view.getUint8(at)) / 2 ** 23,
  "1 32": (view, at) => view.getInt32(at, true) / 2 ** 31,
  "3 32": (view, at) => view.getFloat32(at, true),
  "3 64": (view, at) => view.getFloat64(at, true),
};

const EXTENSIBLE = 0xfffe;
