// Expected numbers are those of transformers' modeling_rope_utils.py (5.18), its formulas computed in float64.

import assert from "node:assert/strict";
import { ModelConfig } from "../../../src/models/config/model_config.ts";
import { readRotary } from "../../../src/models/positions/rotary_frequencies.ts";
import { assertClose } from "../../support/assert_close.ts";

function read(config: object, { headWidth = 8, maxPositions = 32 } = {}) {
  return readRotary(new ModelConfig(JSON.stringify(config)), { headWidth, maxPositions });
}

function assertNear(actual: readonly number[], expected: readonly number[]): void {
  assertClose(actual, expected, { relative: 1e-7 });
}

const plain = [1, 0.1, 0.01, 0.001];

Deno.test("frequencies without scaling are powers of the base, in old and new configs", () => {
  const configs = [
    {},
    { rope_theta: 10000 },
    { rope_parameters: { rope_theta: 10000.0, rope_type: "default" } },
    { rope_theta: 1, rope_parameters: { rope_theta: 10000 } },
    { rope_theta: 10000, rope_scaling: null },
  ];
  for (const config of configs) {
    const { frequencies, scale } = read(config).frequenciesFor(1000);
    assertNear(frequencies, plain);
    assert.equal(scale, 1);
  }
  assertNear(read({ rope_theta: 16 }).frequenciesFor(1).frequencies, [1, 0.5, 0.25, 0.125]);
});

Deno.test("frequencies are rounded to f32, as in transformers", () => {
  const [, second] = read({}).frequenciesFor(1).frequencies;
  assert.equal(second, Math.fround(0.1));
});

Deno.test("linear scaling divides all frequencies, in old configs too", () => {
  const expected = [0.25, 0.025, 0.0025, 0.00025];
  for (const key of ["type", "rope_type"]) {
    const config = { rope_theta: 10000, rope_scaling: { [key]: "linear", factor: 4 } };
    assertNear(read(config).frequenciesFor(7).frequencies, expected);
  }
});

Deno.test("dynamic scaling changes frequencies for texts that are longer than the maximum", () => {
  const settings = read({ rope_parameters: { rope_type: "dynamic", factor: 2 } });
  assert.equal(settings.constantUpTo, 32);
  assertNear(settings.frequenciesFor(20).frequencies, plain);
  assertNear(settings.frequenciesFor(32).frequencies, plain);
  assertNear(settings.frequenciesFor(100).frequencies, [
    ...[1, 0.0575369582664788, 0.0033105015665585236, 0.00019047619047619048],
  ]);
});

Deno.test("llama3 scaling divides low frequencies, keeps high ones and interpolates between", () => {
  const scaling = { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
  const large = {
    rope_theta: 500000,
    rope_scaling: { ...scaling, original_max_position_embeddings: 8192 },
  };
  assertNear(read(large, { headWidth: 16 }).frequenciesFor(5).frequencies, [
    ...[1, 0.19392274474868576, 0.03760603093086393, 0.0072926647372171085],
    ...[0.0005248461609929547, 3.428102195952591e-5, 6.647869871181236e-6, 1.2891731721515574e-6],
  ]);
  // The length in training is the maximum length, unless the config says otherwise.
  const mixed = [1, 0.013042256043820465, 0.00125, 0.000125];
  const small = { rope_parameters: { ...scaling, rope_theta: 10000 } };
  assertNear(read(small, { maxPositions: 64 }).frequenciesFor(5).frequencies, mixed);
  const outside = { ...small, original_max_position_embeddings: 64 };
  assertNear(read(outside, { maxPositions: 128 }).frequenciesFor(5).frequencies, mixed);
});

Deno.test("yarn scaling ramps from high to low frequencies, and scales cosines and sines", () => {
  const first = read({
    rope_parameters: { rope_type: "yarn", factor: 4, original_max_position_embeddings: 64 },
  }, { headWidth: 16 }).frequenciesFor(5);
  assertNear(first.frequencies, [
    ...[1, 0.23717082451262847, 0.05, 0.007905694150420948],
    ...[0.0025, 0.0007905694150420947, 0.00025, 7.905694150420948e-5],
  ]);
  assertNear([first.scale], [1.138629436111989]);
  const second = read({
    rope_parameters: {
      rope_type: "yarn",
      factor: 40,
      original_max_position_embeddings: 4096,
      mscale: 0.707,
      mscale_all_dim: 1,
      truncate: false,
    },
  }, { headWidth: 16 }).frequenciesFor(5);
  assertNear(second.frequencies, [
    ...[1, 0.31622776601683794, 0.1, 0.02771085847508042],
    ...[0.005524062977468265, 0.0007226383418941806, 2.5e-5, 7.905694150420947e-6],
  ]);
  assertNear([second.scale], [0.9210423553163399]);
});

Deno.test("longrope scaling has factors for texts up to the length in training, and others for longer ones", () => {
  const scaling = { short_factor: [1, 1, 2, 4], long_factor: [1, 5, 10, 20] };
  const rotary = read({
    rope_theta: 10000,
    original_max_position_embeddings: 16,
    rope_scaling: { type: "longrope", ...scaling },
  }, { maxPositions: 64 });
  assert.equal(rotary.constantUpTo, 16);
  const [short, long] = [rotary.frequenciesFor(16), rotary.frequenciesFor(17)];
  assertNear(short.frequencies, [1, 0.1, 0.005, 0.00025]);
  assertNear(long.frequencies, [1, 0.02, 0.001, 0.00005]);
  // sqrt(1 + log(64 / 16) / log(16))
  assertNear([short.scale, long.scale], [Math.sqrt(1.5), Math.sqrt(1.5)]);
  const given = read({
    rope_parameters: {
      rope_type: "su",
      factor: 4,
      attention_factor: 1.25,
      original_max_position_embeddings: 16,
      ...scaling,
    },
  });
  assert.equal(given.frequenciesFor(1).scale, 1.25);
  assert.throws(
    () => read({ rope_scaling: { type: "longrope", ...scaling, long_factor: [1] } }),
    /long_factor must have a factor for each of 4 pairs of features, got 1/,
  );
});

Deno.test("unsupported settings of rotary positions are refused by name", () => {
  const cases: [config: object, message: RegExp][] = [
    [
      { rope_scaling: { type: "ntk", factor: 2 } },
      /rope_parameters\.rope_type must be .*"ntk"/,
    ],
    [{ rope_scaling: { type: "linear" } }, /rope_parameters\.factor/],
    [{ rope_parameters: { partial_rotary_factor: 0.5 } }, /partial_rotary_factor must be .*0\.5/],
    [{ partial_rotary_factor: 0.5 }, /partial_rotary_factor must be .*0\.5/],
    [{ rope_theta: -1 }, /rope_theta must be >0/],
    [
      { rope_parameters: { full_attention: { rope_theta: 10000 } } },
      /rope_parameters\.full_attention must be/,
    ],
    [
      { rope_parameters: {}, rope_scaling: { type: "linear", factor: 2 } },
      /rope_scaling and rope_parameters are both given/,
    ],
  ];
  for (const [config, message] of cases) assert.throws(() => read(config), message);
  assert.throws(
    () => read({}, { headWidth: 7 }),
    /an even number of features to be rotated, got 7/,
  );
});
