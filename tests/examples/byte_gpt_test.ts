// examples/byte_gpt.ts predicts bytes that it has not seen better than their frequencies do, and writes a continuation.

import assert from "node:assert/strict";
import { runExample } from "../support/run_example.ts";

Deno.test("examples/byte_gpt.ts predicts better than frequencies of bytes", async () => {
  const text = new URL("../../docs/distributed.md", import.meta.url).pathname;
  const lines = await runExample("byte_gpt.ts", ["--text", text, "--steps", "100"]);
  const heldOut = Number(/^held-out loss: ([\d.]+) nats per byte$/.exec(lines.at(-2)!)![1]);
  const entropy = entropyOf((await Deno.readFile(text)).subarray(-2048));
  assert.ok(heldOut < 0.8 * entropy, `${heldOut} with frequencies ${entropy}`);
  assert.match(JSON.parse(lines.at(-1)!), /^The [^]{1,60}$/);
});

/** Nats per byte of the best code of single bytes for this very text. */
function entropyOf(bytes: Uint8Array): number {
  const counts = Map.groupBy(bytes, (byte) => byte).values().map(({ length }) => length);
  return counts.reduce((sum, count) => {
    const share = count / bytes.length;
    return sum - share * Math.log(share);
  }, 0);
}
