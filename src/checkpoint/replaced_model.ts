// Whether a folder may be saved into: it has no model, or one that the new one replaces file by file without mixing two models.

import { ModelConfig } from "../models/config/model_config.ts";
import type { CompanionFile } from "./companions.ts";
import { disk } from "./disk.ts";

/**
 * Verifies that a model of this config, with these companions, may be saved into `folder`.
 *
 * @throws {TypeError} if the folder holds a model of several files, of another config, or with other companions
 */
export async function requireReplaceable(
  folder: string,
  { config, companions }: {
    readonly config: ModelConfig;
    readonly companions: readonly CompanionFile[];
  },
): Promise<void> {
  if (await disk.has(`${folder}/${INDEX}`)) {
    throw new TypeError(
      `Cannot save into ${folder}, which holds several files and an index: take another folder`,
    );
  }
  const [where, weights] = [`${folder}/config.json`, `${folder}/model.safetensors`];
  if (!await disk.has(weights) || !await disk.has(where)) return;
  const changed = otherSettings(new ModelConfig(await disk.readText(where), { where }), config);
  if (changed.length > 0) {
    throw new TypeError(
      `Cannot save into ${folder}, which holds another model (its config.json has other values of ${
        changed.join(", ")
      }): take another folder, or remove it`,
    );
  }
  for (const { name, bytes } of companions) {
    if (!await disk.has(`${folder}/${name}`)) continue;
    using file = await disk.open(`${folder}/${name}`);
    const present = await file.read(0, file.size);
    if (present.length === bytes.length && present.every((byte, k) => byte === bytes[k])) continue;
    throw new TypeError(
      `Cannot save into ${folder}, which holds a model with another ${name}: take another folder, or remove it`,
    );
  }
}

/** Names of settings that differ and that the meaning of the weights depends on. */
function otherSettings(one: ModelConfig, other: ModelConfig): string[] {
  const names = new Set([...Object.keys(one.values), ...Object.keys(other.values)]);
  return [...names].filter((name) =>
    !INCIDENTAL.has(name) && sorted(one.values[name]) !== sorted(other.values[name])
  );
}

/** JSON with keys in alphabetical order. */
function sorted(value: unknown): string | undefined {
  return JSON.stringify(
    value,
    (_, each) =>
      typeof each === "object" && each !== null && !Array.isArray(each)
        ? Object.fromEntries(Object.entries(each).toSorted(([a], [b]) => a < b ? -1 : 1))
        : each,
  );
}

/** Settings that may change while the old weights are still there. */
const INCIDENTAL = new Set(["dtype", "torch_dtype", "transformers_version", "_name_or_path"]);

const INDEX = "model.safetensors.index.json";
