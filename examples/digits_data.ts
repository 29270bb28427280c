// Digits of 8 x 8 pixels, drawn by the program itself: glyphs of 5 x 7 pixels, shifted, of random brightness, under noise.

import { type Device, type RandomSource, Tensor } from "@meshfactor/adafactor";
import { argmax } from "@meshfactor/adafactor/nn";

const GLYPHS = [
  ".###. #...# #...# #...# #...# #...# .###.",
  "..#.. .##.. ..#.. ..#.. ..#.. ..#.. .###.",
  ".###. #...# ....# ...#. ..#.. .#... #####",
  ".###. #...# ....# ..##. ....# #...# .###.",
  "...#. ..##. .#.#. #..#. ##### ...#. ...#.",
  "##### #.... ####. ....# ....# #...# .###.",
  ".###. #.... #.... ####. #...# #...# .###.",
  "##### ....# ...#. ..#.. ..#.. .#... .#...",
  ".###. #...# #...# .###. #...# #...# .###.",
  ".###. #...# #...# .#### ....# ....# .###.",
].map((text) => text.split(" "));

/** Images [count, 1, 8, 8], and the digit that each shows [count]. */
export interface Digits extends Disposable {
  readonly images: Tensor;
  readonly labels: Tensor<"u32">;
}

/** As many digits as wanted; each call with the same source draws others. */
export function drawDigits(device: Device, count: number, random: RandomSource): Digits {
  const [choices, noise] = [random.stream(), random.stream()];
  let drawn = 0;
  const below = (limit: number) => Math.floor(limit * choices.uniform(drawn++));
  const pixels = new Float32Array(count * 64);
  const labels = new Uint32Array(count);
  for (let image = 0; image < count; image++) {
    labels[image] = below(10);
    const [left, top, brightness] = [below(4), below(2), 0.5 + 0.1 * below(6)];
    for (let y = 0; y < 8; y++) {
      for (let x = 0; x < 8; x++) {
        const isInk = GLYPHS[labels[image]][y - top]?.[x - left] === "#";
        const pixel = 64 * image + 8 * y + x;
        pixels[pixel] = (isInk ? brightness : 0) + 0.25 * noise.normal(pixel);
      }
    }
  }
  const images = Tensor.from(device, pixels, { shape: [count, 1, 8, 8] });
  const shown = Tensor.from(device, labels);
  return {
    images,
    labels: shown,
    [Symbol.dispose]() {
      images[Symbol.dispose]();
      shown[Symbol.dispose]();
    },
  };
}

/** The part of the rows of `logits` [B, C] whose largest element is at the label. */
export async function accuracy(logits: Tensor, labels: Tensor<"u32">): Promise<number> {
  using guesses = await argmax(logits, { dim: -1 });
  const [guessed, shown] = [await guesses.data(), await labels.data()];
  return guessed.filter((digit, at) => digit === shown[at]).length / shown.length;
}
