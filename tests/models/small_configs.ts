// A small config of each family of decoders, as transformers writes it but for keys that have their defaults.

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

/** By `model_type`. */
export const smallConfigs = {
  gpt2: {
    ...{ architectures: ["GPT2LMHeadModel"], model_type: "gpt2", dtype: "float32" },
    ...{ vocab_size: 11, n_embd: 8, n_head: 2, n_inner: null, n_layer: 2, n_positions: 9 },
  },
  llama: { ...llamaSizes, architectures: ["LlamaForCausalLM"], model_type: "llama" },
  mistral: {
    ...{ ...llamaSizes, architectures: ["MistralForCausalLM"], model_type: "mistral" },
    sliding_window: 3,
  },
  qwen2: {
    ...{ ...llamaSizes, architectures: ["Qwen2ForCausalLM"], model_type: "qwen2" },
    tie_word_embeddings: true,
  },
  qwen3: { ...llamaSizes, architectures: ["Qwen3ForCausalLM"], model_type: "qwen3" },
  opt: {
    ...{ architectures: ["OPTForCausalLM"], model_type: "opt", dtype: "float32" },
    ...{ vocab_size: 11, hidden_size: 8, num_hidden_layers: 2, ffn_dim: 12 },
    ...{ num_attention_heads: 2, max_position_embeddings: 9, word_embed_proj_dim: 6 },
  },
} as const;
