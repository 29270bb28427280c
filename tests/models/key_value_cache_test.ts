// A model with a cache computes what it computes without one.

import assert from "node:assert/strict";
import type { Device } from "../../src/device/device.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { KeyValueCache } from "../../src/models/cache/key_value_cache.ts";
import { Decoder } from "../../src/models/decoder.ts";
import { newModel } from "../../src/models/new_model.ts";
import type { T5 } from "../../src/models/t5.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import type { FloatType } from "../../src/tensor/dtype.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertClose } from "../support/assert_close.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { smallConfigs } from "../support/models/small_configs.ts";
import { smallMaskedModels, smallModel } from "../support/models/small_models.ts";

const tolerance = { ofLargest: 3e-6 };
const TEXT = [3, 5, 2, 7, 10, 0, 4, 4, 9];

const indices = (device: Device, rows: readonly (readonly number[])[]) =>
  Tensor.from(device, rows.flat(), { shape: [rows.length, rows[0].length], dtype: "u32" });

function decoder(device: Device, config: object, dtype: FloatType = "f32"): Decoder {
  const random = new RandomSource(1);
  return newModel(device, { initializer_range: 0.5, ...config }, { random, model: Decoder, dtype });
}

/** Logits of each token of a text, [T, V] as T rows. */
async function whole(model: Decoder, text: readonly number[]): Promise<Float32Array[]> {
  using tokens = indices(model.parameters()[0].device, [text]);
  using logits = await model.forward({ tokens });
  return inRows(await logits.data(), text.length);
}

/** The same of texts of unlike lengths, whose first tokens are given at once and the rest one by one: by row and token. */
async function cached(
  model: Decoder,
  texts: readonly (readonly number[])[],
  { first }: { readonly first: readonly number[] },
): Promise<Float32Array[][]> {
  const [{ device }] = model.parameters();
  using cache = new KeyValueCache();
  const found: Float32Array[][] = texts.map(() => []);
  const longest = Math.max(...first);
  const places = [...new Array(longest).keys()];
  using tokens = indices(device, texts.map((text) => places.map((t) => text[t] ?? 0)));
  using mask = indices(device, first.map((count) => places.map((t) => t < count ? 1 : 0)));
  using start = await model.forward({ tokens, mask, cache });
  const all = inRows(await start.data(), texts.length * longest);
  for (const [row, count] of first.entries()) {
    found[row].push(...all.slice(row * longest, row * longest + count));
  }
  for (let k = 0; first.every((count, row) => count + k < texts[row].length); k++) {
    using next = indices(device, texts.map((text, row) => [text[first[row] + k]]));
    using logits = await model.forward({ tokens: next, cache });
    inRows(await logits.data(), texts.length).forEach((each, row) => found[row].push(each));
  }
  assert.deepEqual(cache.lengths, found.map(({ length }) => length));
  return found;
}

function inRows(values: Float32Array, count: number): Float32Array[] {
  const size = values.length / count;
  return Array.from({ length: count }, (_, k) => values.slice(k * size, (k + 1) * size));
}

const variants: Readonly<Record<string, object>> = {
  ...smallConfigs,
  "opt, norms after": { ...smallConfigs.opt, do_layer_norm_before: false },
  "llama, one head of keys": { ...smallConfigs.llama, num_key_value_heads: 1 },
  "llama, yarn": {
    ...smallConfigs.llama,
    rope_parameters: { rope_type: "yarn", rope_theta: 10000, factor: 4 },
  },
};

for (const [name, config] of Object.entries(variants)) {
  testOnEachDevice(`${name}: logits with a cache are those without`, async (device) => {
    using model = decoder(device, config);
    const [logits] = await cached(model, [TEXT], { first: [3] });
    assertClose(logits, await whole(model, TEXT), tolerance);
  });

  testOnEachDevice(`${name}: rows of unlike lengths do not change each other`, async (device) => {
    using model = decoder(device, config);
    const texts = [TEXT.slice(0, 7), TEXT.slice(2, 6), TEXT.slice(1, 9)];
    const logits = await cached(model, texts, { first: [4, 1, 5] });
    for (const [row, text] of texts.entries()) {
      assertClose(logits[row], await whole(model, text), tolerance);
    }
  });
}

testOnEachDevice("a cache grows with its texts", async (device) => {
  using model = decoder(device, { ...smallConfigs.llama, max_position_embeddings: 128 });
  const long = Array.from({ length: 75 }, (_, k) => (k * 7 + 3) % 11);
  const texts = [long, long.slice(5)];
  const logits = await cached(model, texts, { first: [30, 25] });
  assertClose(logits[0], await whole(model, texts[0]), tolerance);
  assertClose(logits[1], (await whole(model, texts[1])).slice(0, 70), tolerance);
});

testOnEachDevice("a cache with a window keeps as many tokens as the window", async (device) => {
  using model = decoder(device, { ...smallConfigs.mistral, sliding_window: 5 });
  const long = Array.from({ length: 23 }, (_, k) => (k * 7 + 3) % 11);
  const texts = [long, long.slice(4)];
  for (const first of [[1, 2], [5, 3], [12, 8]]) {
    const logits = await cached(model, texts, { first });
    for (const [row, text] of texts.entries()) {
      assertClose(logits[row], (await whole(model, text)).slice(0, logits[row].length), tolerance);
    }
  }
});

for (const dtype of ["bf16", "f16"] as const) {
  Deno.test(`logits with a cache are those without, with weights of ${dtype}`, async () => {
    using device = wasmDevice();
    using model = decoder(device, smallConfigs.qwen3, dtype);
    const [logits] = await cached(model, [TEXT], { first: [2] });
    assertClose(logits, await whole(model, TEXT), tolerance);
  });
}

for (const [name, small] of Object.entries(smallMaskedModels)) {
  if (!name.startsWith("T5")) continue;
  testOnEachDevice(`${name}: logits with a cache are those without`, async (device) => {
    using model = smallModel(device, small) as T5;
    using tokens = indices(device, [[3, 5, 2], [10, 4, 0]]);
    using mask = indices(device, [[1, 1, 1], [1, 1, 0]]);
    const targets = [[0, 6, 2, 9, 1, 3, 3, 7], [0, 9, 10, 5, 8, 3, 0, 2]];
    using all = indices(device, targets);
    using expected = await model.forward({ tokens, mask, targets: all });
    const rows = inRows(await expected.data(), 16);
    using cache = new KeyValueCache();
    const liveBytes: number[] = [];
    for (const [begin, end] of [[0, 2], [2, 3], [3, 4], [4, 5], [5, 6]]) {
      using some = indices(device, targets.map((text) => text.slice(begin, end)));
      using logits = await model.forward({ tokens, mask, targets: some, cache });
      const found = inRows(await logits.data(), 2 * (end - begin));
      const wanted = [0, 8].flatMap((row) => rows.slice(row + begin, row + end));
      assertClose(found, wanted, tolerance);
      logits[Symbol.dispose]();
      liveBytes.push(device.statistics().liveBytes);
    }
    assert.equal(liveBytes[4], liveBytes[1], "no memory is kept but the cache");
    cache.keep([1]);
    using some = indices(device, [[3]]);
    using logits = await model.forward({ tokens, mask, targets: some, cache });
    using exact = indices(device, [targets[1].slice(0, 6).concat(3)]);
    using alone = await model.forward({
      tokens: indices(device, [[10, 4, 0]]),
      mask: indices(device, [[1, 1, 0]]),
      targets: exact,
    });
    assertClose(await logits.data(), inRows(await alone.data(), 7)[6], tolerance);
  });
}

testOnEachDevice("logits after the last token are the last of all", async (device) => {
  using model = decoder(device, smallConfigs.llama);
  using tokens = indices(device, [[3, 5, 2], [7, 1, 0]]);
  using mask = indices(device, [[1, 1, 1], [1, 1, 0]]);
  using all = await model.forward({ tokens, mask });
  const rows = inRows(await all.data(), 6);
  using last = await model.forward({ tokens, mask, logits: "last" });
  assert.deepEqual(last.shape, [2, 1, 11]);
  assertClose(inRows(await last.data(), 2), [rows[2], rows[4]], tolerance);
  using cache = new KeyValueCache();
  using cachedLast = await model.forward({ tokens, mask, cache, logits: "last" });
  assertClose(inRows(await cachedLast.data(), 2), [rows[2], rows[4]], tolerance);
});

testOnEachDevice("a pass with a cache keeps nothing but the cache", async (device) => {
  using model = decoder(device, smallConfigs.gpt2);
  const before = device.statistics().liveBytes;
  using cache = new KeyValueCache();
  const liveBytes: number[] = [];
  for (const row of [[3, 5], [2], [7], [1], [0]]) {
    {
      using tokens = indices(device, [row]);
      using logits = await model.forward({ tokens, cache });
      assert.equal(logits.requiresGrad, false);
    }
    liveBytes.push(device.statistics().liveBytes);
  }
  assertSameBits(liveBytes, liveBytes.map(() => liveBytes[0]));
  assert.ok(liveBytes[0] > before);
  cache[Symbol.dispose]();
  assert.equal(device.statistics().liveBytes, before);
});

testOnEachDevice("keep() leaves only some rows, in a new order", async (device) => {
  using model = decoder(device, smallConfigs.mistral);
  using cache = new KeyValueCache();
  using tokens = indices(device, [[3, 5, 2, 6], [7, 1, 0, 0], [4, 4, 8, 0]]);
  using mask = indices(device, [[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]]);
  using _first = await model.forward({ tokens, mask, cache });
  cache.keep([2, 0]);
  assert.deepEqual(cache.lengths, [3, 4]);
  using next = indices(device, [[9], [10]]);
  using logits = await model.forward({ tokens: next, cache });
  const [a, b] = inRows(await logits.data(), 2);
  assertClose(a, (await whole(model, [4, 4, 8, 9])).at(-1), tolerance);
  assertClose(b, (await whole(model, [3, 5, 2, 6, 10])).at(-1), tolerance);
  assert.throws(() => cache.keep([2]), /has 2 texts, got the row 2/);
});

Deno.test("a cache refuses what does not continue its texts", async () => {
  using device = wasmDevice();
  using model = decoder(device, smallConfigs.gpt2);
  using cache = new KeyValueCache();
  using two = indices(device, [[3, 5], [1, 2]]);
  using leftPadded = indices(device, [[0, 1], [1, 1]]);
  const refuses = (input: object, message: RegExp) =>
    assert.rejects(model.forward({ tokens: two, cache, ...input }), message);
  await refuses({ mask: leftPadded }, /padding after the tokens of a text.*got the mask 0 1/);
  using _logits = await model.forward({ tokens: two, cache });
  await refuses(
    {},
    /cache of 2 texts wants the next token of each, \[2, 1\] without a mask, got \[2, 2\]/,
  );
  await refuses({ dropout: { seed: 1, step: 1 } }, /leave dropout out/);
  using one = indices(device, [[3]]);
  await refuses({ tokens: one }, /got \[1, 1\]/);
  using long = indices(device, [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]]);
  await assert.rejects(
    model.forward({ tokens: long, cache: new KeyValueCache() }),
    /supports 9 tokens with a cache, got a text of 10/,
  );
});

Deno.test("a token after any number of others costs the products of one token", async () => {
  using device = wasmDevice();
  using model = decoder(device, smallConfigs.qwen3);
  const rows: number[] = [];
  const run = device.run.bind(device);
  device.run = (kernel, bindings, params) => {
    if (kernel.startsWith("matmul")) rows.push((params as { readonly m: number }).m);
    run(kernel, bindings, params);
  };
  const counts: number[] = [];
  for (const context of [2, 29]) {
    using cache = new KeyValueCache();
    using tokens = indices(device, [Array.from({ length: context }, (_, k) => k % 11)]);
    using _first = await model.forward({ tokens, cache, logits: "last" });
    assert.equal(rows.at(-1), 1, "the head computes the last token only");
    rows.length = 0;
    const before = device.statistics().kernelsRun;
    using next = indices(device, [[3]]);
    using _next = await model.forward({ tokens: next, cache });
    counts.push(device.statistics().kernelsRun - before);
    // Queries, keys, values, output, and three of the MLP, in two blocks, and the head.
    assert.deepEqual(rows, new Array<number>(15).fill(1));
  }
  assert.equal(counts[0], counts[1]);
});
