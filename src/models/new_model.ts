// Models that nobody has trained, from a config as transformers has them.

import type { Device } from "../device/device.ts";
import { InitialParameters, type InitialParametersOptions } from "../nn/parameter_source.ts";
import { architectureOf } from "./architectures.ts";
import { ModelConfig } from "./config/model_config.ts";
import type { PretrainedModel } from "./pretrained_model.ts";

/** How {@linkcode newModel} makes a model. */
export interface NewModelOptions<Model extends PretrainedModel = PretrainedModel>
  extends InitialParametersOptions {
  /** The class that the model must be of, such as `Decoder`. Default: any. */
  readonly model?: abstract new (...args: never[]) => Model;
}

/**
 * A model with the settings of a config.json and initial values: weights are normally distributed with the config's standard
 * deviation (`initializer_range`), biases 0, norms 1.
 *
 * ```ts
 * const config = { model_type: "gpt2", vocab_size: 256, n_embd: 128, n_layer: 2, n_head: 4, n_positions: 128 };
 * using model = newModel(device, config, { random: new RandomSource(1), model: Decoder });
 * ```
 *
 * @throws {TypeError} naming a setting that is missing, wrong or not supported, or if the model is not of the class asked for.
 */
export function newModel<Model extends PretrainedModel = PretrainedModel>(
  device: Device,
  config: Readonly<Record<string, unknown>>,
  options: NewModelOptions<Model>,
): Model {
  const { model: wanted, ...initial } = options;
  const settings = new ModelConfig(JSON.stringify(config, null, 2) + "\n", { where: "the config" });
  const source = new InitialParameters(device, initial);
  const model = architectureOf(settings).plan(settings).build(source);
  if (wanted === undefined || model instanceof wanted) return model as Model;
  model[Symbol.dispose]();
  throw settings.error(`its model is a ${model.constructor.name}, wanted a ${wanted.name}`);
}
