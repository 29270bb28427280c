import assert from "node:assert/strict";
import { readWav } from "../../../src/models/speech/wav.ts";
import expected from "../../goldens/speech/expected.json" with { type: "json" };

for (const [name, { file, rate, samples }] of Object.entries(expected.recordings)) {
  Deno.test(`readWav() reads the mean of two channels of ${name}`, () => {
    const recording = readWav(Uint8Array.fromBase64(file));
    assert.equal(recording.samplingRate, rate);
    assert.deepEqual([...recording.samples], samples.map(Math.fround));
  });
}

Deno.test("readWav() reads extensible formats, other chunks before the samples, and open ends", () => {
  const extensible = [...numbers(2, 0xfffe, 1), ...numbers(4, 8000, 16000), ...numbers(2, 2, 16)];
  const format = [...extensible, ...numbers(2, 22, 16), ...numbers(4, 0), ...numbers(2, 1), 0, 0];
  const samples = numbers(2, 0x4000, 0x8000);
  const other = [...chunk("fmt ", format), ...chunk("LIST", [1, 2, 3]), 0];
  const whole = readWav(wav(...other, ...chunk("data", samples)));
  assert.deepEqual(whole, { samples: Float32Array.of(0.5, -1), samplingRate: 8000 });
  for (const length of [0xffffffff, 0]) {
    const open = [...text("data"), ...numbers(4, length), ...samples];
    assert.deepEqual(readWav(wav(...other, ...open)), whole);
  }
  // Bytes in the middle of a larger buffer.
  const shifted = Uint8Array.of(9, 9, 9, ...wav(...other, ...chunk("data", samples))).subarray(3);
  assert.deepEqual(readWav(shifted), whole);
});

Deno.test("readWav() refuses what is no WAV file, and formats that it does not know, by name", () => {
  const pcm = (bits: number, code = 1, channels = 1) =>
    chunk("fmt ", [
      ...numbers(2, code, channels),
      ...numbers(4, 16000, 32000),
      ...numbers(2, 2, bits),
    ]);
  const data = chunk("data", [0, 0, 0, 0]);
  const cases: [Uint8Array, RegExp][] = [
    [new Uint8Array(), /begins with RIFF and WAVE, got 0 bytes: convert other formats/],
    [Uint8Array.from([...text("OggS"), ...new Array(20).fill(65)]), /got "OggS AAAA"/],
    [wav(...pcm(12), ...data), /1 channels of format 1 with 12 bits: wanted PCM/],
    [wav(...pcm(16, 2), ...data), /format 2 with 16 bits/],
    [wav(...pcm(16, 1, 0), ...data), /0 channels/],
    [wav(...data), /samples before it says how they are stored/],
    [wav(...pcm(16)), /no chunk called data/],
    [wav(...chunk("fmt ", [1, 0])), /chunk fmt is damaged: wanted 16 bytes, got 2/],
    [wav(...pcm(16), ...text("data"), ...numbers(4, 9), 1, 2), /cut off: wanted 9 bytes .* got 2/],
  ];
  for (const [bytes, message] of cases) {
    assert.throws(() => readWav(bytes), { name: "TypeError", message });
  }
});

function wav(...chunks: number[]): Uint8Array {
  return Uint8Array.from([
    ...text("RIFF"),
    ...numbers(4, chunks.length + 4),
    ...text("WAVE"),
    ...chunks,
  ]);
}

function chunk(id: string, content: readonly number[]): number[] {
  return [...text(id), ...numbers(4, content.length), ...content];
}

function text(of: string): number[] {
  return [...new TextEncoder().encode(of)];
}

/** Little endian, `size` bytes each. */
function numbers(size: number, ...values: number[]): number[] {
  return values.flatMap((value) =>
    Array.from({ length: size }, (_, k) => Math.floor(value / 256 ** k) % 256)
  );
}
