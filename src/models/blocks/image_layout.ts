// An image's features as channels of an image [B, C, h, w], for convolutions, and as a sequence of places [B, h w, C], for attention.

import type { Layer } from "../../nn/module.ts";
import { permute } from "../../ops/permute.ts";
import { reshape } from "../../ops/reshape.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** [B, C, h, w] -> [B, h w, C] */
export function toSequence(x: Tensor): Tensor {
  const [batch, channels, height, width] = x.shape;
  return permute(reshape(x, [batch, channels, height * width]), [0, 2, 1]);
}

/** [B, h w, C] -> [B, C, h, w] */
export function toImage(
  x: Tensor,
  { rows, columns }: { readonly rows: number; readonly columns: number },
): Tensor {
  const [batch, , channels] = x.shape;
  return reshape(permute(x, [0, 2, 1]), [batch, channels, rows, columns]);
}

/** `x` [B, C, h, w] with a norm of the C features at every place. */
export async function normalizedChannels(x: Tensor, norm: Layer): Promise<Tensor> {
  return permute(await norm.forward(permute(x, [0, 2, 3, 1])), [0, 3, 1, 2]);
}
