// A folder with a tiny GPT-2 of random weights in the format of Hugging Face, with sizes that few numbers of ranks divide, and a text.

import { savePretrained } from "../../../src/checkpoint/save_pretrained.ts";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { Decoder } from "../../../src/models/decoder.ts";
import { newModel } from "../../../src/models/new_model.ts";
import { RandomSource } from "../../../src/nn/philox.ts";

/** Maximum number of tokens of the model. */
export const SMALL_CONTEXT = 16;

/** The files of a test. */
export interface SmallFiles {
  /** The folder of config.json and model.safetensors. */
  readonly model: string;
  /** A file with `smallText()`. */
  readonly data: string;
  /** A folder for other files. */
  readonly folder: string;
}

/** A tiny model, with further `settings` of its config.json; the caller disposes of it. */
export function smallGpt2({ vocabulary = 256, heads = 3, settings = {} } = {}): Decoder {
  const config = {
    architectures: ["GPT2LMHeadModel"],
    model_type: "gpt2",
    dtype: "float32",
    vocab_size: vocabulary,
    n_embd: 6 * heads,
    n_head: heads,
    n_inner: 26,
    n_layer: 2,
    n_positions: SMALL_CONTEXT,
    ...settings,
  };
  return newModel(wasmDevice(), config, { random: new RandomSource(7), model: Decoder });
}

/** 5691 bytes of predictable text. */
export function smallText(): Uint8Array<ArrayBuffer> {
  const squares = Array.from({ length: 2000 }, (_, i) => `${i * i % 97} `).join("");
  return new TextEncoder().encode(squares);
}

/** Runs `body` with files that are removed after it. */
export async function withSmallFiles(
  body: (files: SmallFiles) => Promise<void>,
  options: { readonly vocabulary?: number; readonly heads?: number } = {},
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    using model = smallGpt2(options);
    await savePretrained(model, `${folder}/model`);
    await Deno.writeFile(`${folder}/text`, smallText());
    await body({ model: `${folder}/model`, data: `${folder}/text`, folder });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
