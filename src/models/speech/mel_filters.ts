// Mel filters (Slaney 1998, "Auditory Toolbox"): triangles over frequencies, each from the centre of the one before to that of the next.
// Centres are spread evenly over mels, which are even in frequency below 1 kHz, and in its logarithm above.
//
//   mel(f) = 3 f / 200,  f < 1000;   15 + 27 log(f / 1000) / log(6.4),  else
//
// A triangle has the area 1.

/** [bins, frequencies]: the weight of each frequency k sampling rate / 2 / (frequencies - 1) in each mel bin. */
export function melFilters({ bins, frequencies, samplingRate, highest }: {
  readonly bins: number;
  readonly frequencies: number;
  readonly samplingRate: number;
  /** Where the last triangle ends, in Hz; the first begins at 0. */
  readonly highest: number;
}): Float32Array {
  const ends = Array.from(
    { length: bins + 2 },
    (_, k) => frequencyOf(melOf(highest) * k / (bins + 1)),
  );
  const spacing = Math.floor(samplingRate / 2) / (frequencies - 1);
  return Float32Array.from({ length: bins * frequencies }, (_, at) => {
    const [bin, frequency] = [Math.floor(at / frequencies), at % frequencies * spacing];
    const [begin, centre, end] = ends.slice(bin, bin + 3);
    const up = (frequency - begin) / (centre - begin);
    const down = (end - frequency) / (end - centre);
    return Math.max(0, Math.min(up, down)) * 2 / (end - begin);
  });
}

function melOf(frequency: number): number {
  if (frequency < 1000) return 3 * frequency / 200;
  return 15 + Math.log(frequency / 1000) * 27 / Math.log(6.4);
}

function frequencyOf(mel: number): number {
  return mel < 15 ? 200 * mel / 3 : 1000 * Math.exp((mel - 15) * Math.log(6.4) / 27);
}
