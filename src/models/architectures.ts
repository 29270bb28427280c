// The model classes of transformers that are supported here, looked up by what config.json says.

import * as v from "valibot";
import { albertClassifier, albertMaskedLm, albertTokenClassifier } from "./families/albert.ts";
import { bertClassifier, bertMaskedLm, bertTokenClassifier } from "./families/bert.ts";
import { blip2 } from "./families/blip2.ts";
import { dinov2Classifier } from "./families/dinov2.ts";
import { sam } from "./families/sam.ts";
import {
  modernBertClassifier,
  modernBertMaskedLm,
  modernBertTokenClassifier,
} from "./families/modernbert.ts";
import { siglipClassifier } from "./families/siglip.ts";
import { vitClassifier } from "./families/vit.ts";
import { whisper } from "./families/whisper.ts";
import { type ModelConfig, orNull } from "./config/model_config.ts";
import { languageModels } from "./language_models.ts";
import type { Architecture } from "./pretrained_model.ts";

const architectures: readonly Architecture[] = [
  ...languageModels,
  blip2,
  bertMaskedLm,
  bertClassifier,
  bertTokenClassifier,
  albertMaskedLm,
  albertClassifier,
  albertTokenClassifier,
  modernBertMaskedLm,
  modernBertClassifier,
  modernBertTokenClassifier,
  vitClassifier,
  dinov2Classifier,
  siglipClassifier,
  sam,
  whisper,
];

/**
 * The architecture that a config names under `architectures`, or the only one of its `model_type` if it names none or the base model.
 * With `wanted`, the one of that `model_type` that makes such models, if the config names the base model or none; with `anyHead` too,
 * whatever it names.
 *
 * @throws {TypeError} naming the unsupported value.
 */
export function architectureOf(
  config: ModelConfig,
  { wanted, anyHead = false }: {
    readonly wanted?: (abstract new (...args: never[]) => object) | undefined;
    readonly anyHead?: boolean;
  } = {},
): Architecture {
  const { model_type: modelType, architectures: names } = config.read(settings);
  const ofType = architectures.filter((each) => each.modelType === modelType);
  if (ofType.length === 0) {
    const known = [...new Set(architectures.map((each) => each.modelType))];
    throw config.error(`model_type ${modelType} is not supported: ${known.join(", ")} are`);
  }
  const named = names === null ? ofType : ofType.filter(({ name }) => names.includes(name));
  const fitting = ofType.filter(({ makes, baseName }) =>
    (anyHead || names === null || names.includes(baseName)) && wanted !== undefined &&
    (makes === wanted || makes.prototype instanceof wanted)
  );
  if (fitting.length === 1) return fitting[0];
  if (named.length === 1) return named[0];
  if (ofType.length === 1 && names?.includes(ofType[0].baseName)) return ofType[0];
  throw config.error(
    `architectures must name one of ${ofType.map(({ name }) => name).join(", ")}, got ${
      names === null ? "none" : names.join(", ")
    }: give the class of the model that you want`,
  );
}

/** `config`, naming `architecture` if it names others, or none and its `model_type` has several. */
export function namedAs(config: ModelConfig, { name, modelType }: Architecture): ModelConfig {
  const { architectures: names } = config.read(settings);
  const isClear = names === null
    ? architectures.filter((each) => each.modelType === modelType).length === 1
    : names.includes(name);
  return isClear ? config : config.with({ architectures: [name] });
}

const settings = v.object({
  model_type: v.string(),
  architectures: orNull(v.array(v.string())),
  // Quantized weights.
  quantization_config: orNull(v.null()),
});
