// Decoders as plain loops in float64, straight from a config.json and tensors by their names in transformers: slow, and
// written independently of src/models, which is tested against it where there are no goldens.

/** Values by name, row-major. */
export type Weights = ReadonlyMap<string, readonly number[]>;

/** Settings that these loops know; those that are absent have transformers' defaults. */
export type Config = Readonly<Record<string, unknown>> & { readonly model_type: string };

/** One text: tokens and, for each, whether it is real. */
export interface Text {
  readonly tokens: readonly number[];
  readonly mask: readonly number[];
}

type Rows = number[][];

/** Logits of every position of one text. */
export function decoderLogits(config: Config, weights: Weights, text: Text): Rows {
  const model = { gpt2: gpt2Logits, opt: optLogits }[config.model_type] ?? llamaLogits;
  return model(config, weights, text);
}

function gpt2Logits(config: Config, weights: Weights, { tokens, mask }: Text): Rows {
  const [width, heads, layers] = numbers(config, "n_embd", "n_head", "n_layer");
  const eps = 1e-5;
  const at = (name: string) => values(weights, `transformer.${name}`);
  const norm = (x: Rows, name: string) =>
    layerNorm(x, { weight: at(`${name}.weight`), bias: at(`${name}.bias`), eps });
  // Weights are [in, out].
  const conv = (x: Rows, name: string) => {
    const bias = at(`${name}.bias`);
    return linear(x, transposed(at(`${name}.weight`), bias.length), bias);
  };
  let x = tokens.map((token, t) =>
    sum(row(at("wte.weight"), token, width), row(at("wpe.weight"), t, width))
  );
  for (let layer = 0; layer < layers; layer++) {
    const qkv = conv(norm(x, `h.${layer}.ln_1`), `h.${layer}.attn.c_attn`);
    const scale = (config.scale_attn_weights === false ? 1 : (width / heads) ** -0.5) /
      (config.scale_attn_by_inverse_layer_idx === true ? layer + 1 : 1);
    const part = (k: number) => qkv.map((each) => each.slice(k * width, (k + 1) * width));
    const y = attention([part(0), part(1), part(2)], { heads, keyHeads: heads, scale, mask });
    x = x.map((each, t) => sum(each, conv(y, `h.${layer}.attn.c_proj`)[t]));
    const inner = conv(norm(x, `h.${layer}.ln_2`), `h.${layer}.mlp.c_fc`)
      .map((each) => each.map(activation(config.activation_function ?? "gelu_new")));
    const out = conv(inner, `h.${layer}.mlp.c_proj`);
    x = x.map((each, t) => sum(each, out[t]));
  }
  const head = weights.get("lm_head.weight") ?? at("wte.weight");
  return linear(norm(x, "ln_f"), head);
}

function optLogits(config: Config, weights: Weights, { tokens, mask }: Text): Rows {
  const [width, heads, layers] = numbers(
    config,
    "hidden_size",
    "num_attention_heads",
    "num_hidden_layers",
  );
  const narrow = (config.word_embed_proj_dim as number | undefined) ?? width;
  const isBefore = config.do_layer_norm_before !== false;
  const at = (name: string) => values(weights, `model.decoder.${name}`);
  const norm = (x: Rows, name: string) =>
    layerNorm(x, { weight: at(`${name}.weight`), bias: at(`${name}.bias`), eps: 1e-5 });
  const layer = (x: Rows, name: string) =>
    linear(x, at(`${name}.weight`), weights.get(`model.decoder.${name}.bias`));
  const add = (x: Rows, y: Rows) => x.map((each, t) => sum(each, y[t]));
  let x = tokens.map((token) => row(at("embed_tokens.weight"), token, narrow));
  if (narrow !== width) x = layer(x, "project_in");
  let seen = 0;
  x = x.map((each, t) => {
    seen += mask[t];
    return sum(each, row(at("embed_positions.weight"), seen * mask[t] - 1 + 2, width));
  });
  for (let k = 0; k < layers; k++) {
    const attended = (from: Rows) => {
      const [q, key, v] = ["q", "k", "v"].map((each) =>
        layer(from, `layers.${k}.self_attn.${each}_proj`)
      );
      const scale = (width / heads) ** -0.5;
      const y = attention([q, key, v], { heads, keyHeads: heads, scale, mask });
      return layer(y, `layers.${k}.self_attn.out_proj`);
    };
    const mlp = (from: Rows) =>
      layer(
        layer(from, `layers.${k}.fc1`)
          .map((each) => each.map(activation(config.activation_function ?? "relu"))),
        `layers.${k}.fc2`,
      );
    const [first, second] = [`layers.${k}.self_attn_layer_norm`, `layers.${k}.final_layer_norm`];
    if (isBefore) {
      x = add(x, attended(norm(x, first)));
      x = add(x, mlp(norm(x, second)));
    } else {
      x = norm(add(x, attended(x)), first);
      x = norm(add(x, mlp(x)), second);
    }
  }
  if (isBefore && config._remove_final_layer_norm !== true) x = norm(x, "final_layer_norm");
  if (narrow !== width) x = layer(x, "project_out");
  return linear(x, weights.get("lm_head.weight") ?? at("embed_tokens.weight"));
}

function llamaLogits(config: Config, weights: Weights, { tokens, mask }: Text): Rows {
  const [width, heads, layers] = numbers(
    config,
    "hidden_size",
    "num_attention_heads",
    "num_hidden_layers",
  );
  const keyHeads = (config.num_key_value_heads as number | undefined) ?? heads;
  const headWidth = (config.head_dim as number | undefined) ?? width / heads;
  const eps = 1e-6;
  const at = (name: string) => values(weights, `model.${name}`);
  const layer = (x: Rows, name: string) =>
    linear(x, at(`${name}.weight`), weights.get(`model.${name}.bias`));
  const angles = rotaryAngles(config, { headWidth, length: tokens.length });
  let x = tokens.map((token) => row(at("embed_tokens.weight"), token, width));
  for (let k = 0; k < layers; k++) {
    const name = `layers.${k}`;
    const seen = rmsNorm(x, at(`${name}.input_layernorm.weight`), eps);
    const project = (which: "q" | "k" | "v") => {
      const rows = layer(seen, `${name}.self_attn.${which}_proj`);
      if (which === "v") return rows;
      const weight = weights.get(`model.${name}.self_attn.${which}_norm.weight`);
      return rows.map((each, t) =>
        inHeads(each, headWidth)
          .map((head) => weight === undefined ? head : rmsNorm([head], weight, eps)[0])
          .flatMap((head) => turned(head, angles[t]))
      );
    };
    const y = attention([project("q"), project("k"), project("v")], {
      heads,
      keyHeads,
      scale: headWidth ** -0.5,
      mask,
      window: windowOf(config, k),
    });
    const out = layer(y, `${name}.self_attn.o_proj`);
    x = x.map((each, t) => sum(each, out[t]));
    const between = rmsNorm(x, at(`${name}.post_attention_layernorm.weight`), eps);
    const gate = layer(between, `${name}.mlp.gate_proj`)
      .map((each) => each.map(activation(config.hidden_act ?? "silu")));
    const up = layer(between, `${name}.mlp.up_proj`);
    const down = layer(
      gate.map((each, t) => each.map((g, i) => g * up[t][i])),
      `${name}.mlp.down_proj`,
    );
    x = x.map((each, t) => sum(each, down[t]));
  }
  const last = rmsNorm(x, at("norm.weight"), eps);
  return linear(last, weights.get("lm_head.weight") ?? at("embed_tokens.weight"));
}

function windowOf(config: Config, layer: number): number | undefined {
  const window = config.sliding_window as number | undefined;
  if (config.model_type === "mistral") return window;
  if (config.use_sliding_window !== true) return undefined;
  const types = config.layer_types as string[] | undefined;
  const slides = types === undefined
    ? layer >= (config.max_window_layers as number)
    : types[layer] === "sliding_attention";
  return slides ? window : undefined;
}

/** [T][R / 2]: cosine and sine. */
function rotaryAngles(
  config: Config,
  { headWidth, length }: { readonly headWidth: number; readonly length: number },
): [cos: number, sin: number][][] {
  const given = config.rope_parameters as Record<string, number | string>;
  const maxPositions = config.max_position_embeddings as number;
  let base = given.rope_theta as number;
  const factor = given.factor as number;
  if (given.rope_type === "dynamic") {
    const seen = Math.max(length, maxPositions);
    base *= (factor * seen / maxPositions - (factor - 1)) ** (headWidth / (headWidth - 2));
  }
  const squeeze = given.rope_type === "linear" ? factor : 1;
  return Array.from({ length }, (_, t) =>
    Array.from({ length: headWidth / 2 }, (_, k) => {
      const angle = t * Math.fround(base ** (-2 * k / headWidth) / squeeze);
      return [Math.cos(angle), Math.sin(angle)];
    }));
}

function turned(head: number[], angles: readonly [number, number][]): number[] {
  const half = head.length / 2;
  return head.map((value, i) => {
    const [cos, sin] = angles[i % half];
    return i < half ? value * cos - head[i + half] * sin : value * cos + head[i - half] * sin;
  });
}

function attention(
  [q, k, v]: readonly Rows[],
  { heads, keyHeads, scale, mask, window = Infinity }: {
    readonly heads: number;
    readonly keyHeads: number;
    readonly scale: number;
    readonly mask: readonly number[];
    readonly window?: number | undefined;
  },
): Rows {
  const width = q[0].length / heads;
  return q.map((query, t) =>
    inHeads(query, width).flatMap((head, h) => {
      const keyHead = Math.floor(h / (heads / keyHeads));
      const seen = k.map((_, s) => s).filter((s) => s <= t && s > t - window && mask[s] === 1);
      const scores = seen.map((s) => scale * dot(head, inHeads(k[s], width)[keyHead]));
      const largest = Math.max(...scores);
      const shares = scores.map((score) => Math.exp(score - largest));
      const total = shares.reduce((a, b) => a + b, 0);
      return head.map((_, i) =>
        seen.reduce((y, s, n) => y + shares[n] / total * inHeads(v[s], width)[keyHead][i], 0)
      );
    })
  );
}

function activation(name: unknown): (x: number) => number {
  const tanhGelu = (x: number) =>
    0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
  const known: Record<string, (x: number) => number> = {
    gelu_new: tanhGelu,
    gelu_pytorch_tanh: tanhGelu,
    relu: (x) => Math.max(x, 0),
    silu: (x) => x / (1 + Math.exp(-x)),
    tanh: Math.tanh,
  };
  return known[name as string];
}

function layerNorm(
  x: Rows,
  { weight, bias, eps }: {
    readonly weight: readonly number[];
    readonly bias: readonly number[];
    readonly eps: number;
  },
): Rows {
  return x.map((each) => {
    const mean = each.reduce((a, b) => a + b, 0) / each.length;
    const variance = each.reduce((total, value) => total + (value - mean) ** 2, 0) / each.length;
    return each.map((value, i) => (value - mean) / Math.sqrt(variance + eps) * weight[i] + bias[i]);
  });
}

function rmsNorm(x: Rows, weight: readonly number[], eps: number): Rows {
  return x.map((each) => {
    const square = each.reduce((total, value) => total + value * value, 0) / each.length;
    return each.map((value, i) => value / Math.sqrt(square + eps) * weight[i]);
  });
}

/** x W^T + b, W [out, in] */
function linear(x: Rows, weight: readonly number[], bias?: readonly number[]): Rows {
  const inFeatures = x[0].length;
  return x.map((each) =>
    Array.from(
      { length: weight.length / inFeatures },
      (_, o) => dot(each, row(weight, o, inFeatures)) + (bias?.[o] ?? 0),
    )
  );
}

function transposed(weight: readonly number[], cols: number): number[] {
  const rows = weight.length / cols;
  return Array.from(
    { length: weight.length },
    (_, at) => weight[at % rows * cols + Math.floor(at / rows)],
  );
}

function inHeads(x: readonly number[], width: number): number[][] {
  return Array.from({ length: x.length / width }, (_, h) => x.slice(h * width, (h + 1) * width));
}

function row(table: readonly number[], index: number, width: number): number[] {
  return table.slice(index * width, (index + 1) * width);
}

function sum(a: readonly number[], b: readonly number[]): number[] {
  return a.map((value, i) => value + b[i]);
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((total, value, i) => total + value * b[i], 0);
}

function values(weights: Weights, name: string): readonly number[] {
  const found = weights.get(name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
}

function numbers(config: Config, ...names: string[]): number[] {
  return names.map((name) => config[name] as number);
}
