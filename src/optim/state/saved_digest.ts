// Digests of saved states, so that ranks that load other checkpoints find it out (optim/placement/agreement.ts).

import type { Compared } from "../../distributed/agreement.ts";
import type { SavedState } from "./parameter_state.ts";

/** The step and, with `digests`, a digest of all numbers of each state. */
export async function describeSaved(
  states: Readonly<Record<string, SavedState>>,
  { digests }: { readonly digests: boolean },
): Promise<Compared[]> {
  const described: Compared[] = [];
  for (const [name, state] of Object.entries(states)) {
    const digest = digests ? `, digest #${await digestOf(state)}` : "";
    described.push({ name: `the state of ${name}`, value: `of step ${state.step}${digest}` });
  }
  return described;
}

/** A digest of the digests of arrays, which are hashed one after the other. */
async function digestOf(state: SavedState): Promise<string> {
  const parts: string[] = [];
  for (const key of Object.keys(state).sort()) {
    const value = state[key];
    parts.push(`${key} ${typeof value === "number" ? value : await hexDigestOf(value)}`);
  }
  return (await hexDigestOf(new TextEncoder().encode(parts.join()))).slice(0, 16);
}

async function hexDigestOf(values: Float32Array | Uint8Array): Promise<string> {
  const { buffer, byteOffset, byteLength } = values;
  const bytes = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
