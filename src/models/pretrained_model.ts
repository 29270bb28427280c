// A model that transformers knows: it has a config.json, and its parameters have names in model.safetensors. What is in
// this folder knows no files; src/checkpoint/pretrained.ts reads and writes them.

import { Module } from "../nn/module.ts";
import type { ParameterSource } from "../nn/parameter_source.ts";
import { Block } from "./blocks/block.ts";
import type { CheckpointNames } from "./config/checkpoint_names.ts";
import type { ModelConfig } from "./config/model_config.ts";
import type { SplitPlan } from "./splitting/split_plan.ts";

/** What ties a model to its files. */
export interface CheckpointForm {
  /** config.json */
  readonly config: ModelConfig;
  /** What its parameters are called in model.safetensors. */
  readonly names: CheckpointNames;
}

/** How `parallelize()` splits a model. */
export interface PlanSplitOptions {
  /** Whether forward returns the logits of the whole vocabulary on every rank; if not, this rank's part of them. */
  readonly gatherLogits: boolean;
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

  /**
   * Adds every layer that is split over tensor-parallel ranks to `plan`, for `parallelize()`. It must change nothing itself, so that
   * a model that cannot be split stays as it was. All ranks of the plan's group call it. A model class that does not override it
   * cannot be split.
   *
   * @throws {TypeError} if a layer was replaced, the options are not supported, or the class does not override this method.
   * @throws {RangeError} if there are too few heads or features for the ranks.
   */
  planSplit(_plan: SplitPlan, _options: PlanSplitOptions): Promise<void> | void {
    throw new TypeError(
      `Cannot split a ${this.constructor.name} over ranks: its class does not define planSplit()`,
    );
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
