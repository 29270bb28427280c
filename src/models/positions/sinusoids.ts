// Sinusoids of positions (Vaswani et al. 2017), as Whisper has them: sines of all frequencies, then cosines.
//
//   table[t, k] = sin(t w_k),  table[t, D / 2 + k] = cos(t w_k),  w_k = 10000^(-k / (D / 2 - 1)),  k < D / 2

/** [length, width], where width is even and at least 4. */
export function sinusoids(length: number, width: number): Float32Array {
  const half = width / 2;
  return Float32Array.from({ length: length * width }, (_, at) => {
    const [t, feature] = [Math.floor(at / width), at % width];
    const angle = t * 10000 ** -(feature % half / (half - 1));
    return feature < half ? Math.sin(angle) : Math.cos(angle);
  });
}
