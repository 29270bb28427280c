import assert from "node:assert/strict";
import { loadPretrained } from "../../src/checkpoint/pretrained.ts";
import { savePretrained } from "../../src/checkpoint/save_pretrained.ts";
import { SafetensorsFile } from "../../src/checkpoint/safetensors_file.ts";
import { writeSafetensors } from "../../src/checkpoint/safetensors_write.ts";
import type { Device } from "../../src/device/device.ts";
import { newModel } from "../../src/models/new_model.ts";
import { T5 } from "../../src/models/t5.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertOtherBits, assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";

const config = {
  model_type: "t5",
  architectures: ["T5ForConditionalGeneration"],
  vocab_size: 11,
  d_model: 8,
  d_kv: 3,
  d_ff: 12,
  num_layers: 2,
  num_heads: 2,
  relative_attention_num_buckets: 4,
  relative_attention_max_distance: 8,
  decoder_start_token_id: 0,
  pad_token_id: 0,
};

const make = (device: Device, settings: object = {}) =>
  newModel(device, { ...config, ...settings }, { random: new RandomSource(3), model: T5 });
const indices = (device: Device, values: readonly number[], shape: readonly number[]) =>
  Tensor.from(device, values, { shape, dtype: "u32" });

testOnEachDevice(
  "T5's targets attend to the encoded text and earlier targets only",
  async (device) => {
    using model = make(device);
    const logitsOf = async (read: readonly number[], written: readonly number[]) => {
      using tokens = indices(device, read, [1, 3]);
      using mask = indices(device, [1, 1, 0], [1, 3]);
      using targets = indices(device, written, [1, 3]);
      using logits = await model.forward({ tokens, mask, targets });
      return await logits.data();
    };
    const secondOf = (logits: Float32Array) => logits.slice(11, 22);
    const given = secondOf(await logitsOf([1, 2, 3], [0, 4, 5]));
    assertSameBits(secondOf(await logitsOf([1, 2, 9], [0, 4, 9])), given);
    assertOtherBits(secondOf(await logitsOf([1, 9, 3], [0, 4, 5])), given);
    assertOtherBits(secondOf(await logitsOf([1, 2, 3], [9, 4, 5])), given);
  },
);

testOnEachDevice("T5's output depends on the order of tokens", async (device) => {
  using model = make(device);
  using one = indices(device, [1, 2, 3], [1, 3]);
  using other = indices(device, [3, 2, 1], [1, 3]);
  using first = await model.encode({ tokens: one });
  using second = await model.encode({ tokens: other });
  const [a, b] = [await first.data(), await second.data()];
  assert.ok(Math.abs(a[8] - b[8]) > 1e-4, "the middle one has the same neighbours on other sides");
});

testOnEachDevice(
  "T5 is untied if its files hold a head with other values",
  async (device) => {
    await using folder = await TemporaryFolder.make();
    using tied = make(device);
    await savePretrained(tied, folder.path);
    using again = await loadPretrained(device, folder.path, { model: T5 });
    assert.equal(again.namedParameters().has("head.weight"), false);

    const table = await tied.namedParameters().get("tokens.weight")!.bytes();
    await addTensor(folder.path, { name: "lm_head.weight", bytes: table });
    using equal = await loadPretrained(device, folder.path, { model: T5 });
    assert.equal(equal.namedParameters().has("head.weight"), false);

    await addTensor(folder.path, { name: "lm_head.weight", bytes: table.with(0, table[0] ^ 1) });
    using untied = await loadPretrained(device, folder.path, { model: T5 });
    assertSameBits(
      await untied.namedParameters().get("head.weight")!.bytes(),
      table.with(0, table[0] ^ 1),
    );
  },
);

for (
  const [settings, scaled] of [
    [{}, true],
    [{ tie_word_embeddings: true }, true],
    [{ tie_word_embeddings: false }, false],
    [{ tie_word_embeddings: true, scale_decoder_outputs: false }, false],
    [{ tie_word_embeddings: false, scale_decoder_outputs: true }, true],
  ] as const
) {
  testOnEachDevice(
    `T5 ${scaled ? "scales" : "does not scale"} its outputs for ${JSON.stringify(settings)}`,
    async (device) => {
      const other = { scale_decoder_outputs: !scaled };
      using model = make(device, settings);
      using opposite = make(device, other);
      using tokens = indices(device, [1, 2], [1, 2]);
      using logits = await model.forward({ tokens, targets: tokens });
      using others = await opposite.forward({ tokens, targets: tokens });
      const ratio = (await logits.data())[0] / (await others.data())[0];
      assert.ok(Math.abs(ratio - Math.sqrt(8) ** (scaled ? -1 : 1)) < 1e-5, `got ${ratio}`);
    },
  );
}

testOnEachDevice("T5 refuses texts and targets of different batches", async (device) => {
  using model = make(device);
  using one = indices(device, [1, 2], [1, 2]);
  using two = indices(device, [1, 2], [2, 1]);
  await assert.rejects(
    model.forward({ tokens: one, targets: two }),
    /T5 wants targets for each of 1 sources, got \[2, ?1\]/,
  );
  await assert.rejects(
    model.encode({ tokens: one, mask: two }),
    /T5 wants a mask of the tokens' shape \[1, ?2\], got \[2, ?1\]/,
  );
});

for (
  const [setting, message] of [
    [{ feed_forward_proj: "gated-mish" }, /feed_forward_proj must be an activation.*gated-mish/],
    [{ feed_forward_proj: "half-relu" }, /feed_forward_proj must be an activation.*half-relu/],
    [{ relative_attention_num_buckets: 2 }, /relative_attention_num_buckets/],
    [{ relative_attention_max_distance: 2 }, /relative_attention_max_distance must be more/],
    [{ decoder_start_token_id: 11 }, /decoder_start_token_id must be within the vocabulary of 11/],
    [{ is_encoder_decoder: false }, /is_encoder_decoder/],
  ] as const
) {
  testOnEachDevice(`T5 with ${JSON.stringify(setting)} is refused`, async (device) => {
    await Promise.resolve();
    assert.throws(() => make(device, setting), { name: "TypeError", message });
  });
}

testOnEachDevice("T5 makes no targets if its config names no start token", async (device) => {
  await Promise.resolve();
  using model = make(device, { decoder_start_token_id: null });
  using labels = indices(device, [1, 2], [1, 2]);
  assert.throws(() => model.targetsFor(labels), /decoder_start_token_id and pad_token_id/);
});

/** Writes the files of a checkpoint again, with one f32 tensor [11, 8] added or replaced. */
async function addTensor(
  folder: string,
  { name, bytes }: { readonly name: string; readonly bytes: Uint8Array },
): Promise<void> {
  const path = `${folder}/model.safetensors`;
  using file = await SafetensorsFile.open(path);
  const others = [...file.tensors].filter(([each]) => each !== name);
  await writeSafetensors(path, [
    ...others.map(([name, { dtype, shape }]) => ({
      name,
      dtype,
      shape,
      bytes: () => file.read(name),
    })),
    { name, dtype: "F32", shape: [11, 8], bytes: () => Promise.resolve(bytes) },
  ]);
}

class TemporaryFolder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<TemporaryFolder> {
    return new TemporaryFolder(await Deno.makeTempDir());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}
