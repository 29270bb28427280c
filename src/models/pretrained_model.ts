// A model that transformers knows: it has a config.json, and its parameters have names in model.safetensors. What is in
// this folder knows no files; src/checkpoint/pretrained.ts reads and writes them.

import { Module } from "../nn/module.ts";
import type { ParameterSource } from "../nn/parameter_source.ts";
import { Block } from "./block.ts";
import type { CheckpointNames } from "./checkpoint_names.ts";
import type { ModelConfig } from "./model_config.ts";

/** What ties a model to its files. */
export interface CheckpointForm {
  /** config.json */
  readonly config: ModelConfig;
  /** What its parameters are called in model.safetensors. */
  readonly names: CheckpointNames;
}

/** A model with a config and names. */
export abstract class PretrainedModel<Input = never> extends Module<Input> {
  /** What ties it to its files. */
  readonly form: CheckpointForm;

  /** To be called with the form that the model's architecture gave. */
  constructor(form: CheckpointForm) {
    super();
    this.form = form;
  }

  /**
   * What is not kept for backward, which computes it again: what lies within each block, so that memory is that of the blocks'
   * inputs and of one block, for the time of one more forward pass. Gradients have the same bits. Default: nothing.
   */
  get recompute(): "nothing" | "blocks" {
    return this.#blocks().some((block) => block.recomputed) ? "blocks" : "nothing";
  }

  /** Takes effect for the forward passes that begin after it. */
  set recompute(what: "nothing" | "blocks") {
    for (const block of this.#blocks()) block.recomputed = what === "blocks";
  }

  #blocks(): Block[] {
    return this.modules().filter((each) => each instanceof Block);
  }
}

/** A class of transformers, and how to make the same here. */
export interface Architecture {
  /** As config.json has it under `architectures`, such as `LlamaForCausalLM`. */
  readonly name: string;
  /** As config.json has it under `model_type`, such as `llama`. */
  readonly modelType: string;
  /** Names of two tensors that are one parameter unless files hold both and they differ: configs do not say which. */
  readonly twins?: readonly [string, string];
  /** Reads a config. @throws {TypeError} naming a setting that is missing, wrong or not supported */
  plan(config: ModelConfig, stored?: StoredFacts): ModelPlan;
}

/** What is known of a model from its files and not from its config. */
export interface StoredFacts {
  /** Whether the twins are two parameters. */
  readonly twinsDiffer: boolean;
}

/** A model that can be made. */
export interface ModelPlan {
  readonly names: CheckpointNames;
  /** Makes it, with parameters from `source`. */
  build(source: ParameterSource): PretrainedModel;
}
