/* tslint:disable */
/* eslint-disable */

export function absolute(x: number, out: number, length: number): void;

export function absolute_backward(x: number, dy: number, dx: number, length: number): void;

export function accumulate(x: number, out: number, length: number, factor: number): void;

export function accumulate_cast(x: number, out: number, from_type: number, to_type: number, from_offset: number, to_offset: number, length: number): void;

export function adafactor_averages(blocks: number, numbers: number, sums: number, guard: number, moments: number, factors: number, params: number): void;

export function adafactor_join_scalar(blocks: number, partials: number, sums: number, params: number): void;

export function adafactor_join_sums(blocks: number, partials: number, sums: number, params: number): void;

export function adafactor_scale_gradients(blocks: number, sums: number, guard: number, params: number): void;

export function adafactor_step(grad: number, blocks: number, factors: number, steps: number, guard: number, param: number, partials: number, params: number): void;

export function adafactor_step_cautious(grad: number, blocks: number, factors: number, steps: number, guard: number, param: number, momentum: number, partials: number, params: number): void;

export function adafactor_step_momentum(grad: number, blocks: number, factors: number, steps: number, guard: number, param: number, momentum: number, partials: number, params: number): void;

export function adafactor_step_sizes(blocks: number, numbers: number, sums: number, steps: number, params: number): void;

export function adafactor_tile_momentum(grad: number, blocks: number, factors: number, steps: number, guard: number, momentum: number, partials: number, params: number): void;

export function adafactor_tile_params(param: number, blocks: number, partials: number, params: number): void;

export function adafactor_tile_sums(grad: number, blocks: number, partials: number, params: number): void;

export function adafactor_tile_updates(grad: number, blocks: number, factors: number, partials: number, params: number): void;

export function adamw_step(grad: number, blocks: number, steps: number, sums: number, guard: number, param: number, momentum: number, second_moment: number, params: number): void;

export function add(a: number, b: number, out: number, dim0: number, dim1: number, dim2: number, dim3: number, dim4: number, dim5: number, a_dims: number, b_dims: number): void;

/**
 * Allocates `bytes` bytes (more than 0), 16-byte aligned; null if there is no memory. Contents are undefined.
 */
export function allocate(bytes: number): number;

export function attention(q: number, k: number, v: number, key_mask: number, bias: number, out: number, lse: number, batch: number, queries: number, keys: number, heads: number, key_heads: number, dim: number, value_dim: number, causal: number, window: number, masked: number, biased: number, scale: number, soft_cap: number, seed_low: number, seed_high: number, threshold: number, kept_scale: number, first_head: number, all_heads: number): void;

export function attention_backward(q: number, k: number, v: number, key_mask: number, bias: number, dout: number, moments: number, dq: number, dk: number, dv: number, batch: number, queries: number, keys: number, heads: number, key_heads: number, dim: number, value_dim: number, causal: number, window: number, masked: number, biased: number, scale: number, soft_cap: number, seed_low: number, seed_high: number, threshold: number, kept_scale: number, first_head: number, all_heads: number): void;

export function attention_bias_backward(q: number, k: number, v: number, key_mask: number, bias: number, dout: number, moments: number, dbias: number, batch: number, queries: number, keys: number, heads: number, key_heads: number, dim: number, value_dim: number, causal: number, window: number, masked: number, biased: number, scale: number, soft_cap: number, seed_low: number, seed_high: number, threshold: number, kept_scale: number, first_head: number, all_heads: number): void;

export function attention_delta(dout: number, out: number, lse: number, moments: number, batch: number, queries: number, heads: number, value_dim: number): void;

export function came_tile_sums(grad: number, blocks: number, factors: number, steps: number, guard: number, momentum: number, partials: number, params: number): void;

export function cast(x: number, out: number, from_type: number, to_type: number, from_offset: number, to_offset: number, length: number): void;

export function choose(condition: number, a: number, b: number, out: number, dim0: number, dim1: number, dim2: number, dim3: number, dim4: number, dim5: number, condition_dims: number, a_dims: number, b_dims: number): void;

export function choose_backward_a(condition: number, dy: number, dx: number, dim0: number, dim1: number, dim2: number, dim3: number, dim4: number, dim5: number, condition_dims: number): void;

export function choose_backward_b(condition: number, dy: number, dx: number, dim0: number, dim1: number, dim2: number, dim3: number, dim4: number, dim5: number, condition_dims: number): void;

export function clamp(x: number, out: number, length: number, low: number, high: number): void;

export function clamp_backward(x: number, dy: number, dx: number, length: number, low: number, high: number): void;

export function column_sums(x: number, out: number, rows: number, cols: number, accumulate: number): void;

export function copy_block(x: number, out: number, rows: number, cols: number, from_stride: number, from_offset: number, to_stride: number, to_offset: number): void;

export function div(a: number, b: number, out: number, dim0: number, dim1: number, dim2: number, dim3: number, dim4: number, dim5: number, a_dims: number, b_dims: number): void;

export function div_backward_a(b: number, dy: number, dx: number, dim0: number, dim1: number, dim2: number, dim3: number, dim4: number, dim5: number, b_dims: number): void;

export function div_backward_b(a: number, b: number, dy: number, dx: number, dim0: number, dim1: number, dim2: number, dim3: number, dim4: number, dim5: number, a_dims: number, b_dims: number): void;

export function dropout(x: number, out: number, length: number, cols: number, row_length: number, seed_low: number, seed_high: number, first: number, threshold: number, scale: number): void;

export function embedding(table: number, indices: number, out: number, count: number, width: number, num_rows: number, table_type: number): void;

export function embedding_backward(indices: number, dy: number, dtable: number, count: number, width: number, num_rows: number): void;

export function equal(a: number, b: number, out: number, dim0: number, dim1: number, dim2: number, dim3: number, dim4: number, dim5: number, a_dims: number, b_dims: number): void;

export function expand(x: number, out: number, dim0: number, dim1: number, dim2: number, dim3: number, dim4: number, dim5: number, x_dims: number): void;

export function fill(out: number, offset: number, length: number, value: number): void;

export function fold(columns: number, bias: number, out: number, first_image: number, images: number, channels: number, height: number, width: number, kernel_height: number, kernel_width: number, out_height: number, out_width: number, stride_height: number, stride_width: number, padding_height: number, padding_width: number, dilation_height: number, dilation_width: number, bias_length: number): void;

export function fourier_features(x: number, out: number, rows: number, cols: number): void;

export function fourier_features_backward(y: number, dy: number, dx: number, rows: number, cols: number): void;

export function gather_columns(x: number, indices: number, out: number, rows: number, cols: number, count: number): void;

export function gather_columns_backward(indices: number, dy: number, dx: number, rows: number, cols: number, count: number): void;

export function gelu(x: number, out: number, length: number): void;

export function gelu_backward(x: number, dy: number, dx: number, length: number): void;

export function gelu_tanh(x: number, out: number, length: number): void;

export function gelu_tanh_backward(x: number, dy: number, dx: number, length: number): void;

export function greater(a: number, b: number, out: number, dim0: number, dim1: number, dim2: number, dim3: number, dim4: number, dim5: number, a_dims: number, b_dims: number): void;

export function greater_equal(a: number, b: number, out: number, dim0: number, dim1: number, dim2: number, dim3: number, dim4: number, dim5: number, a_dims: number, b_dims: number): void;

export function hyperbolic_tangent(x: number, out: number, length: number): void;

export function hyperbolic_tangent_backward(x: number, dy: number, dx: number, length: number): void;

export function index_add(starts: number, sources: number, x: number, out: number, count: number, width: number, num_rows: number): void;

export function inverse_square_root(x: number, out: number, length: number): void;

export function inverse_square_root_backward(x: number, dy: number, dx: number, length: number): void;

export function leaky_relu(x: number, out: number, length: number, slope: number): void;

export function leaky_relu_backward(x: number, dy: number, dx: number, length: number, slope: number): void;

export function less(a: number, b: number, out: number, dim0: number, dim1: number, dim2: number, dim3: number, dim4: number, dim5: number, a_dims: number, b_dims: number): void;

export function less_equal(a: number, b: number, out: number, dim0: number, dim1: number, dim2: number, dim3: number, dim4: number, dim5: number, a_dims: number, b_dims: number): void;

export function logistic_loss(a: number, b: number, out: number, dim0: number, dim1: number, dim2: number, dim3: number, dim4: number, dim5: number, a_dims: number, b_dims: number): void;

export function logistic_loss_backward_a(a: number, b: number, dy: number, dx: number, dim0: number, dim1: number, dim2: number, dim3: number, dim4: number, dim5: number, a_dims: number, b_dims: number): void;

export function logistic_loss_backward_b(a: number, dy: number, dx: number, dim0: number, dim1: number, dim2: number, dim3: number, dim4: number, dim5: number, a_dims: number): void;

export function matmul_nn(a: number, b: number, bias: number, out: number, a_from: number, b_from: number, out_from: number, batch: number, m: number, n: number, k: number, row_begin: number, row_end: number, bias_length: number, accumulate: number): void;

export function matmul_nt(a: number, b: number, bias: number, out: number, a_from: number, b_from: number, out_from: number, batch: number, m: number, n: number, k: number, row_begin: number, row_end: number, bias_length: number, accumulate: number): void;

export function matmul_tn(a: number, b: number, bias: number, out: number, a_from: number, b_from: number, out_from: number, batch: number, m: number, n: number, k: number, row_begin: number, row_end: number, bias_length: number, accumulate: number): void;

export function maximum(a: number, b: number, out: number, dim0: number, dim1: number, dim2: number, dim3: number, dim4: number, dim5: number, a_dims: number, b_dims: number): void;

export function maximum_backward_a(a: number, b: number, dy: number, dx: number, dim0: number, dim1: number, dim2: number, dim3: number, dim4: number, dim5: number, a_dims: number, b_dims: number): void;

export function maximum_backward_b(a: number, b: number, dy: number, dx: number, dim0: number, dim1: number, dim2: number, dim3: number, dim4: number, dim5: number, a_dims: number, b_dims: number): void;

export function merge_runs(x: number, sorted: number, out: number, rows: number, cols: number, run: number, descending: number): void;

export function minimum(a: number, b: number, out: number, dim0: number, dim1: number, dim2: number, dim3: number, dim4: number, dim5: number, a_dims: number, b_dims: number): void;

export function minimum_backward_a(a: number, b: number, dy: number, dx: number, dim0: number, dim1: number, dim2: number, dim3: number, dim4: number, dim5: number, a_dims: number, b_dims: number): void;

export function minimum_backward_b(a: number, b: number, dy: number, dx: number, dim0: number, dim1: number, dim2: number, dim3: number, dim4: number, dim5: number, a_dims: number, b_dims: number): void;

export function mul(a: number, b: number, out: number, dim0: number, dim1: number, dim2: number, dim3: number, dim4: number, dim5: number, a_dims: number, b_dims: number): void;

export function natural_exp(x: number, out: number, length: number): void;

export function natural_exp_backward(x: number, dy: number, dx: number, length: number): void;

export function natural_log(x: number, out: number, length: number): void;

export function natural_log_backward(x: number, dy: number, dx: number, length: number): void;

export function neg(x: number, out: number, length: number): void;

export function norm(x: number, weight: number, bias: number, out: number, moments: number, rows: number, cols: number, bias_length: number, eps: number, centred: number, offset: number): void;

export function norm_backward(x: number, weight: number, dy: number, moments: number, dx: number, rows: number, cols: number, centred: number, offset: number): void;

export function norm_weight_backward(x: number, dy: number, moments: number, dweight: number, rows: number, cols: number): void;

export function normalize_sums(x: number, out: number, rows: number, cols: number, eps: number): void;

export function normalize_sums_backward(x: number, dy: number, dx: number, rows: number, cols: number, eps: number): void;

export function not_equal(a: number, b: number, out: number, dim0: number, dim1: number, dim2: number, dim3: number, dim4: number, dim5: number, a_dims: number, b_dims: number): void;

export function permute(x: number, out: number, dim0: number, dim1: number, dim2: number, dim3: number, stride0: number, stride1: number, stride2: number, stride3: number): void;

/**
 * Frees memory from `allocate(bytes)`.
 */
export function release(pointer: number, bytes: number): void;

export function relu(x: number, out: number, length: number): void;

export function relu_backward(x: number, dy: number, dx: number, length: number): void;

export function rotary(x: number, cos: number, sin: number, out: number, rows: number, heads: number, positions: number, dim: number, rotary_begin: number, rotary_dim: number, interleaved: number, sign: number): void;

export function row_extremes(x: number, values: number, indices: number, rows: number, cols: number, smallest: number): void;

export function row_sums(x: number, out: number, rows: number, cols: number, accumulate: number): void;

export function running_sums(x: number, out: number, rows: number, cols: number, backwards: number): void;

export function scale(x: number, out: number, length: number, factor: number): void;

export function sigmoid(x: number, out: number, length: number): void;

export function sigmoid_backward(x: number, dy: number, dx: number, length: number): void;

export function silu(x: number, out: number, length: number): void;

export function silu_backward(x: number, dy: number, dx: number, length: number): void;

export function smooth_l1(a: number, b: number, out: number, dim0: number, dim1: number, dim2: number, dim3: number, dim4: number, dim5: number, a_dims: number, b_dims: number, beta: number): void;

export function smooth_l1_backward_a(a: number, b: number, dy: number, dx: number, dim0: number, dim1: number, dim2: number, dim3: number, dim4: number, dim5: number, a_dims: number, b_dims: number, beta: number): void;

export function softmax(x: number, out: number, rows: number, cols: number): void;

export function softmax_backward(y: number, dy: number, dx: number, rows: number, cols: number): void;

export function softmax_cross_entropy(logits: number, targets: number, losses: number, dlogits: number, rows: number, cols: number, grad_scale: number, ignored: number): void;

export function softplus(x: number, out: number, length: number): void;

export function softplus_backward(x: number, dy: number, dx: number, length: number): void;

export function split_cross_entropy(statistics: number, targets: number, losses: number, dlogits: number, rows: number, cols: number, first_class: number, num_classes: number, rank: number, ranks: number, grad_scale: number, ignored: number): void;

export function split_softmax(logits: number, targets: number, exps: number, statistics: number, rows: number, cols: number, first_class: number, num_classes: number): void;

export function square_root(x: number, out: number, length: number): void;

export function square_root_backward(x: number, dy: number, dx: number, length: number): void;

export function squared_error(a: number, b: number, out: number, dim0: number, dim1: number, dim2: number, dim3: number, dim4: number, dim5: number, a_dims: number, b_dims: number): void;

export function squared_error_backward_a(a: number, b: number, dy: number, dx: number, dim0: number, dim1: number, dim2: number, dim3: number, dim4: number, dim5: number, a_dims: number, b_dims: number): void;

export function sub(a: number, b: number, out: number, dim0: number, dim1: number, dim2: number, dim3: number, dim4: number, dim5: number, a_dims: number, b_dims: number): void;

export function to_power(a: number, b: number, out: number, dim0: number, dim1: number, dim2: number, dim3: number, dim4: number, dim5: number, a_dims: number, b_dims: number): void;

export function to_power_backward_a(a: number, b: number, dy: number, dx: number, dim0: number, dim1: number, dim2: number, dim3: number, dim4: number, dim5: number, a_dims: number, b_dims: number): void;

export function to_power_backward_b(a: number, b: number, dy: number, dx: number, dim0: number, dim1: number, dim2: number, dim3: number, dim4: number, dim5: number, a_dims: number, b_dims: number): void;

export function top_k(x: number, indices: number, rows: number, cols: number, count: number): void;

export function unfold(x: number, columns: number, first_image: number, images: number, channels: number, height: number, width: number, kernel_height: number, kernel_width: number, out_height: number, out_width: number, stride_height: number, stride_width: number, padding_height: number, padding_width: number, dilation_height: number, dilation_width: number): void;
