// How a model generates: what flags say, else its generation_config.json, else the defaults of transformers.

import * as v from "valibot";
import { disk } from "../checkpoint/disk.ts";
import type { SamplingRules } from "../models/generation/next_token.ts";
import type { GenerateFlags } from "./generate_options.ts";

/** Settings of a generation. */
export interface GenerationSettings {
  readonly maxNewTokens: number;
  /** Tokens that end a text. */
  readonly stopTokens: readonly number[];
  readonly repetitionPenalty: number;
  /** Tokens that are never written, and those that no text begins with. */
  readonly suppressTokens: readonly number[];
  readonly beginSuppressTokens: readonly number[];
  /** Undefined for the most likely token. */
  readonly rules: SamplingRules | undefined;
}

/** The settings of a generation_config.json that are honoured here. */
export type GenerationConfig = v.InferOutput<typeof configShape>;

/** Reads generation_config.json, and the end tokens of config.json if that has none. @throws {Error} naming what is wrong */
export async function readGenerationConfig(folder: string): Promise<GenerationConfig> {
  const own = await readJson(`${folder}/generation_config.json`);
  if (typeof own.eos_token_id === "number" || Array.isArray(own.eos_token_id)) return own;
  const { eos_token_id } = await readJson(`${folder}/config.json`);
  return { ...own, eos_token_id };
}

/** The settings for `flags`; `chatEnd` is the token that ends a message of a chat. */
export function settingsOf(
  config: GenerationConfig,
  flags: GenerateFlags,
  chatEnd: number | undefined,
): GenerationSettings {
  const { temperature = config.temperature ?? 1 } = flags;
  const asked = flags.temperature !== undefined || flags.topK !== undefined ||
    flags.topP !== undefined;
  const isSampled = temperature > 0 && (asked || config.do_sample === true);
  // Transformers samples from the 50 most likely tokens unless told otherwise.
  const defaultTopK = config.do_sample === true ? 50 : 0;
  const topK = flags.topK ?? config.top_k ?? defaultTopK;
  const ends = [config.eos_token_id ?? [], chatEnd ?? []].flat();
  return {
    maxNewTokens: flags.maxNewTokens ?? config.max_new_tokens ?? DEFAULT_NEW_TOKENS,
    stopTokens: flags.eos ? ends : [],
    repetitionPenalty: flags.repetitionPenalty ?? config.repetition_penalty ?? 1,
    suppressTokens: config.suppress_tokens ?? [],
    beginSuppressTokens: config.begin_suppress_tokens ?? [],
    rules: isSampled
      ? { temperature, topK: topK === 0 ? undefined : topK, topP: flags.topP ?? config.top_p ?? 1 }
      : undefined,
  };
}

async function readJson(path: string): Promise<GenerationConfig> {
  if (!await disk.has(path)) return {};
  try {
    return v.parse(configShape, JSON.parse(await disk.readText(path)));
  } catch (cause) {
    if (!v.isValiError(cause)) throw new Error(`Cannot read ${path}: ${cause}`, { cause });
    const [issue] = cause.issues;
    const where = v.getDotPath(issue) ?? "it";
    throw new TypeError(`${path}: ${where} is not supported: ${issue.message}`, { cause });
  }
}

const token = v.pipe(v.number(), v.integer(), v.minValue(0));

const configShape = v.object({
  eos_token_id: v.nullish(v.union([token, v.array(token)])),
  do_sample: v.nullish(v.boolean()),
  temperature: v.nullish(v.pipe(v.number(), v.minValue(0))),
  top_k: v.nullish(v.pipe(v.number(), v.integer(), v.minValue(0))),
  top_p: v.nullish(v.pipe(v.number(), v.gtValue(0), v.maxValue(1))),
  repetition_penalty: v.nullish(v.pipe(v.number(), v.gtValue(0))),
  suppress_tokens: v.nullish(v.array(token)),
  begin_suppress_tokens: v.nullish(v.array(token)),
  max_new_tokens: v.nullish(v.pipe(v.number(), v.integer(), v.minValue(1))),
});

const DEFAULT_NEW_TOKENS = 128;
