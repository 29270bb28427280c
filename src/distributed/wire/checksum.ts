// FNV-1a, 32 bits: h <- (h xor byte) * 16777619. Names a damaged header or message for what it is; it keeps nobody out,
// that is what the proof and TLS are for. Payload that crosses a plain network is followed by sums of its own (checksum.rs).

/** The checksum of `bytes`. */
export function checksum(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  return hash >>> 0;
}
