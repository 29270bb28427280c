// Finds the results of reference implementations: in tests/goldens, or another folder of the same layout.
//
//   adafactor/CASE.json     trajectories of optimizers, see tests/goldens/generate_adafactor.py
//   adamw/CASE.json         the same of AdamW, see tests/goldens/generate_adamw.py
//   ops/calls.json          calls of ops with what PyTorch gives for them, see tests/goldens/generate_ops.py
//   models/FAMILY/          small models with what transformers computes, see tests/goldens/generate_models.py

/** The folder, without a slash at the end; the environment variable MESHFACTOR_GOLDENS names another. */
export const goldenFolder: string = Deno.env.get("MESHFACTOR_GOLDENS") ??
  new URL("../goldens", import.meta.url).pathname;

/** Folders of model families. */
export const goldenModels = `${goldenFolder}/models`;

/**
 * The JSON files of a folder of goldens whose name begins with `prefix`, each with its name as `file`.
 *
 * @throws {Error} if there are none
 */
export function goldensIn<Golden extends { readonly file: string }>(
  folder: string,
  prefix: string,
): Golden[] {
  const path = `${goldenFolder}/${folder}`;
  const files = [...Deno.readDirSync(path)]
    .map(({ name }) => name)
    .filter((name) => name.startsWith(prefix) && name.endsWith(".json"))
    .sort();
  if (files.length === 0) throw new Error(`No trajectories ${prefix}*.json in ${path}`);
  return files.map((file) => {
    const golden = unpacked(JSON.parse(Deno.readTextFileSync(`${path}/${file}`)));
    return { ...golden as Golden, file };
  });
}

/** The same structure, its numbers unpacked that are written as "f64:" and the base64 of float64 numbers, little endian. */
export function unpacked(value: unknown): unknown {
  if (typeof value === "string" && value.startsWith(PACKED)) {
    return [...new Float64Array(Uint8Array.fromBase64(value.slice(PACKED.length)).buffer)];
  }
  if (Array.isArray(value)) return value.map(unpacked);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, unpacked(each)]));
}

const PACKED = "f64:";
