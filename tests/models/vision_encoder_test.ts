import assert from "node:assert/strict";
import type { Device } from "../../src/device/device.ts";
import { type ImageDescription, VisionEmbeddings } from "../../src/models/vision_embeddings.ts";
import { LayerMaker } from "../../src/nn/layer_maker.ts";
import { InitialParameters } from "../../src/nn/parameter_source.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertClose } from "../support/assert_close.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { RandomValues } from "../support/device/random_values.ts";

const WIDTH = 6;
const image: ImageDescription = { numChannels: 2, imageSize: [5, 7], patchSize: [2, 3] };

/** Other images, and the number of tokens and of positions. */
const CASES = {
  "ViT": { tokens: 5, positions: [1, 5, WIDTH] },
  "patches alone": { classToken: false, patchBias: false, tokens: 4, positions: [1, 4, WIDTH] },
  "a class token without a position": {
    positioned: "patches",
    tokens: 5,
    positions: [1, 4, WIDTH],
  },
  "positions in a matrix": { positionShape: "matrix", tokens: 5, positions: [5, WIDTH] },
} as const satisfies Record<
  string,
  Partial<ImageDescription> & { readonly tokens: number; readonly positions: readonly number[] }
>;

for (const [name, { tokens, positions, ...other }] of Object.entries(CASES)) {
  testOnEachDevice(`images become sequences of patches: ${name}`, async (device) => {
    using embeddings = embeddingsOn(device, other);
    assert.deepEqual(embeddings.positions?.shape, positions);
    const pixels = new RandomValues(5).signed(2 * 2 * 5 * 7);
    using images = Tensor.from(device, pixels, { shape: [2, 2, 5, 7] });
    using embedded = await embeddings.forward(images);
    assert.deepEqual(embedded.shape, [2, tokens, WIDTH]);
    const expected = await expectedEmbeddings(embeddings, { pixels, ...other });
    assertClose(await embedded.data(), expected, { absolute: 1e-5 });
  });
}

testOnEachDevice("images of another size, or none, are refused", async (device) => {
  using embeddings = embeddingsOn(device, {});
  for (const shape of [[1, 2, 7, 5], [2, 5, 7], [1, 2, 5, 7, 1]]) {
    using pixels = Tensor.from(device, new Float32Array(70), { shape });
    await assert.rejects(embeddings.forward(pixels), {
      name: "RangeError",
      message: /wants images of \[B, 2, 5, 7\], got \[.*\]: scale them/,
    });
  }
});

function embeddingsOn(device: Device, other: Partial<ImageDescription>): VisionEmbeddings {
  const source = new InitialParameters(device, { random: new RandomSource(3) });
  const make = new LayerMaker(source, { deviation: 0.5 });
  const embeddings = new VisionEmbeddings(make, { ...image, ...other, width: WIDTH });
  embeddings.patches.bias?.write(new RandomValues(2).signed(WIDTH));
  return embeddings;
}

/** Two images, patch by patch. */
async function expectedEmbeddings(
  { classToken, positions, patches }: VisionEmbeddings,
  { pixels, positioned = "all" }: Partial<ImageDescription> & { readonly pixels: Float32Array },
): Promise<Float32Array> {
  const [kernel, table] = [await patches.weight.data(), await positions!.data()];
  const [first, bias] = [await classToken?.data(), await patches.bias?.data()];
  const expected: number[] = [];
  for (let b = 0; b < 2; b++) {
    const at = first !== undefined && positioned === "all" ? 1 : 0;
    first?.forEach((value, d) => expected.push(value + (at === 1 ? table[d] : 0)));
    for (let patch = 0; patch < 4; patch++) {
      const [top, left] = [2 * Math.floor(patch / 2), 3 * (patch % 2)];
      for (let d = 0; d < WIDTH; d++) {
        let sum = (bias?.[d] ?? 0) + table[(at + patch) * WIDTH + d];
        for (let c = 0; c < 2; c++) {
          for (let i = 0; i < 2; i++) {
            for (let j = 0; j < 3; j++) {
              sum += kernel[((d * 2 + c) * 2 + i) * 3 + j] *
                pixels[((b * 2 + c) * 5 + top + i) * 7 + left + j];
            }
          }
        }
        expected.push(sum);
      }
    }
  }
  return Float32Array.from(expected);
}
