// The parameters and buffers of any module in a safetensors file, by their paths.

import type { Module } from "../nn/module.ts";
import type { Parameter } from "../tensor/parameter.ts";
import { publishFile, requirePublishableFile } from "./disk_folder.ts";
import { problemWith, readParameter } from "./read_parameter.ts";
import { SafetensorsError } from "./safetensors_error.ts";
import { SafetensorsFile } from "./safetensors_file.ts";
import { byteLength } from "./safetensors_header.ts";
import { safetensorsPieces } from "./safetensors_write.ts";
import { saveTogether, wholeTensor } from "./save_together.ts";

/**
 * Options of {@linkcode saveModule}.
 *
 * @category Checkpoints
 */
export interface SaveModuleOptions {
  /** This rank of the job, if several have the module: rank 0 writes. Default: that of the ranks that it is split over, or 0. */
  readonly rank?: number;
  /** Texts to store beside the tensors. Default: none. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Saves the parameters and buffers of a module, by their paths, into a safetensors file, which PyTorch's `safetensors` reads too. The
 * file appears as a whole: whenever this process is killed, there is the old one or the new one. If the module is split over ranks,
 * all of them call this function, and rank 0 writes whole tensors.
 *
 * @throws {Error} if the file cannot be written or the disk has too little space; what was there is unchanged.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Linear, loadModule, manualSeed, requestDevice, saveModule } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using layer = new Linear(device, { inFeatures: 3, outFeatures: 2 });
 * using other = new Linear(device, { inFeatures: 3, outFeatures: 2 });
 * const folder = await Deno.makeTempDir();
 * await saveModule(layer, `${folder}/layer.safetensors`);
 * await loadModule(other, `${folder}/layer.safetensors`);
 * assert.deepEqual(await other.weight.data(), await layer.weight.data());
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @category Checkpoints
 */
export async function saveModule(
  module: Module<never>,
  path: string,
  { rank, metadata = {} }: SaveModuleOptions = {},
): Promise<void> {
  const tensors = namedTensors(module).map(([name, parameter]) => wholeTensor(name, parameter));
  const bytes = tensors.reduce((total, each) => total + byteLength(each), 0);
  await saveTogether(module, {
    tensors,
    rank,
    check: () => requirePublishableFile(path, bytes),
    write: (tensors) =>
      publishFile(path, safetensorsPieces(tensors, { format: "pt", ...metadata })),
  });
}

/**
 * Overwrites the parameters and buffers of a module with those in a file of {@linkcode saveModule}, or any safetensors file with the same
 * names and shapes, rounded to the type that each is stored in. Nothing is written unless all of them fit. On a mesh every rank reads
 * the file and takes its part, whatever the mesh that saved it.
 *
 * @throws {SafetensorsError} if the file is no safetensors file, or tensors are missing, too many, or of another shape or type.
 * @category Checkpoints
 */
export async function loadModule(module: Module<never>, path: string): Promise<void> {
  using file = await SafetensorsFile.open(path);
  const named = new Map(namedTensors(module));
  const problems = [
    ...[...named].flatMap(([name, parameter]) => problemWith(file, { name, parameter }) ?? []),
    ...[...file.tensors.keys()].filter((name) => !named.has(name)).map((name) =>
      `the module has no ${name}`
    ),
  ];
  if (problems.length > 0) {
    const shown = problems.slice(0, MOST_SHOWN).join("; ");
    const more = problems.length > MOST_SHOWN ? `; and ${problems.length - MOST_SHOWN} more` : "";
    throw new SafetensorsError(`Cannot load ${path} into the module: ${shown}${more}`);
  }
  for (const [name, parameter] of named) await readParameter(file, { name, parameter });
}

function namedTensors(module: Module<never>): [name: string, parameter: Parameter][] {
  return [...module.namedParameters(), ...module.namedBuffers()];
}

const MOST_SHOWN = 5;
