// The permissions that ranks run with: those of the set `train` in the nearest deno.json above the program, else the same by name.

import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** Flags of `deno run` for a program, a path or a URL. */
export function permissionsFor(script: string): readonly string[] {
  const config = findConfig(script);
  return config === undefined
    ? ["read", "write", "net", "env", "run", "sys"].map((each) => `--allow-${each}`)
    : ["-P=train", "--config", config];
}

/** The nearest deno.json above the script that has a permission set `train`. */
function findConfig(script: string): string | undefined {
  const path = pathOf(script);
  if (path === undefined) return undefined;
  for (let folder = dirname(path);; folder = dirname(folder)) {
    const config = join(folder, "deno.json");
    if (hasTrainPermissions(config)) return config;
    if (folder === dirname(folder)) return undefined;
  }
}

/** The absolute path of a program; undefined if it is not a file of this machine. */
function pathOf(script: string): string | undefined {
  const isUrl = /^[a-z][a-z0-9+.-]+:/i.test(script);
  if (!isUrl) return resolve(script);
  return script.startsWith("file:") ? fileURLToPath(script) : undefined;
}

function hasTrainPermissions(config: string): boolean {
  try {
    return JSON.parse(Deno.readTextFileSync(config)).permissions?.train !== undefined;
  } catch {
    return false;
  }
}
