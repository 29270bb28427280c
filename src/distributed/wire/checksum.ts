// The checksum of headers, labels and control messages: FNV-1a, 32 bits, h <- (h xor byte) * 16777619. It detects damage; it does not
// authenticate, which the proof and TLS do. Payload over a plain network has checksums of its own (checksum.rs).

/** The checksum of some bytes. */
export function checksum(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  return hash >>> 0;
}
