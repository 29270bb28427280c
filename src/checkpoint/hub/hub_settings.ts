// Settings of the hub, from the variables that Python's huggingface_hub reads:
//
//   HF_ENDPOINT      the hub                              default: https://huggingface.co
//   HF_HUB_CACHE     where models are cached              default: HF_HOME/hub
//   HF_HOME          its parent folder                    default: XDG_CACHE_HOME/huggingface, ~/.cache/huggingface
//   HF_TOKEN         for private and gated models         default: the file HF_TOKEN_PATH, HF_HOME/token
//   HF_HUB_OFFLINE   nothing is asked over the network

import { homedir } from "node:os";

/** Where models come from and where they are kept. */
export interface HubSettings {
  /** The hub's address, without a slash at its end. */
  readonly endpoint: string;
  /** The folder of cached models. */
  readonly cache: string;
  /** For private and gated models. */
  readonly token: string | undefined;
  /** Whether only cached models may be used. */
  readonly isOffline: boolean;
}

/** Reads a variable; undefined if it is not set. */
export type ReadVariable = (name: string) => string | undefined;

/** The settings, from this process's environment unless another is given. */
export async function hubSettings(
  read: ReadVariable = (name) => Deno.env.get(name),
): Promise<HubSettings> {
  // An empty variable is as good as none.
  const get = (name: string) => read(name)?.trim() || undefined;
  const folder = (name: string) => get(name)?.replace(/^~(?=$|[/\\])/, homedir());
  const caches = folder("XDG_CACHE_HOME") ?? `${homedir()}/.cache`;
  const home = folder("HF_HOME") ?? `${caches}/huggingface`;
  const tokenFile = folder("HF_TOKEN_PATH") ?? `${home}/token`;
  return {
    endpoint: (get("HF_ENDPOINT") ?? "https://huggingface.co").replace(/\/+$/, ""),
    cache: folder("HF_HUB_CACHE") ?? folder("HUGGINGFACE_HUB_CACHE") ?? `${home}/hub`,
    token: get("HF_TOKEN") ?? get("HUGGING_FACE_HUB_TOKEN") ?? await textOf(tokenFile),
    isOffline: ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"]
      .some((name) => /^(1|on|yes|true)$/i.test(get(name) ?? "")),
  };
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return (await Deno.readTextFile(path)).trim() || undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw error;
  }
}
