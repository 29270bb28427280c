// What to do about a path that is no model in the format that is read here: errors that say it.

import type { FileSystem } from "./file_system.ts";

/** The error for a folder without config.json, or for a path that is no folder. */
export async function noModel(path: string, from: FileSystem): Promise<Error> {
  if (!await from.has(path)) {
    return new TypeError(
      `There is no folder ${path}: give the folder of a model, with config.json`,
    );
  }
  const names = await from.names(path).catch(() => undefined);
  if (names === undefined) {
    return new TypeError(
      path.endsWith(GGUF)
        ? `Cannot load ${path}: ${ggufAdvice(...splitPath(path))}`
        : `Cannot load ${path}, which is no folder: give the folder with config.json and model.safetensors`,
    );
  }
  const gguf = names.find((name) => name.endsWith(GGUF));
  return new TypeError(
    gguf === undefined
      ? `Cannot load ${path}: there is no config.json in it; give the folder with config.json and model.safetensors`
      : `Cannot load ${path}, which has ${gguf} and no config.json: ${ggufAdvice(path, gguf)}`,
  );
}

/** The error for a folder without safetensors files. */
export async function noWeights(folder: string, from: FileSystem): Promise<Error> {
  const names = await from.names(folder).catch(() => []);
  const gguf = names.find((name) => name.endsWith(GGUF));
  const pickle = names.find((name) => /^pytorch_model.*\.bin$/.test(name));
  const other = names.find((name) => /^(tf_model\.h5|flax_model\.msgpack|.*\.ckpt)$/.test(name));
  const found = names.filter((name) => name.endsWith(".safetensors"));
  const advice = pickle !== undefined
    ? `${pickle} is a pickle, which is not read. Convert it: ${conversionOf(folder)}`
    : gguf !== undefined
    ? ggufAdvice(folder, gguf)
    : other !== undefined
    ? `${other} is not read: convert it with transformers, from_pretrained() and save_pretrained()`
    : found.length > 0
    ? `it has ${
      found.join(", ")
    } and no index: rename the file to model.safetensors, or add the index`
    : "download model.safetensors, or all parts and model.safetensors.index.json, into it";
  return new TypeError(`Cannot load ${folder}: there is no model.safetensors in it; ${advice}`);
}

const GGUF = ".gguf";

/** The folder and the name of a file. */
function splitPath(path: string): [folder: string, name: string] {
  const at = path.search(/[^/\\]*$/);
  return [path.slice(0, at) || ".", path.slice(at)];
}

function ggufAdvice(folder: string, file: string): string {
  return "GGUF is not read. Convert it: python3 -c 'import transformers as t; t.AutoModelForCausalLM.from_pretrained(" +
    `"${folder}", gguf_file="${file}").save_pretrained("converted")'`;
}

/** Copies, as tensors that share memory cannot be saved. */
function conversionOf(folder: string): string {
  return "python3 -c 'import glob, torch, safetensors.torch as s; " +
    `f = sorted(glob.glob("${folder}/pytorch_model*.bin")); ` +
    'w = {k: v.clone().contiguous() for p in f for k, v in torch.load(p, map_location="cpu", weights_only=True).items()}; ' +
    `s.save_file(w, "${folder}/model.safetensors", {"format": "pt"})'`;
}
