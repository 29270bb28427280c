import assert from "node:assert/strict";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { architectureOf } from "../../../src/models/architectures.ts";
import { ModelConfig } from "../../../src/models/config/model_config.ts";
import { Decoder } from "../../../src/models/decoder.ts";
import { newModel } from "../../../src/models/new_model.ts";
import { RandomSource } from "../../../src/nn/philox.ts";
import { crossEntropy } from "../../../src/ops/cross_entropy.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { assertWithin } from "../../support/ops/gradient_check.ts";
import { smallConfigs } from "../../support/models/small_configs.ts";

function plan(config: object) {
  const settings = new ModelConfig(JSON.stringify(config));
  return architectureOf(settings).fromConfig(settings);
}

Deno.test("every family reads its small config, and one without `architectures`", () => {
  for (const config of Object.values(smallConfigs)) {
    const unnamed = plan({ ...config, architectures: null });
    assert.deepEqual(plan(config).names, unnamed.names);
  }
});

Deno.test("GPT-J's head has a bias if its weight is the token table, too", async () => {
  using device = wasmDevice();
  const config = { ...smallConfigs.gptj, tie_word_embeddings: true };
  const random = new RandomSource(1);
  using model = newModel(device, config, { random, model: Decoder });
  using tokens = Tensor.from(device, [3, 5, 2], { shape: [1, 3], dtype: "u32" });
  const logits = await model.forward({ tokens });
  const values = await logits.data();
  const wanted = new Float64Array(config.vocab_size);
  for (const [row, token] of [3, 5, 2].entries()) {
    const own = values.subarray(row * wanted.length, (row + 1) * wanted.length);
    const sum = own.reduce((sum, each) => sum + Math.exp(each), 0);
    own.forEach((each, at) => wanted[at] += (Math.exp(each) / sum - Number(at === token)) / 3);
  }
  using loss = crossEntropy(logits, tokens);
  await loss.backward();
  const bias = model.namedParameters().get("head.bias")!;
  assertWithin(await bias.grad!.data(), Float32Array.from(wanted), {
    tolerance: 1e-6,
    what: "gradient of the bias",
  });
  assert.ok(!model.namedParameters().has("head.weight"));
});

Deno.test("unsupported settings are refused by name", () => {
  const { gpt2, llama, mistral, mixtral, qwen2, qwen3, opt, deepseek_v2, deepseek_v3: deepseek } =
    smallConfigs;
  const { gemma2, gemma3 } = smallConfigs;
  const cases: [config: object, message: RegExp][] = [
    [{ model_type: "mamba" }, /model_type mamba is not supported: .*gpt2.* are/],
    [{}, /model_type is missing/],
    [
      { ...llama, architectures: ["LlamaForSequenceClassification"] },
      /architectures must name one of LlamaForCausalLM, got LlamaForSequenceClassification/,
    ],
    [{ ...llama, quantization_config: { bits: 4 } }, /quantization_config must be null/],
    [{ ...gpt2, add_cross_attention: true }, /add_cross_attention must be false, got true/],
    [{ ...gpt2, activation_function: "mish" }, /activation_function must be .*"gelu_new".*"mish"/],
    [{ ...gpt2, n_head: 3 }, /n_embd must be a multiple of n_head, got 8 and 3/],
    [{ ...gpt2, n_layer: 0 }, /n_layer must be >=1, got 0/],
    [{ ...llama, num_key_value_heads: 3 }, /multiple of num_key_value_heads, got 4 and 3/],
    [{ ...llama, hidden_act: "relu2" }, /hidden_act must be/],
    [{ ...llama, head_dim: 3 }, /an even number of features to be rotated, got 3/],
    [{ ...llama, head_dim: 1e15 }, /heads must have at most 256 features, got 1000000000000000/],
    [{ ...gpt2, n_embd: 516 }, /heads must have at most 256 features, got 258/],
    [{ ...deepseek, v_head_dim: 257 }, /heads must have at most 256 features, got 257/],
    [{ ...llama, pad_token_id: 11 }, /pad_token_id must be within the vocabulary of 11, got 11/],
    [{ ...llama, rope_scaling: { type: "longrope" } }, /rope_parameters/],
    [{ ...mixtral, router_jitter_noise: 0.1 }, /router_jitter_noise must be 0, got 0.1/],
    [{ ...mixtral, num_experts_per_tok: 4 }, /num_experts_per_tok must be .*, got 4 of 3/],
    [{ ...mixtral, num_experts: 2 }, /num_experts must be num_local_experts, got 2 and 3/],
    [{ ...mixtral, num_local_experts: 0 }, /num_local_experts must be >=1, got 0/],
    [{ ...mistral, sliding_window: 0 }, /sliding_window must be >=1, got 0/],
    [{ ...qwen2, layer_types: ["full_attention"] }, /layer_types .* got 1 for 2/],
    [
      { ...qwen2, layer_types: ["full_attention", "sliding_attention"] },
      /sliding_attention, and use_sliding_window or sliding_window say there is none/,
    ],
    [{ ...qwen3, layer_types: ["full_attention", "linear"] }, /layer_types\.1 must be/],
    [{ ...gemma2, sliding_window: null }, /sliding_window must be given/],
    [{ ...gemma2, use_bidirectional_attention: true }, /use_bidirectional_attention must be false/],
    [{ ...gemma3, layer_types: ["full_attention"] }, /layer_types .* got 1 for 2/],
    [{ ...gemma3, rope_parameters: { rope_type: "default" } }, /rope_parameters.*rope_type/],
    [
      { ...opt, layer_norm_elementwise_affine: false },
      /layer_norm_elementwise_affine must be true/,
    ],
    [
      { ...deepseek, num_key_value_heads: 2 },
      /num_key_value_heads must be num_attention_heads, got 2 and 4/,
    ],
    [{ ...deepseek, head_dim: 7 }, /head_dim must be qk_rope_head_dim, got 7 and 4/],
    [
      { ...deepseek, n_group: 3 },
      /n_routed_experts must be a multiple of n_group, with 2 experts or more in each, got 8 and 3/,
    ],
    [{ ...deepseek, n_group: 8 }, /with 2 experts or more in each, got 8 and 8/],
    [{ ...deepseek_v2, num_experts_per_tok: null }, /num_experts_per_tok is missing/],
    [{ ...deepseek_v2, topk_method: "noaux_tc" }, /topk_method must be/],
    [{ ...deepseek_v2, topk_method: "group_limited_greedy" }, /n_group is missing/],
    [{ ...deepseek_v2, mlp_bias: true }, /mlp_bias must be false/],
    [{ ...deepseek, topk_group: 5 }, /topk_group must be at most n_group, got 5 of 4/],
    [
      { ...deepseek, num_experts_per_tok: 5 },
      /num_experts_per_tok must be at most the 4 experts of topk_group groups, got 5/,
    ],
    [
      { ...llama, head_dim: 2, rope_parameters: { rope_type: "dynamic", factor: 2 } },
      /rope_type dynamic needs more than 2 features that are rotated, got 2/,
    ],
    [{ ...deepseek, qk_rope_head_dim: 3 }, /an even number of features to be rotated, got 3/],
    [
      { ...deepseek, rope_scaling: { type: "yarn", mscale_all_dim: 1 }, rope_parameters: null },
      /rope_parameters.factor is missing, which mscale_all_dim needs/,
    ],
    [{ ...opt, num_attention_heads: 3 }, /hidden_size must be a multiple of .* 8 and 3/],
  ];
  for (const [config, message] of cases) {
    assert.throws(() => plan(config), (error) => {
      assert(error instanceof TypeError, String(error));
      assert.match(error.message, message);
      return true;
    });
  }
});
