// The language models, which stand alone or are the part of another model that writes.

import * as v from "valibot";
import type { ModelConfig } from "./config/model_config.ts";
import { bloom } from "./families/bloom.ts";
import { cohere } from "./families/cohere.ts";
import { cohere2 } from "./families/cohere2.ts";
import { deepseekV2 } from "./families/deepseek_v2.ts";
import { deepseekV3 } from "./families/deepseek_v3.ts";
import { falcon } from "./families/falcon.ts";
import { gemma } from "./families/gemma.ts";
import { gemma2 } from "./families/gemma2.ts";
import { gemma3 } from "./families/gemma3.ts";
import { glm } from "./families/glm.ts";
import { gpt2 } from "./families/gpt2.ts";
import { gptj } from "./families/gptj.ts";
import { granite } from "./families/granite.ts";
import { llama } from "./families/llama.ts";
import { mistral } from "./families/mistral.ts";
import { mixtral } from "./families/mixtral.ts";
import { olmo2 } from "./families/olmo2.ts";
import { opt } from "./families/opt.ts";
import { phi3 } from "./families/phi3.ts";
import { qwen2 } from "./families/qwen2.ts";
import { qwen3 } from "./families/qwen3.ts";
import { qwen3Moe } from "./families/qwen3_moe.ts";
import { smollm3 } from "./families/smollm3.ts";
import { t5 } from "./families/t5.ts";
import type { Architecture } from "./pretrained_model.ts";

/** Decoders, and encoders with a decoder. */
export const languageModels: readonly Architecture[] = [
  gpt2,
  llama,
  mistral,
  mixtral,
  qwen2,
  qwen3,
  qwen3Moe,
  opt,
  gptj,
  bloom,
  falcon,
  cohere,
  cohere2,
  glm,
  phi3,
  smollm3,
  gemma,
  gemma2,
  gemma3,
  granite,
  olmo2,
  deepseekV2,
  deepseekV3,
  t5,
];

/** The language model of a nested config, by its `model_type`. @throws {TypeError} naming it, if there is none */
export function languageModelOf(config: ModelConfig): Architecture {
  const { model_type: modelType } = config.read(v.object({ model_type: v.string() }));
  const found = languageModels.find((each) => each.modelType === modelType);
  if (found !== undefined) return found;
  const known = languageModels.map((each) => each.modelType).join(", ");
  throw config.error(`model_type ${modelType} is not supported as a language model: ${known} are`);
}
