// Parses a header of 95 MB with 1.3 million tensors and prints the most memory that the process had, in bytes.

import {
  headerLength,
  parseHeader,
  PREFIX_BYTES,
} from "../../../src/checkpoint/safetensors_header.ts";

const BYTES = 95_000_000;
const LINE = 72;
const json = new Uint8Array(BYTES).fill(0x20);
const numTensors = Math.floor((BYTES - 2) / LINE);
for (let k = 0; k < numTensors; k++) {
  const entry = `"${k}":{"dtype":"U8","shape":[1],"data_offsets":[${k},${k + 1}]},`;
  new TextEncoder().encodeInto(entry, json.subarray(1 + k * LINE, 1 + (k + 1) * LINE));
}
json[0] = 0x7b;
json[json.lastIndexOf(0x2c)] = 0x7d;
const size = PREFIX_BYTES + BYTES + numTensors;
const prefix = new Uint8Array(PREFIX_BYTES);
new DataView(prefix.buffer).setBigUint64(0, BigInt(BYTES), true);
const { tensors } = parseHeader(json.subarray(0, headerLength(prefix, size)), size);
if (tensors.size !== numTensors) throw new Error(`wanted ${numTensors}, got ${tensors.size}`);
const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(await Deno.readTextFile("/proc/self/status"))!;
console.log(1024 * Number(kilobytes));
