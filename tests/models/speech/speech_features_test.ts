// Features against those of transformers' WhisperFeatureExtractor (tests/goldens/generate_speech.py).

import assert from "node:assert/strict";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { SpeechFeatures } from "../../../src/models/speech/speech_features.ts";
import expected from "../../goldens/speech/expected.json" with { type: "json" };

for (const { settings, samples: length, stride, shape, features: stored } of expected.features) {
  Deno.test(`features of ${length} samples by ${JSON.stringify(settings)} are those of transformers`, async () => {
    using device = wasmDevice();
    const features = new SpeechFeatures(settings);
    const { samplingRate } = features;
    using x = features.of(device, [{ samples: signal(length), samplingRate }]);
    assert.deepEqual(x.shape, [1, ...shape]);
    const values = (await x.data()).filter((_, at) => at % stride === 0);
    const wanted = new Float32Array(Uint8Array.fromBase64(stored).buffer);
    assert.equal(values.length, wanted.length);
    // Sums of 400 products of f32 there, of f64 here.
    const largest = values.reduce((most, x, at) => Math.max(most, Math.abs(x - wanted[at]!)), 0);
    assert.ok(largest < 1e-4, `the largest difference is ${largest}`);
    assert.ok(wanted.some((x) => Math.abs(x - wanted[0]!) > 0.1), "all are alike");
  });
}

Deno.test("features of several recordings are those of each", async () => {
  using device = wasmDevice();
  const features = new SpeechFeatures({ chunk_length: 1, feature_size: 8, hop_length: 1600 });
  const recordings = [700, 16000].map((length) => ({
    samples: signal(length),
    samplingRate: 16000,
  }));
  using both = features.of(device, recordings);
  const each: number[] = [];
  for (const recording of recordings) {
    using one = features.of(device, [recording]);
    each.push(...await one.data());
  }
  assert.deepEqual(both.shape, [2, 8, 10]);
  assert.deepEqual([...await both.data()], each);
});

Deno.test("silence has the lowest feature everywhere", async () => {
  using device = wasmDevice();
  const features = new SpeechFeatures({ chunk_length: 1, hop_length: 1600 });
  using x = features.of(device, [{ samples: new Float32Array(100), samplingRate: 16000 }]);
  assert.ok((await x.data()).every((value) => value === -1.5));
});

Deno.test("features refuse recordings of another rate, and without samples", () => {
  using device = wasmDevice();
  const features = new SpeechFeatures({ chunk_length: 1 });
  assert.throws(
    () => features.of(device, [{ samples: new Float32Array(9), samplingRate: 44100 }]),
    /Wanted a recording of 16000 samples a second, got 44100: convert it, .* -ar 16000/,
  );
  assert.throws(
    () => features.of(device, [{ samples: new Float32Array(), samplingRate: 16000 }]),
    /got no samples/,
  );
});

for (
  const [settings, message] of [
    [{ dither: 0.1 }, /The setting dither is not supported/],
    [{ padding_side: "left" }, /The setting padding_side is not supported/],
    [{ feature_extractor_type: "ClapFeatureExtractor" }, /The setting feature_extractor_type/],
    [{ feature_size: 0 }, /The setting feature_size/],
    [{ n_fft: 40000, chunk_length: 1 }, /n_fft must be less than twice the samples/],
  ] as const
) {
  Deno.test(`features refuse ${JSON.stringify(settings)}`, () => {
    assert.throws(() => new SpeechFeatures(settings), { name: "TypeError", message });
  });
}

/** The signal of generate_speech.py. */
function signal(length: number): Float32Array {
  let state = 1;
  return Float32Array.from({ length }, (_, t) => {
    const noise = 0.1 * (state / 2 ** 32 - 0.5);
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    return 0.5 * Math.sin(2 * Math.PI * 440 * t / 16000) +
      0.3 * Math.sin(0.05 * t + 2e-7 * t ** 2) * (t / length) + noise;
  });
}
