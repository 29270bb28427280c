// Low-rank additions in the files of PEFT (Hugging Face): a folder of adapter_config.json and adapter_model.safetensors.
//
//   blocks.3.attention.query.a.weight  ->  base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight
//
// Names are those of transformers: the model's table of names has them.

import * as v from "valibot";
import { nameOf } from "../models/config/checkpoint_names.ts";
import type { PretrainedModel } from "../models/pretrained_model.ts";
import { addLora, type Lora, type LoraOptions } from "../nn/lora/add_lora.ts";
import { linearPlaces } from "../nn/lora/linear_places.ts";
import { disk } from "./disk.ts";
import { publishFiles, requirePublishable } from "./disk_folder.ts";
import { type NamedParameter, problemWith, readParameter } from "./read_parameter.ts";
import { SafetensorsError } from "./safetensors_error.ts";
import { SafetensorsFile } from "./safetensors_file.ts";
import { byteLength } from "./safetensors_header.ts";
import { safetensorsPieces } from "./safetensors_write.ts";
import { saveTogether, wholeTensor } from "./save_together.ts";

/**
 * Options of {@linkcode saveLora}.
 *
 * @category Checkpoints
 */
export interface SaveLoraOptions {
  /** The model's additions. */
  readonly lora: Lora;
  /** The name or folder of the model that the additions are for, which PEFT loads. Default: none is said. */
  readonly base?: string;
  /** This rank of the job, if several have the model: rank 0 writes. Default: that of the ranks that it is split over, or 0. */
  readonly rank?: number;
}

/**
 * Saves the low-rank additions of a model in the format of PEFT: adapter_config.json and adapter_model.safetensors appear together in
 * the folder, or not at all. If the model is split over ranks, all of them call this function.
 *
 * @throws {Error} if the folder cannot be written; what was there is unchanged.
 *
 * @example
 * ```ts
 * import { addLora, loadLora, newModel, requestDevice, saveLora } from "@meshfactor/adafactor";
 * import { RandomSource } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * const config = { model_type: "gpt2", vocab_size: 16, n_embd: 8, n_layer: 1, n_head: 2, n_positions: 8 };
 * using model = newModel(device, config, { random: new RandomSource(1) });
 * const lora = addLora(model, { rank: 2, alpha: 4, targets: ["attention.qkv"] });
 * const folder = await Deno.makeTempDir();
 * await saveLora(model, folder, { lora, base: "gpt2" }); // PeftModel.from_pretrained(gpt2, folder)
 * using other = newModel(device, config, { random: new RandomSource(1) });
 * console.log((await loadLora(other, folder)).layers.size); // 1
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @category Checkpoints
 */
export async function saveLora(
  model: PretrainedModel<never>,
  folder: string,
  { lora, base, rank }: SaveLoraOptions,
): Promise<void> {
  const named = parametersOf(model, lora);
  const tensors = named.map(({ name, parameter }) => wholeTensor(name, parameter));
  const config = new TextEncoder().encode(
    `${JSON.stringify(configOf(model, { lora, base }), null, 2)}\n`,
  );
  const bytes = tensors.reduce((total, each) => total + byteLength(each), config.length);
  await saveTogether(model, {
    tensors,
    rank,
    check: () => requirePublishable(folder, { names: [CONFIG, WEIGHTS], bytes }),
    write: (tensors) =>
      publishFiles(folder, [
        { name: CONFIG, pieces: [config] },
        { name: WEIGHTS, pieces: safetensorsPieces(tensors, { format: "pt" }) },
      ]),
  });
}

/**
 * Adds the low-rank additions in a folder of PEFT to a model, with their values; all other parameters are frozen, as by `addLora()`.
 * Call it before `parallelize()`.
 *
 * @throws {TypeError} if the config asks for anything but LoRA of linear layers: the setting is named.
 * @throws {SafetensorsError} if tensors are missing, too many, of another shape, or for layers that the model does not have; the model
 *   is as it was then.
 * @category Checkpoints
 */
export async function loadLora(
  model: PretrainedModel<never>,
  folder: string,
  options: Pick<LoraOptions, "dtype"> = {},
): Promise<Lora> {
  const where = `${folder}/${CONFIG}`;
  const config = readConfig(await disk.readText(where), where);
  using file = await SafetensorsFile.open(`${folder}/${WEIGHTS}`);
  const stored = new Set([...file.tensors.keys()].map((name) => moduleIn(name, file.path)));
  const paths = new Map(
    linearPlaces(model).map(({ path }) => [moduleName(model, path), path]),
  );
  const unknown = [...stored].filter((name) => !paths.has(name));
  if (unknown.length > 0 || stored.size === 0) {
    throw new SafetensorsError(
      `Cannot load ${file.path}: ` +
        (stored.size === 0
          ? "it holds no additions"
          : `the model has no whole linear layer ${unknown.slice(0, MOST_SHOWN).join(", ")}: ` +
            "load additions of the same architecture, before the model is split"),
    );
  }
  const { r: rank, lora_alpha: alpha, lora_dropout: dropout } = config;
  const lora = addLora(model, {
    rank,
    alpha,
    rankStabilized: config.use_rslora ?? false,
    targets: [...stored].map((name) => paths.get(name)!),
    ...(dropout === undefined || dropout === 0 ? {} : { dropout }),
    ...options,
  });
  const named = parametersOf(model, lora);
  const problems = named.flatMap((each) => problemWith(file, each) ?? []);
  if (problems.length > 0) {
    lora.remove();
    throw new SafetensorsError(
      `Cannot load ${file.path}: ${problems.slice(0, MOST_SHOWN).join("; ")}`,
    );
  }
  for (const each of named) await readParameter(file, each);
  return lora;
}

/** A and B of all layers, by their names in files. */
function parametersOf(model: PretrainedModel<never>, { layers }: Lora): NamedParameter[] {
  return [...layers].flatMap(([path, { a, b }]) => {
    const name = `${PREFIX}${moduleName(model, path)}`;
    return [
      { name: `${name}.lora_A.weight`, parameter: a.weight },
      { name: `${name}.lora_B.weight`, parameter: b.weight },
    ];
  });
}

/** What transformers calls the layer at `path`. */
function moduleName({ form: { names } }: PretrainedModel<never>, path: string): string {
  return nameOf(`${path}.weight`, names).replace(/\.weight$/, "");
}

/** What transformers calls the layer that a tensor of a file is for. */
function moduleIn(name: string, path: string): string {
  const module = /^base_model\.model\.(?<module>.+)\.lora_[AB]\.weight$/.exec(name)?.groups?.module;
  if (module !== undefined) return module;
  throw new SafetensorsError(
    `Cannot load ${path}: ${name} is no low-rank matrix of a linear layer, and nothing else is supported`,
  );
}

/** As PEFT writes it. */
function configOf(
  model: PretrainedModel<never>,
  { lora, base }: { readonly lora: Lora; readonly base: string | undefined },
): Readonly<Record<string, unknown>> {
  const { layers, rank, alpha, rankStabilized } = lora;
  const [first] = layers.values();
  return {
    peft_type: "LORA",
    base_model_name_or_path: base ?? null,
    task_type: null,
    r: rank,
    lora_alpha: alpha,
    use_rslora: rankStabilized,
    lora_dropout: first.dropout?.probability ?? 0,
    // PEFT transposes its product where the base's weight is [in, out].
    fan_in_fan_out: first.storage === "inOut",
    bias: "none",
    inference_mode: true,
    target_modules: [...layers.keys()].map((path) => moduleName(model, path)),
  };
}

const none = v.nullish(v.union([v.literal(false), v.strictObject({}), v.strictTuple([])]));

/** Settings that change what is computed; the others say how PEFT trains or initialises. */
const AdapterConfig = v.looseObject({
  peft_type: v.literal("LORA"),
  r: v.pipe(v.number(), v.integer(), v.minValue(1)),
  lora_alpha: v.number(),
  use_rslora: v.nullish(v.boolean()),
  lora_dropout: v.optional(v.pipe(v.number(), v.minValue(0), v.ltValue(1))),
  bias: v.optional(v.literal("none")),
  // Others begin with changed weights of the base, which its own files do not have.
  init_lora_weights: v.nullish(
    v.union([v.boolean(), v.picklist(["gaussian", "eva", "orthogonal"])]),
  ),
  use_dora: none,
  use_qalora: none,
  use_bdlora: none,
  alora_invocation_tokens: none,
  arrow_config: none,
  kasa_config: none,
  monteclora_config: none,
  velora_config: none,
  lora_bias: none,
  rank_pattern: none,
  alpha_pattern: none,
  modules_to_save: none,
  layer_replication: none,
  target_parameters: none,
  trainable_token_indices: none,
});

function readConfig(text: string, where: string): v.InferOutput<typeof AdapterConfig> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new TypeError(`${where} is no JSON: ${(cause as Error).message}`, { cause });
  }
  const parsed = v.safeParse(AdapterConfig, json);
  if (parsed.success) return parsed.output;
  const [{ path, message }] = parsed.issues;
  const setting = path?.map(({ key }) => key).join(".") ?? "the whole";
  throw new TypeError(`${where}: ${setting} is not supported: ${message}`);
}

const PREFIX = "base_model.model.";
const CONFIG = "adapter_config.json";
const WEIGHTS = "adapter_model.safetensors";
const MOST_SHOWN = 5;
