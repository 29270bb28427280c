// Bilinear interpolation of numbers between the centres of pixels, as torch's interpolate(mode="bilinear", align_corners=False):
//
//   y[i] = (1 - f) x[k] + f x[k + 1],  k + f = max(0, (i + 1/2) n_in / n_out - 1/2), the last pixel beyond the end;  in both dims
//
// Unlike image_resize.ts it takes no averages where an image becomes smaller.

/**
 * Numbers in rows.
 *
 * @category Models
 */
export interface Plane {
  /** Numbers in a row. */
  readonly width: number;
  /** Number of rows. */
  readonly height: number;
  /** [height, width] */
  readonly data: Float32Array;
}

/** A plane of another size. */
export function interpolated(
  { width, height, data }: Plane,
  size: { readonly width: number; readonly height: number },
): Plane {
  const across = places(width, size.width);
  const out = new Float32Array(size.height * size.width);
  for (const [y, down] of places(height, size.height).entries()) {
    const [upper, lower] = [down.first * width, down.second * width];
    for (const [x, { first, second, part }] of across.entries()) {
      const top = (1 - part) * data[upper + first] + part * data[upper + second];
      const bottom = (1 - part) * data[lower + first] + part * data[lower + second];
      out[y * size.width + x] = (1 - down.part) * top + down.part * bottom;
    }
  }
  return { ...size, data: out };
}

/** The upper left part of a plane. */
export function cropped(
  { width, data }: Plane,
  size: { readonly width: number; readonly height: number },
): Plane {
  const out = new Float32Array(size.height * size.width);
  for (let y = 0; y < size.height; y++) {
    out.set(data.subarray(y * width, y * width + size.width), y * size.width);
  }
  return { ...size, data: out };
}

/** Between which two each index of the result is, and how far from the first. */
function places(sizeIn: number, sizeOut: number) {
  return Array.from({ length: sizeOut }, (_, i) => {
    const at = Math.max(0, (i + 0.5) * sizeIn / sizeOut - 0.5);
    const first = Math.min(Math.floor(at), sizeIn - 1);
    return { first, second: Math.min(first + 1, sizeIn - 1), part: at - first };
  });
}
