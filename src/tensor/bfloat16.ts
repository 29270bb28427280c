// bf16, the upper half of an f32, on the host: JavaScript has a Float16Array, but no array of bf16.
//
//   value of bits b = the f32 with bits b << 16            bits of x = (f32 bits of x) >> 16, rounded: nearest, ties to even

/** The bits nearest to each number, ties to even; infinity beyond the largest, NaN made quiet. */
export function toBfloat16(values: ArrayLike<number>): Uint16Array {
  const rounded = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    word.setFloat32(0, value);
    let bits = word.getUint32(0);
    const magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) {
      rounded[i] = bits >>> 16 | 0x40;
      continue;
    }
    // A 64-bit number is rounded twice, first to f32: if that made it a tie, it is moved back to the side where it was.
    if ((bits & 0xffff) === 0x8000) {
      bits += Math.sign(Math.abs(value) - Math.abs(word.getFloat32(0)));
    }
    rounded[i] = bits + 0x7fff + (bits >>> 16 & 1) >>> 16;
  }
  return rounded;
}

/** The values of bf16 bits; f32 holds them exactly. */
export function fromBfloat16(bits: Uint16Array): Float32Array<ArrayBuffer> {
  const words = Uint32Array.from(bits, (half) => half << 16);
  return new Float32Array(words.buffer);
}

const word = new DataView(new ArrayBuffer(4));
