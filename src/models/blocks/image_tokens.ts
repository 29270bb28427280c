// Features of images in the place of image tokens: a text has one such token for each of an image's Q features.
//
//   y[b, t, :] = x[b, t, :];   at the k-th image token of text b   y[b, t, :] = images[b, k, :]

import { embeddingAt } from "../../ops/embedding.ts";
import { reshape } from "../../ops/reshape.ts";
import { concat } from "../../ops/slice.ts";
import { formatShape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** Texts and which of their tokens stand for images. */
export interface ImageTokens {
  /** [B, T] */
  readonly tokens: Tensor<"u32">;
  /** [B, T], 0 for padding, which stands for nothing. Default: all are real. */
  readonly mask?: Tensor<"u32"> | undefined;
  /** The token of images. */
  readonly imageToken: number;
  /** B, and Q: features of each image. */
  readonly images: { readonly count: number; readonly numFeatures: number };
}

/**
 * Of every token its row among those of all tokens [B T], and of images [B Q] after them: for {@linkcode withImages}.
 *
 * @throws {RangeError} if there are not as many texts as images, or a text has not Q tokens of its image.
 */
export function imageRows(
  { tokens, mask, imageToken, images: { count, numFeatures } }: ImageTokens,
): Uint32Array {
  if (tokens.shape.length !== 2) {
    throw new RangeError(`The model wants texts of [B, T], got ${formatShape(tokens.shape)}`);
  }
  const [batch, length] = tokens.shape;
  if (batch !== count) {
    throw new RangeError(
      `The model wants an image for every text, got ${count} images and ${batch} texts`,
    );
  }
  const [given, real] = [tokens.indices!, mask?.indices];
  const rows = new Uint32Array(batch * length);
  for (let text = 0; text < batch; text++) {
    let seen = 0;
    for (let at = text * length; at < (text + 1) * length; at++) {
      const isImage = given[at] === imageToken && real?.[at] !== 0;
      rows[at] = isImage ? batch * length + text * numFeatures + seen++ : at;
    }
    if (seen === numFeatures) continue;
    throw new RangeError(
      `The model wants ${numFeatures} image tokens (${imageToken}) in every text, got ${seen} in ` +
        `text ${text}: put them before its tokens, as withImageTokens() does`,
    );
  }
  return rows;
}

/** `embeddings` of texts [B, T, D], with `images` [B, Q, D] in the place of their tokens, by the rows of {@linkcode imageRows}. */
export function withImages(
  embeddings: Tensor,
  { images, rows }: { readonly images: Tensor; readonly rows: Uint32Array },
): Tensor {
  const [batch, length, width] = embeddings.shape;
  const all = concat([
    reshape(embeddings, [batch * length, width]),
    reshape(images, [images.length / width, width]),
  ], { dim: 0 });
  return embeddingAt(all, rows, { shape: [batch, length] });
}
