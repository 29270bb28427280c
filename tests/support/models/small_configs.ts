// Small configs of all families, as transformers writes them, without keys that have their defaults.

const llamaSizes = {
  vocab_size: 11,
  hidden_size: 8,
  intermediate_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 4,
  max_position_embeddings: 32,
  rope_parameters: { rope_theta: 10000, rope_type: "default" },
  dtype: "float32",
};

/** Configs of decoders, by `model_type`. */
export const smallConfigs = {
  gpt2: {
    architectures: ["GPT2LMHeadModel"],
    model_type: "gpt2",
    dtype: "float32",
    vocab_size: 11,
    n_embd: 8,
    n_head: 2,
    n_inner: null,
    n_layer: 2,
    n_positions: 9,
  },
  llama: { ...llamaSizes, architectures: ["LlamaForCausalLM"], model_type: "llama" },
  mistral: {
    ...llamaSizes,
    architectures: ["MistralForCausalLM"],
    model_type: "mistral",
    sliding_window: 3,
  },
  qwen2: {
    ...llamaSizes,
    architectures: ["Qwen2ForCausalLM"],
    model_type: "qwen2",
    tie_word_embeddings: true,
  },
  qwen3: { ...llamaSizes, architectures: ["Qwen3ForCausalLM"], model_type: "qwen3" },
  opt: {
    architectures: ["OPTForCausalLM"],
    model_type: "opt",
    dtype: "float32",
    vocab_size: 11,
    hidden_size: 8,
    num_hidden_layers: 2,
    ffn_dim: 12,
    num_attention_heads: 2,
    max_position_embeddings: 9,
    word_embed_proj_dim: 6,
  },
} as const;

const bertSizes = {
  model_type: "bert",
  vocab_size: 11,
  hidden_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 3,
  intermediate_size: 10,
  max_position_embeddings: 6,
  initializer_range: 0.3,
};

/** Configs of encoders, and of an encoder-decoder. */
export const smallEncoderConfigs = {
  bert: { ...bertSizes, architectures: ["BertForMaskedLM"] },
  bertClassifier: {
    ...bertSizes,
    architectures: ["BertForSequenceClassification"],
    num_labels: 3,
    problem_type: "single_label_classification",
  },
  bertTokenClassifier: {
    ...bertSizes,
    architectures: ["BertForTokenClassification"],
    num_labels: 11,
  },
  t5: {
    architectures: ["T5ForConditionalGeneration"],
    model_type: "t5",
    vocab_size: 11,
    d_model: 8,
    d_kv: 4,
    d_ff: 10,
    num_layers: 2,
    num_heads: 3,
    relative_attention_num_buckets: 4,
    relative_attention_max_distance: 8,
    decoder_start_token_id: 0,
    pad_token_id: 0,
  },
  vit: {
    architectures: ["ViTForImageClassification"],
    model_type: "vit",
    num_labels: 3,
    hidden_size: 12,
    num_hidden_layers: 2,
    num_attention_heads: 3,
    intermediate_size: 10,
    image_size: [5, 7],
    patch_size: [2, 3],
    num_channels: 2,
    initializer_range: 0.3,
  },
} as const;
