// Folders with a tiny new model of each kind and its tokenizer, and the training of what flags name, in this process.

import { join } from "node:path";
import { savePretrained } from "../../../src/checkpoint/save_pretrained.ts";
import { prepareTask } from "../../../src/cli/prepared_task.ts";
import { parseTrainOptions } from "../../../src/cli/train_options.ts";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { newModel } from "../../../src/models/new_model.ts";
import type { PretrainedModel } from "../../../src/models/pretrained_model.ts";
import { RandomSource } from "../../../src/nn/philox.ts";
import { train } from "../../../src/train/training.ts";
import type { TrainingEvent } from "../../../src/train/training_options.ts";
import { inProcessRanks } from "../distributed/in_process_ranks.ts";
import { SMALL_VOCABULARY, smallTokenizerJson } from "./small_tokenizer.ts";
import { smallWordPieceJson, WORDPIECE_CONFIG, WORDPIECE_VOCABULARY } from "./small_wordpiece.ts";

/** Special tokens of the tokenizer of GPT-2 and T5 here. */
export const SPECIAL_TOKENS = ["<|im_start|>", "<|im_end|>", "<pad>"];

const VOCABULARY = SMALL_VOCABULARY + SPECIAL_TOKENS.length;

const CHATML = "{% for m in messages %}{{'<|im_start|>' + m['role'] + '\n' + m['content'] + " +
  "'<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

const CONFIGS = {
  bert: {
    model_type: "bert",
    architectures: ["BertModel"],
    vocab_size: WORDPIECE_VOCABULARY,
    hidden_size: 24,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    intermediate_size: 32,
    max_position_embeddings: 16,
    initializer_range: 0.2,
    hidden_dropout_prob: 0,
    attention_probs_dropout_prob: 0,
  },
  albert: {
    model_type: "albert",
    architectures: ["AlbertForMaskedLM"],
    vocab_size: WORDPIECE_VOCABULARY,
    embedding_size: 16,
    hidden_size: 24,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    intermediate_size: 32,
    max_position_embeddings: 16,
    initializer_range: 0.2,
    hidden_dropout_prob: 0,
    attention_probs_dropout_prob: 0,
  },
  modernbert: {
    model_type: "modernbert",
    architectures: ["ModernBertForMaskedLM"],
    vocab_size: WORDPIECE_VOCABULARY,
    hidden_size: 24,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    intermediate_size: 32,
    max_position_embeddings: 16,
    initializer_range: 0.2,
    pad_token_id: 0,
  },
  dinov2: {
    model_type: "dinov2",
    architectures: ["Dinov2ForImageClassification"],
    hidden_size: 24,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    mlp_ratio: 2,
    image_size: 8,
    patch_size: 4,
    initializer_range: 0.2,
  },
  siglip: {
    model_type: "siglip",
    architectures: ["SiglipForImageClassification"],
    vision_config: {
      hidden_size: 24,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      intermediate_size: 32,
      image_size: 8,
      patch_size: 4,
    },
  },
  gpt2: {
    model_type: "gpt2",
    architectures: ["GPT2LMHeadModel"],
    vocab_size: VOCABULARY,
    n_embd: 32,
    n_layer: 1,
    n_head: 2,
    n_positions: 64,
    embd_pdrop: 0,
    attn_pdrop: 0,
    resid_pdrop: 0,
  },
  vit: {
    model_type: "vit",
    architectures: ["ViTForImageClassification"],
    hidden_size: 24,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    intermediate_size: 32,
    image_size: 8,
    patch_size: 4,
    initializer_range: 0.2,
  },
  t5: {
    model_type: "t5",
    architectures: ["T5ForConditionalGeneration"],
    vocab_size: VOCABULARY,
    d_model: 32,
    d_kv: 16,
    d_ff: 32,
    num_layers: 1,
    num_heads: 2,
    decoder_start_token_id: SMALL_VOCABULARY + 2,
    pad_token_id: SMALL_VOCABULARY + 2,
    eos_token_id: SMALL_VOCABULARY + 1,
    dropout_rate: 0,
  },
} as const;

/** Writes a folder with a tiny new model, of other settings if they are given, and its tokenizer; a BERT has no head. */
export async function writeTaskModel(
  folder: string,
  kind: keyof typeof CONFIGS,
  settings: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const model = join(folder, kind);
  await Deno.mkdir(model);
  using device = wasmDevice();
  const architectures = kind === "bert" ? ["BertForMaskedLM"] : CONFIGS[kind].architectures;
  const config = { ...CONFIGS[kind], ...settings, architectures };
  using made = newModel(device, config, { random: new RandomSource(7) });
  await savePretrained(made, model);
  if (["vit", "dinov2", "siglip"].includes(kind)) return model;
  const isEncoder = ["bert", "albert", "modernbert"].includes(kind);
  const json = isEncoder ? smallWordPieceJson() : smallTokenizerJson(SPECIAL_TOKENS);
  await Deno.writeTextFile(join(model, "tokenizer.json"), json);
  const ofTokenizer = isEncoder ? WORDPIECE_CONFIG : {
    tokenizer_class: "PreTrainedTokenizerFast",
    eos_token: "<|im_end|>",
    pad_token: "<pad>",
    chat_template: CHATML,
  };
  await Deno.writeTextFile(join(model, "tokenizer_config.json"), JSON.stringify(ofTokenizer));
  return model;
}

/** What a training in this process was. */
export interface TrainedTask {
  /** What is said of the data. */
  readonly data: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly task: string;
  readonly events: readonly TrainingEvent[];
  /** The metrics of the last evaluation. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** Prepares what flags name and trains it; `--save` and the like are not looked at. */
export async function trainTask(
  flags: readonly string[],
  use: (model: PretrainedModel<never>) => Promise<void> = async () => {},
): Promise<TrainedTask> {
  const options = parseTrainOptions(flags, 1);
  const [trained] = await inProcessRanks(1, async (world) => {
    using device = wasmDevice();
    using prepared = await prepareTask(device, { flags: options, rank: 1 });
    const { model, task, data, counts } = prepared;
    const events: TrainingEvent[] = [];
    await train(world, {
      model,
      task,
      batch: options.batch,
      accumulate: options.accumulate,
      steps: options.steps ?? 20,
      tensor: 1,
      zero: 1,
      zeroStage: 1,
      lr: () => 1e-2,
      dropout: options.dropout,
      optimizer: { algorithm: "adamw" },
      seed: options.seed,
      evaluateEvery: 0,
      onEvent: (event) => events.push(event),
    });
    await use(model);
    const metrics = events.findLast((event) => event.kind === "evaluation")!.metrics;
    return { data, counts, task: task.name, events, metrics };
  });
  return trained;
}

/** Writes lines of JSON. */
export async function writeJsonLines(path: string, records: readonly object[]): Promise<string> {
  await Deno.writeTextFile(path, records.map((each) => `${JSON.stringify(each)}\n`).join(""));
  return path;
}
