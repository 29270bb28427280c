// Norms of channels in float64, from their definitions, on row-major values.

/** Batch norm of x [B, C, S] with weight [C] and bias [C]. */
export function batchNorm(
  [x, weight, bias]: readonly (readonly number[])[],
  { channels, positions, eps }: {
    readonly channels: number;
    readonly positions: number;
    readonly eps: number;
  },
): { readonly y: number[]; readonly means: number[]; readonly variances: number[] } {
  const channelOf = (at: number) => Math.floor(at / positions) % channels;
  const means: number[] = [];
  const variances: number[] = [];
  for (let channel = 0; channel < channels; channel++) {
    const own = x.filter((_, at) => channelOf(at) === channel);
    const mean = own.reduce((a, b) => a + b, 0) / own.length;
    means.push(mean);
    variances.push(own.reduce((a, b) => a + (b - mean) ** 2, 0) / own.length);
  }
  const y = x.map((value, at) => {
    const c = channelOf(at);
    return (value - means[c]) / Math.sqrt(variances[c] + eps) * weight[c] + bias[c];
  });
  return { y, means, variances };
}

/** Group norm of x [B, C, S]. */
export function groupNorm(
  [x, weight, bias]: readonly (readonly number[])[],
  { channels, positions, groups, eps }: {
    readonly channels: number;
    readonly positions: number;
    readonly groups: number;
    readonly eps: number;
  },
): number[] {
  const size = channels / groups * positions;
  return x.map((value, at) => {
    const begin = Math.floor(at / size) * size;
    const own = x.slice(begin, begin + size);
    const mean = own.reduce((a, b) => a + b, 0) / size;
    const variance = own.reduce((a, b) => a + (b - mean) ** 2, 0) / size;
    const channel = Math.floor(at / positions) % channels;
    return (value - mean) / Math.sqrt(variance + eps) * weight[channel] + bias[channel];
  });
}
