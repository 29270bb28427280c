// A small config of each family with an encoder, as transformers writes it but for keys that have their defaults.

const encoderSizes = {
  ...{ hidden_size: 8, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 12 },
  dtype: "float32",
};

/** By `model_type`. */
export const smallEncoderConfigs = {
  bert: {
    ...{ ...encoderSizes, architectures: ["BertForMaskedLM"], model_type: "bert" },
    ...{ vocab_size: 11, max_position_embeddings: 9 },
  },
  t5: {
    ...{ architectures: ["T5ForConditionalGeneration"], model_type: "t5", dtype: "float32" },
    ...{ vocab_size: 11, d_model: 8, d_kv: 4, d_ff: 12, num_layers: 2, num_heads: 2 },
    relative_attention_num_buckets: 8,
    relative_attention_max_distance: 16,
  },
  vit: {
    ...{ ...encoderSizes, architectures: ["ViTForImageClassification"], model_type: "vit" },
    ...{ image_size: 4, patch_size: 2 },
  },
} as const;
