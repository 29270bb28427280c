// What a Whisper's folder says beside its weights: how recordings become features (preprocessor_config.json, or processor_config.json of
// newer versions of transformers), and how text is generated (generation_config.json).

import * as v from "valibot";
import { SpeechFeatures } from "../models/speech/speech_features.ts";
import { disk } from "./disk.ts";
import { modelFolder } from "./hub/model_folder.ts";

/**
 * How a Whisper writes the text of a recording: a prompt, and options of `generate()`.
 *
 * @category Checkpoints
 */
export interface TranscriptionSettings {
  /** The tokens that texts begin with: start, language, task, and that there are no timestamps. */
  readonly prompt: readonly number[];
  /** As many as fit the model's positions, unless the file says less. */
  readonly maxNewTokens: number;
  /** The tokens that end a text. */
  readonly stopTokens: readonly number[];
  /** Tokens that are never written. */
  readonly suppressTokens: readonly number[];
  /** Tokens that no text begins with, after the prompt. */
  readonly beginSuppressTokens: readonly number[];
}

/**
 * Options of {@linkcode loadTranscriptionSettings}.
 *
 * @category Checkpoints
 */
export interface TranscriptionOptions {
  /** The code of the language that is spoken, such as `en`; a model of many languages needs it. */
  readonly language?: string;
  /** Whether the text is in the language that is spoken, or in English. Default: in that which is spoken. */
  readonly task?: "transcribe" | "translate";
}

/**
 * The features that a model reads, by the settings in its folder. `name` is a folder or the id of a model on the hub.
 *
 * @throws {TypeError} naming the file and the setting that is not supported, or if there is no such file
 * @throws {Error} as `modelFolder()`
 *
 * @example
 * ```ts
 * import { loadSpeechFeatures } from "@meshfactor/adafactor/checkpoint";
 *
 * const folder = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${folder}/preprocessor_config.json`, `{ "feature_size": 128 }`);
 * const features = await loadSpeechFeatures(folder);
 * console.log(features.numBins, features.numFrames); // 128, 3000
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @category Checkpoints
 */
export async function loadSpeechFeatures(name: string): Promise<SpeechFeatures> {
  const folder = await modelFolder(name);
  const nested = await readJson(`${folder}/processor_config.json`, processor);
  const path = `${folder}/preprocessor_config.json`;
  const settings = nested?.feature_extractor ?? await readJson(path, anyObject);
  if (settings === undefined) {
    throw new TypeError(
      `There is neither ${path} nor a feature_extractor in processor_config.json: give the settings to new SpeechFeatures()`,
    );
  }
  try {
    return new SpeechFeatures(settings);
  } catch (cause) {
    const where = nested?.feature_extractor === undefined
      ? path
      : `${folder}/processor_config.json`;
    throw new TypeError(`${where}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

/**
 * How a Whisper generates, by its generation_config.json and config.json. `name` is a folder or the id of a model on the hub.
 *
 * @throws {TypeError} if the model needs a language and none is given, does not know the language or task, or has only one
 * @throws {Error} as `modelFolder()`
 *
 * @example
 * ```ts
 * import { loadTranscriptionSettings } from "@meshfactor/adafactor/checkpoint";
 *
 * const folder = await Deno.makeTempDir();
 * const config = { decoder_start_token_id: 1, eos_token_id: 2, max_target_positions: 16 };
 * await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(config));
 * const generation = { lang_to_id: { "<|en|>": 5 }, task_to_id: { transcribe: 6 }, no_timestamps_token_id: 7 };
 * await Deno.writeTextFile(`${folder}/generation_config.json`, JSON.stringify(generation));
 * const { prompt, maxNewTokens } = await loadTranscriptionSettings(folder, { language: "en" });
 * console.log(prompt, maxNewTokens); // 1, 5, 6, 7 and 12
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @category Checkpoints
 */
export async function loadTranscriptionSettings(
  name: string,
  options: TranscriptionOptions = {},
): Promise<TranscriptionSettings> {
  const folder = await modelFolder(name);
  const where = `${folder}/generation_config.json`;
  const generation = await readJson(where, generationShape) ?? {};
  const config = await readJson(`${folder}/config.json`, generationShape) ?? {};
  const given = { ...config, ...withoutNull(generation) };
  const { decoder_start_token_id: start = null, max_target_positions: most = 448 } = given;
  if (start === null) throw new TypeError(`${where}: decoder_start_token_id is missing`);
  const prompt = [start, ...promptOf(given, { ...options, where })];
  const { no_timestamps_token_id: noTimestamps = null } = given;
  if (noTimestamps !== null && prompt.at(-1) !== noTimestamps) prompt.push(noTimestamps);
  const longest = Math.min((given.max_length ?? most) + prompt.length, most);
  return {
    prompt,
    maxNewTokens: given.max_new_tokens ?? longest - prompt.length,
    stopTokens: [given.eos_token_id ?? []].flat(),
    suppressTokens: given.suppress_tokens ?? [],
    beginSuppressTokens: given.begin_suppress_tokens ?? [],
  };
}

/** Language and task; or what older files force at the begin, for a model of one language. */
function promptOf(
  { lang_to_id: languages = null, task_to_id: tasks = null, forced_decoder_ids: forced }:
    GenerationShape,
  { language, task, where }: TranscriptionOptions & { readonly where: string },
): number[] {
  if (languages === null) {
    if (language === undefined && task === undefined) {
      return (forced ?? []).flatMap(([, token]) => token ?? []);
    }
    throw new TypeError(`${where}: the model has one language and task: leave both out`);
  }
  const known = Object.keys(languages).map((token) => token.replaceAll(/^<\|(.*)\|>$/g, "$1"));
  const spoken = languages[`<|${language}|>`];
  if (spoken === undefined) {
    throw new TypeError(
      `${where}: wanted the language of the recording, one of ${known.join(", ")}, got ${language}`,
    );
  }
  if (tasks === null) {
    if (task === undefined) return [spoken];
    throw new TypeError(`${where}: the model has one task: leave task out`);
  }
  const wanted = tasks[task ?? "transcribe"];
  if (wanted === undefined) {
    throw new TypeError(
      `${where}: wanted a task of ${Object.keys(tasks).join(", ")}, got ${task ?? "transcribe"}`,
    );
  }
  return [spoken, wanted];
}

/** Undefined if there is no such file. @throws {TypeError} naming the file, and what is wrong in it */
async function readJson<Schema extends v.GenericSchema>(
  path: string,
  schema: Schema,
): Promise<v.InferOutput<Schema> | undefined> {
  if (!await disk.has(path)) return undefined;
  try {
    return v.parse(schema, JSON.parse(await disk.readText(path)));
  } catch (cause) {
    const issue = v.isValiError(cause) ? cause.issues[0] : undefined;
    const what = issue === undefined
      ? `it is not JSON: ${cause}`
      : `${v.getDotPath(issue) ?? "it"} is not supported: ${issue.message}`;
    throw new TypeError(`${path}: ${what}`, { cause });
  }
}

function withoutNull(given: GenerationShape): GenerationShape {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null));
}

const token = v.pipe(v.number(), v.integer(), v.minValue(0));
const tokens = v.nullish(v.array(token));
const count = v.nullish(v.pipe(v.number(), v.integer(), v.minValue(1)));
const anyObject = v.record(v.string(), v.unknown());
const processor = v.object({ feature_extractor: v.optional(anyObject) });

type GenerationShape = v.InferOutput<typeof generationShape>;
const generationShape = v.object({
  decoder_start_token_id: v.nullish(token),
  eos_token_id: v.nullish(v.union([token, v.array(token)])),
  suppress_tokens: tokens,
  begin_suppress_tokens: tokens,
  lang_to_id: v.nullish(v.record(v.string(), token)),
  task_to_id: v.nullish(v.record(v.string(), token)),
  no_timestamps_token_id: v.nullish(token),
  forced_decoder_ids: v.nullish(v.array(v.tuple([token, v.nullable(token)]))),
  max_length: count,
  max_new_tokens: count,
  max_target_positions: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(1))),
});
