// Models with random initial values, from a config of transformers.

import type { Device } from "../device/device.ts";
import { requireRandom } from "../nn/parameter_checks.ts";
import { requireDevice } from "../tensor/argument_checks.ts";
import { requireObject } from "../tensor/option_names.ts";
import { InitialParameters, type InitialParametersOptions } from "../nn/parameter_source.ts";
import { architectureOf, namedAs } from "./architectures.ts";
import { formatPythonJson } from "./config/config_text.ts";
import { ModelConfig } from "./config/model_config.ts";
import type { PretrainedModel } from "./pretrained_model.ts";

/**
 * Options of {@linkcode newModel}.
 *
 * @category Models
 */
export interface NewModelOptions<Model extends PretrainedModel = PretrainedModel>
  extends InitialParametersOptions {
  /** The class that the model must have, such as `Decoder`. Default: any. */
  readonly model?: abstract new (...args: never[]) => Model;
}

/**
 * Makes a model with the settings of a config.json and random initial values: weights are normally distributed with the config's
 * standard deviation (`initializer_range`), biases are 0, norms 1.
 *
 * @throws {TypeError} naming a setting that is missing, wrong or not supported, or if the model has another class than requested.
 *
 * @example
 * ```ts
 * import { Decoder, newModel, RandomSource, requestDevice } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * const config = { model_type: "gpt2", vocab_size: 16, n_embd: 8, n_layer: 1, n_head: 2, n_positions: 8 };
 * using model = newModel(device, config, { random: new RandomSource(1), model: Decoder });
 * console.log([...model.namedParameters().keys()]);
 * ```
 *
 * @category Models
 */
export function newModel<Model extends PretrainedModel = PretrainedModel>(
  device: Device,
  config: Readonly<Record<string, unknown>>,
  options: NewModelOptions<Model>,
): Model {
  requireDevice("newModel()", device);
  requireObject("newModel()", config, "model_type");
  requireObject("newModel()", options, "random");
  const { model: wanted, ...initial } = options;
  requireRandom("newModel()", initial.random);
  const settings = new ModelConfig(formatPythonJson(config) + "\n", { where: "the config" });
  const source = new InitialParameters(device, initial);
  const architecture = architectureOf(settings, { wanted });
  const model = architecture.fromConfig(namedAs(settings, architecture)).build(source);
  if (wanted === undefined || model instanceof wanted) return model as Model;
  model[Symbol.dispose]();
  throw settings.error(`its model is a ${model.constructor.name}, wanted a ${wanted.name}`);
}
