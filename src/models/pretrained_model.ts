// A model of transformers: it has a config.json, and its parameters have names in model.safetensors. The files of this folder do no
// file access; src/checkpoint/pretrained.ts reads and writes models.

import { Module } from "../nn/module.ts";
import type { ParameterSource } from "../nn/parameter_source.ts";
import { Block } from "./blocks/block.ts";
import type { CheckpointNames } from "./config/checkpoint_names.ts";
import type { ModelConfig } from "./config/model_config.ts";
import type { SplitPlan } from "./splitting/split_plan.ts";

/**
 * The config of a model and the names of its parameters in files.
 *
 * @category Models
 */
export interface CheckpointForm {
  /** Its config.json. */
  readonly config: ModelConfig;
  /** The names of its parameters in model.safetensors. */
  readonly names: CheckpointNames;
}

/**
 * How `parallelize()` splits a model.
 *
 * @category Models
 */
export interface PlanSplitOptions {
  /** Whether forward returns the logits of the whole vocabulary on every rank; if not, this rank's part of them. */
  readonly gatherLogits: boolean;
}

/**
 * A model that can be loaded from and saved to files of transformers.
 *
 * @category Models
 */
export abstract class PretrainedModel<Input = never> extends Module<Input> {
  /** Its config and the names of its parameters in files. */
  readonly form: CheckpointForm;

  /** A model with the config and names that its architecture made. */
  constructor(form: CheckpointForm) {
    super();
    this.form = form;
  }

  /**
   * Activation checkpointing: with "blocks", the activations within each block are not kept for backward but computed again, which
   * needs the memory of the blocks' inputs and of one block, and the time of one more forward pass. Gradients have the same bits.
   * Default: nothing is recomputed.
   */
  get recompute(): "nothing" | "blocks" {
    return this.#blocks().some((block) => block.recomputed) ? "blocks" : "nothing";
  }

  /** Takes effect on forward passes that begin after it. */
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

/** A model class of transformers, and how to make the same model here. */
export interface Architecture {
  /** Its name in config.json under `architectures`, such as `LlamaForCausalLM`. */
  readonly name: string;
  /** The class without a head, such as `LlamaModel`: its files lack the layers of `head`. */
  readonly baseName: string;
  /** Paths of the modules that predict, which a base model lacks. */
  readonly head: readonly string[];
  /** The class of its models. */
  readonly makes: abstract new (...args: never[]) => PretrainedModel;
  /** Its `model_type` in config.json, such as `llama`. */
  readonly modelType: string;
  /** Names of two tensors that are tied unless files hold both with different values: configs do not say. */
  readonly mayBeTied?: readonly [string, string];
  /** Reads a config. @throws {TypeError} naming a setting that is missing, wrong or not supported */
  fromConfig(config: ModelConfig, stored?: StoredFacts): ModelBuilder;
}

/** Properties of a model that its checkpoint shows and its config does not. */
export interface StoredFacts {
  /** Whether the two tensors of `mayBeTied` are different parameters. */
  readonly isUntied: boolean;
}

/** Makes a model from a config that was read. */
export interface ModelBuilder {
  readonly names: CheckpointNames;
  /**
   * Of a language model that takes embeddings in the place of tokens: their number of features, which is that of its blocks. Undefined
   * for other models.
   */
  readonly embeddingWidth?: number | undefined;
  /** Makes the model, with parameters from `source`. */
  build(source: ParameterSource): PretrainedModel;
}
