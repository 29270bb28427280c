/**
 * @param {number} x
 * @param {number} out
 * @param {number} length
 */
export function absolute(x, out, length) {
    wasm.absolute(x, out, length);
}

/**
 * @param {number} x
 * @param {number} dy
 * @param {number} dx
 * @param {number} length
 */
export function absolute_backward(x, dy, dx, length) {
    wasm.absolute_backward(x, dy, dx, length);
}

/**
 * @param {number} x
 * @param {number} out
 * @param {number} length
 * @param {number} factor
 */
export function accumulate(x, out, length, factor) {
    wasm.accumulate(x, out, length, factor);
}

/**
 * @param {number} x
 * @param {number} out
 * @param {number} from_type
 * @param {number} to_type
 * @param {number} from_offset
 * @param {number} to_offset
 * @param {number} length
 */
export function accumulate_cast(x, out, from_type, to_type, from_offset, to_offset, length) {
    wasm.accumulate_cast(x, out, from_type, to_type, from_offset, to_offset, length);
}

/**
 * @param {number} blocks
 * @param {number} numbers
 * @param {number} sums
 * @param {number} guard
 * @param {number} moments
 * @param {number} factors
 * @param {number} params
 */
export function adafactor_averages(blocks, numbers, sums, guard, moments, factors, params) {
    wasm.adafactor_averages(blocks, numbers, sums, guard, moments, factors, params);
}

/**
 * @param {number} blocks
 * @param {number} partials
 * @param {number} sums
 * @param {number} params
 */
export function adafactor_join_scalar(blocks, partials, sums, params) {
    wasm.adafactor_join_scalar(blocks, partials, sums, params);
}

/**
 * @param {number} blocks
 * @param {number} partials
 * @param {number} sums
 * @param {number} params
 */
export function adafactor_join_sums(blocks, partials, sums, params) {
    wasm.adafactor_join_sums(blocks, partials, sums, params);
}

/**
 * @param {number} blocks
 * @param {number} sums
 * @param {number} guard
 * @param {number} params
 */
export function adafactor_scale_gradients(blocks, sums, guard, params) {
    wasm.adafactor_scale_gradients(blocks, sums, guard, params);
}

/**
 * @param {number} grad
 * @param {number} blocks
 * @param {number} factors
 * @param {number} steps
 * @param {number} guard
 * @param {number} param
 * @param {number} partials
 * @param {number} params
 */
export function adafactor_step(grad, blocks, factors, steps, guard, param, partials, params) {
    wasm.adafactor_step(grad, blocks, factors, steps, guard, param, partials, params);
}

/**
 * @param {number} grad
 * @param {number} blocks
 * @param {number} factors
 * @param {number} steps
 * @param {number} guard
 * @param {number} param
 * @param {number} momentum
 * @param {number} partials
 * @param {number} params
 */
export function adafactor_step_cautious(grad, blocks, factors, steps, guard, param, momentum, partials, params) {
    wasm.adafactor_step_cautious(grad, blocks, factors, steps, guard, param, momentum, partials, params);
}

/**
 * @param {number} grad
 * @param {number} blocks
 * @param {number} factors
 * @param {number} steps
 * @param {number} guard
 * @param {number} param
 * @param {number} momentum
 * @param {number} partials
 * @param {number} params
 */
export function adafactor_step_momentum(grad, blocks, factors, steps, guard, param, momentum, partials, params) {
    wasm.adafactor_step_momentum(grad, blocks, factors, steps, guard, param, momentum, partials, params);
}

/**
 * @param {number} blocks
 * @param {number} numbers
 * @param {number} sums
 * @param {number} steps
 * @param {number} params
 */
export function adafactor_step_sizes(blocks, numbers, sums, steps, params) {
    wasm.adafactor_step_sizes(blocks, numbers, sums, steps, params);
}

/**
 * @param {number} grad
 * @param {number} blocks
 * @param {number} factors
 * @param {number} steps
 * @param {number} guard
 * @param {number} momentum
 * @param {number} partials
 * @param {number} params
 */
export function adafactor_tile_momentum(grad, blocks, factors, steps, guard, momentum, partials, params) {
    wasm.adafactor_tile_momentum(grad, blocks, factors, steps, guard, momentum, partials, params);
}

/**
 * @param {number} param
 * @param {number} blocks
 * @param {number} partials
 * @param {number} params
 */
export function adafactor_tile_params(param, blocks, partials, params) {
    wasm.adafactor_tile_params(param, blocks, partials, params);
}

/**
 * @param {number} grad
 * @param {number} blocks
 * @param {number} partials
 * @param {number} params
 */
export function adafactor_tile_sums(grad, blocks, partials, params) {
    wasm.adafactor_tile_sums(grad, blocks, partials, params);
}

/**
 * @param {number} grad
 * @param {number} blocks
 * @param {number} factors
 * @param {number} partials
 * @param {number} params
 */
export function adafactor_tile_updates(grad, blocks, factors, partials, params) {
    wasm.adafactor_tile_updates(grad, blocks, factors, partials, params);
}

/**
 * @param {number} grad
 * @param {number} blocks
 * @param {number} steps
 * @param {number} sums
 * @param {number} guard
 * @param {number} param
 * @param {number} momentum
 * @param {number} second_moment
 * @param {number} params
 */
export function adamw_step(grad, blocks, steps, sums, guard, param, momentum, second_moment, params) {
    wasm.adamw_step(grad, blocks, steps, sums, guard, param, momentum, second_moment, params);
}

/**
 * @param {number} a
 * @param {number} b
 * @param {number} out
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} dim4
 * @param {number} dim5
 * @param {number} a_dims
 * @param {number} b_dims
 */
export function add(a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims) {
    wasm.add(a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims);
}

/**
 * Allocates `bytes` bytes (more than 0), 16-byte aligned; null if there is no memory. Contents are undefined.
 * @param {number} bytes
 * @returns {number}
 */
export function allocate(bytes) {
    const ret = wasm.allocate(bytes);
    return ret >>> 0;
}

/**
 * @param {number} q
 * @param {number} k
 * @param {number} v
 * @param {number} key_mask
 * @param {number} bias
 * @param {number} out
 * @param {number} lse
 * @param {number} batch
 * @param {number} queries
 * @param {number} keys
 * @param {number} heads
 * @param {number} key_heads
 * @param {number} dim
 * @param {number} value_dim
 * @param {number} causal
 * @param {number} window
 * @param {number} masked
 * @param {number} biased
 * @param {number} scale
 * @param {number} soft_cap
 * @param {number} seed_low
 * @param {number} seed_high
 * @param {number} threshold
 * @param {number} kept_scale
 * @param {number} first_head
 * @param {number} all_heads
 */
export function attention(q, k, v, key_mask, bias, out, lse, batch, queries, keys, heads, key_heads, dim, value_dim, causal, window, masked, biased, scale, soft_cap, seed_low, seed_high, threshold, kept_scale, first_head, all_heads) {
    wasm.attention(q, k, v, key_mask, bias, out, lse, batch, queries, keys, heads, key_heads, dim, value_dim, causal, window, masked, biased, scale, soft_cap, seed_low, seed_high, threshold, kept_scale, first_head, all_heads);
}

/**
 * @param {number} q
 * @param {number} k
 * @param {number} v
 * @param {number} key_mask
 * @param {number} bias
 * @param {number} dout
 * @param {number} moments
 * @param {number} dq
 * @param {number} dk
 * @param {number} dv
 * @param {number} batch
 * @param {number} queries
 * @param {number} keys
 * @param {number} heads
 * @param {number} key_heads
 * @param {number} dim
 * @param {number} value_dim
 * @param {number} causal
 * @param {number} window
 * @param {number} masked
 * @param {number} biased
 * @param {number} scale
 * @param {number} soft_cap
 * @param {number} seed_low
 * @param {number} seed_high
 * @param {number} threshold
 * @param {number} kept_scale
 * @param {number} first_head
 * @param {number} all_heads
 */
export function attention_backward(q, k, v, key_mask, bias, dout, moments, dq, dk, dv, batch, queries, keys, heads, key_heads, dim, value_dim, causal, window, masked, biased, scale, soft_cap, seed_low, seed_high, threshold, kept_scale, first_head, all_heads) {
    wasm.attention_backward(q, k, v, key_mask, bias, dout, moments, dq, dk, dv, batch, queries, keys, heads, key_heads, dim, value_dim, causal, window, masked, biased, scale, soft_cap, seed_low, seed_high, threshold, kept_scale, first_head, all_heads);
}

/**
 * @param {number} q
 * @param {number} k
 * @param {number} v
 * @param {number} key_mask
 * @param {number} bias
 * @param {number} dout
 * @param {number} moments
 * @param {number} dbias
 * @param {number} batch
 * @param {number} queries
 * @param {number} keys
 * @param {number} heads
 * @param {number} key_heads
 * @param {number} dim
 * @param {number} value_dim
 * @param {number} causal
 * @param {number} window
 * @param {number} masked
 * @param {number} biased
 * @param {number} scale
 * @param {number} soft_cap
 * @param {number} seed_low
 * @param {number} seed_high
 * @param {number} threshold
 * @param {number} kept_scale
 * @param {number} first_head
 * @param {number} all_heads
 */
export function attention_bias_backward(q, k, v, key_mask, bias, dout, moments, dbias, batch, queries, keys, heads, key_heads, dim, value_dim, causal, window, masked, biased, scale, soft_cap, seed_low, seed_high, threshold, kept_scale, first_head, all_heads) {
    wasm.attention_bias_backward(q, k, v, key_mask, bias, dout, moments, dbias, batch, queries, keys, heads, key_heads, dim, value_dim, causal, window, masked, biased, scale, soft_cap, seed_low, seed_high, threshold, kept_scale, first_head, all_heads);
}

/**
 * @param {number} dout
 * @param {number} out
 * @param {number} lse
 * @param {number} moments
 * @param {number} batch
 * @param {number} queries
 * @param {number} heads
 * @param {number} value_dim
 */
export function attention_delta(dout, out, lse, moments, batch, queries, heads, value_dim) {
    wasm.attention_delta(dout, out, lse, moments, batch, queries, heads, value_dim);
}

/**
 * @param {number} grad
 * @param {number} blocks
 * @param {number} factors
 * @param {number} steps
 * @param {number} guard
 * @param {number} momentum
 * @param {number} partials
 * @param {number} params
 */
export function came_tile_sums(grad, blocks, factors, steps, guard, momentum, partials, params) {
    wasm.came_tile_sums(grad, blocks, factors, steps, guard, momentum, partials, params);
}

/**
 * @param {number} x
 * @param {number} out
 * @param {number} from_type
 * @param {number} to_type
 * @param {number} from_offset
 * @param {number} to_offset
 * @param {number} length
 */
export function cast(x, out, from_type, to_type, from_offset, to_offset, length) {
    wasm.cast(x, out, from_type, to_type, from_offset, to_offset, length);
}

/**
 * @param {number} condition
 * @param {number} a
 * @param {number} b
 * @param {number} out
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} dim4
 * @param {number} dim5
 * @param {number} condition_dims
 * @param {number} a_dims
 * @param {number} b_dims
 */
export function choose(condition, a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, condition_dims, a_dims, b_dims) {
    wasm.choose(condition, a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, condition_dims, a_dims, b_dims);
}

/**
 * @param {number} condition
 * @param {number} dy
 * @param {number} dx
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} dim4
 * @param {number} dim5
 * @param {number} condition_dims
 */
export function choose_backward_a(condition, dy, dx, dim0, dim1, dim2, dim3, dim4, dim5, condition_dims) {
    wasm.choose_backward_a(condition, dy, dx, dim0, dim1, dim2, dim3, dim4, dim5, condition_dims);
}

/**
 * @param {number} condition
 * @param {number} dy
 * @param {number} dx
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} dim4
 * @param {number} dim5
 * @param {number} condition_dims
 */
export function choose_backward_b(condition, dy, dx, dim0, dim1, dim2, dim3, dim4, dim5, condition_dims) {
    wasm.choose_backward_b(condition, dy, dx, dim0, dim1, dim2, dim3, dim4, dim5, condition_dims);
}

/**
 * @param {number} x
 * @param {number} out
 * @param {number} length
 * @param {number} low
 * @param {number} high
 */
export function clamp(x, out, length, low, high) {
    wasm.clamp(x, out, length, low, high);
}

/**
 * @param {number} x
 * @param {number} dy
 * @param {number} dx
 * @param {number} length
 * @param {number} low
 * @param {number} high
 */
export function clamp_backward(x, dy, dx, length, low, high) {
    wasm.clamp_backward(x, dy, dx, length, low, high);
}

/**
 * @param {number} x
 * @param {number} out
 * @param {number} rows
 * @param {number} cols
 * @param {number} accumulate
 */
export function column_sums(x, out, rows, cols, accumulate) {
    wasm.column_sums(x, out, rows, cols, accumulate);
}

/**
 * @param {number} x
 * @param {number} out
 * @param {number} rows
 * @param {number} cols
 * @param {number} from_stride
 * @param {number} from_offset
 * @param {number} to_stride
 * @param {number} to_offset
 */
export function copy_block(x, out, rows, cols, from_stride, from_offset, to_stride, to_offset) {
    wasm.copy_block(x, out, rows, cols, from_stride, from_offset, to_stride, to_offset);
}

/**
 * @param {number} a
 * @param {number} b
 * @param {number} out
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} dim4
 * @param {number} dim5
 * @param {number} a_dims
 * @param {number} b_dims
 */
export function div(a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims) {
    wasm.div(a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims);
}

/**
 * @param {number} b
 * @param {number} dy
 * @param {number} dx
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} dim4
 * @param {number} dim5
 * @param {number} b_dims
 */
export function div_backward_a(b, dy, dx, dim0, dim1, dim2, dim3, dim4, dim5, b_dims) {
    wasm.div_backward_a(b, dy, dx, dim0, dim1, dim2, dim3, dim4, dim5, b_dims);
}

/**
 * @param {number} a
 * @param {number} b
 * @param {number} dy
 * @param {number} dx
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} dim4
 * @param {number} dim5
 * @param {number} a_dims
 * @param {number} b_dims
 */
export function div_backward_b(a, b, dy, dx, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims) {
    wasm.div_backward_b(a, b, dy, dx, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims);
}

/**
 * @param {number} x
 * @param {number} out
 * @param {number} length
 * @param {number} cols
 * @param {number} row_length
 * @param {number} seed_low
 * @param {number} seed_high
 * @param {number} first
 * @param {number} threshold
 * @param {number} scale
 */
export function dropout(x, out, length, cols, row_length, seed_low, seed_high, first, threshold, scale) {
    wasm.dropout(x, out, length, cols, row_length, seed_low, seed_high, first, threshold, scale);
}

/**
 * @param {number} table
 * @param {number} indices
 * @param {number} out
 * @param {number} count
 * @param {number} width
 * @param {number} num_rows
 * @param {number} table_type
 */
export function embedding(table, indices, out, count, width, num_rows, table_type) {
    wasm.embedding(table, indices, out, count, width, num_rows, table_type);
}

/**
 * @param {number} indices
 * @param {number} dy
 * @param {number} dtable
 * @param {number} count
 * @param {number} width
 * @param {number} num_rows
 */
export function embedding_backward(indices, dy, dtable, count, width, num_rows) {
    wasm.embedding_backward(indices, dy, dtable, count, width, num_rows);
}

/**
 * @param {number} a
 * @param {number} b
 * @param {number} out
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} dim4
 * @param {number} dim5
 * @param {number} a_dims
 * @param {number} b_dims
 */
export function equal(a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims) {
    wasm.equal(a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims);
}

/**
 * @param {number} x
 * @param {number} out
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} dim4
 * @param {number} dim5
 * @param {number} x_dims
 */
export function expand(x, out, dim0, dim1, dim2, dim3, dim4, dim5, x_dims) {
    wasm.expand(x, out, dim0, dim1, dim2, dim3, dim4, dim5, x_dims);
}

/**
 * @param {number} out
 * @param {number} offset
 * @param {number} length
 * @param {number} value
 */
export function fill(out, offset, length, value) {
    wasm.fill(out, offset, length, value);
}

/**
 * @param {number} columns
 * @param {number} bias
 * @param {number} out
 * @param {number} first_image
 * @param {number} images
 * @param {number} channels
 * @param {number} height
 * @param {number} width
 * @param {number} kernel_height
 * @param {number} kernel_width
 * @param {number} out_height
 * @param {number} out_width
 * @param {number} stride_height
 * @param {number} stride_width
 * @param {number} padding_height
 * @param {number} padding_width
 * @param {number} dilation_height
 * @param {number} dilation_width
 * @param {number} bias_length
 */
export function fold(columns, bias, out, first_image, images, channels, height, width, kernel_height, kernel_width, out_height, out_width, stride_height, stride_width, padding_height, padding_width, dilation_height, dilation_width, bias_length) {
    wasm.fold(columns, bias, out, first_image, images, channels, height, width, kernel_height, kernel_width, out_height, out_width, stride_height, stride_width, padding_height, padding_width, dilation_height, dilation_width, bias_length);
}

/**
 * @param {number} x
 * @param {number} out
 * @param {number} rows
 * @param {number} cols
 */
export function fourier_features(x, out, rows, cols) {
    wasm.fourier_features(x, out, rows, cols);
}

/**
 * @param {number} y
 * @param {number} dy
 * @param {number} dx
 * @param {number} rows
 * @param {number} cols
 */
export function fourier_features_backward(y, dy, dx, rows, cols) {
    wasm.fourier_features_backward(y, dy, dx, rows, cols);
}

/**
 * @param {number} x
 * @param {number} indices
 * @param {number} out
 * @param {number} rows
 * @param {number} cols
 * @param {number} count
 */
export function gather_columns(x, indices, out, rows, cols, count) {
    wasm.gather_columns(x, indices, out, rows, cols, count);
}

/**
 * @param {number} indices
 * @param {number} dy
 * @param {number} dx
 * @param {number} rows
 * @param {number} cols
 * @param {number} count
 */
export function gather_columns_backward(indices, dy, dx, rows, cols, count) {
    wasm.gather_columns_backward(indices, dy, dx, rows, cols, count);
}

/**
 * @param {number} x
 * @param {number} out
 * @param {number} length
 */
export function gelu(x, out, length) {
    wasm.gelu(x, out, length);
}

/**
 * @param {number} x
 * @param {number} dy
 * @param {number} dx
 * @param {number} length
 */
export function gelu_backward(x, dy, dx, length) {
    wasm.gelu_backward(x, dy, dx, length);
}

/**
 * @param {number} x
 * @param {number} out
 * @param {number} length
 */
export function gelu_tanh(x, out, length) {
    wasm.gelu_tanh(x, out, length);
}

/**
 * @param {number} x
 * @param {number} dy
 * @param {number} dx
 * @param {number} length
 */
export function gelu_tanh_backward(x, dy, dx, length) {
    wasm.gelu_tanh_backward(x, dy, dx, length);
}

/**
 * @param {number} a
 * @param {number} b
 * @param {number} out
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} dim4
 * @param {number} dim5
 * @param {number} a_dims
 * @param {number} b_dims
 */
export function greater(a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims) {
    wasm.greater(a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims);
}

/**
 * @param {number} a
 * @param {number} b
 * @param {number} out
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} dim4
 * @param {number} dim5
 * @param {number} a_dims
 * @param {number} b_dims
 */
export function greater_equal(a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims) {
    wasm.greater_equal(a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims);
}

/**
 * @param {number} x
 * @param {number} out
 * @param {number} length
 */
export function hyperbolic_tangent(x, out, length) {
    wasm.hyperbolic_tangent(x, out, length);
}

/**
 * @param {number} x
 * @param {number} dy
 * @param {number} dx
 * @param {number} length
 */
export function hyperbolic_tangent_backward(x, dy, dx, length) {
    wasm.hyperbolic_tangent_backward(x, dy, dx, length);
}

/**
 * @param {number} starts
 * @param {number} sources
 * @param {number} x
 * @param {number} out
 * @param {number} count
 * @param {number} width
 * @param {number} num_rows
 */
export function index_add(starts, sources, x, out, count, width, num_rows) {
    wasm.index_add(starts, sources, x, out, count, width, num_rows);
}

/**
 * @param {number} x
 * @param {number} out
 * @param {number} length
 */
export function inverse_square_root(x, out, length) {
    wasm.inverse_square_root(x, out, length);
}

/**
 * @param {number} x
 * @param {number} dy
 * @param {number} dx
 * @param {number} length
 */
export function inverse_square_root_backward(x, dy, dx, length) {
    wasm.inverse_square_root_backward(x, dy, dx, length);
}

/**
 * @param {number} x
 * @param {number} out
 * @param {number} length
 * @param {number} slope
 */
export function leaky_relu(x, out, length, slope) {
    wasm.leaky_relu(x, out, length, slope);
}

/**
 * @param {number} x
 * @param {number} dy
 * @param {number} dx
 * @param {number} length
 * @param {number} slope
 */
export function leaky_relu_backward(x, dy, dx, length, slope) {
    wasm.leaky_relu_backward(x, dy, dx, length, slope);
}

/**
 * @param {number} a
 * @param {number} b
 * @param {number} out
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} dim4
 * @param {number} dim5
 * @param {number} a_dims
 * @param {number} b_dims
 */
export function less(a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims) {
    wasm.less(a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims);
}

/**
 * @param {number} a
 * @param {number} b
 * @param {number} out
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} dim4
 * @param {number} dim5
 * @param {number} a_dims
 * @param {number} b_dims
 */
export function less_equal(a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims) {
    wasm.less_equal(a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims);
}

/**
 * @param {number} a
 * @param {number} b
 * @param {number} out
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} dim4
 * @param {number} dim5
 * @param {number} a_dims
 * @param {number} b_dims
 */
export function logistic_loss(a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims) {
    wasm.logistic_loss(a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims);
}

/**
 * @param {number} a
 * @param {number} b
 * @param {number} dy
 * @param {number} dx
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} dim4
 * @param {number} dim5
 * @param {number} a_dims
 * @param {number} b_dims
 */
export function logistic_loss_backward_a(a, b, dy, dx, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims) {
    wasm.logistic_loss_backward_a(a, b, dy, dx, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims);
}

/**
 * @param {number} a
 * @param {number} dy
 * @param {number} dx
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} dim4
 * @param {number} dim5
 * @param {number} a_dims
 */
export function logistic_loss_backward_b(a, dy, dx, dim0, dim1, dim2, dim3, dim4, dim5, a_dims) {
    wasm.logistic_loss_backward_b(a, dy, dx, dim0, dim1, dim2, dim3, dim4, dim5, a_dims);
}

/**
 * @param {number} a
 * @param {number} b
 * @param {number} bias
 * @param {number} out
 * @param {number} a_from
 * @param {number} b_from
 * @param {number} out_from
 * @param {number} batch
 * @param {number} m
 * @param {number} n
 * @param {number} k
 * @param {number} row_begin
 * @param {number} row_end
 * @param {number} bias_length
 * @param {number} accumulate
 */
export function matmul_nn(a, b, bias, out, a_from, b_from, out_from, batch, m, n, k, row_begin, row_end, bias_length, accumulate) {
    wasm.matmul_nn(a, b, bias, out, a_from, b_from, out_from, batch, m, n, k, row_begin, row_end, bias_length, accumulate);
}

/**
 * @param {number} a
 * @param {number} b
 * @param {number} bias
 * @param {number} out
 * @param {number} a_from
 * @param {number} b_from
 * @param {number} out_from
 * @param {number} batch
 * @param {number} m
 * @param {number} n
 * @param {number} k
 * @param {number} row_begin
 * @param {number} row_end
 * @param {number} bias_length
 * @param {number} accumulate
 */
export function matmul_nt(a, b, bias, out, a_from, b_from, out_from, batch, m, n, k, row_begin, row_end, bias_length, accumulate) {
    wasm.matmul_nt(a, b, bias, out, a_from, b_from, out_from, batch, m, n, k, row_begin, row_end, bias_length, accumulate);
}

/**
 * @param {number} a
 * @param {number} b
 * @param {number} bias
 * @param {number} out
 * @param {number} a_from
 * @param {number} b_from
 * @param {number} out_from
 * @param {number} batch
 * @param {number} m
 * @param {number} n
 * @param {number} k
 * @param {number} row_begin
 * @param {number} row_end
 * @param {number} bias_length
 * @param {number} accumulate
 */
export function matmul_tn(a, b, bias, out, a_from, b_from, out_from, batch, m, n, k, row_begin, row_end, bias_length, accumulate) {
    wasm.matmul_tn(a, b, bias, out, a_from, b_from, out_from, batch, m, n, k, row_begin, row_end, bias_length, accumulate);
}

/**
 * @param {number} a
 * @param {number} b
 * @param {number} out
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} dim4
 * @param {number} dim5
 * @param {number} a_dims
 * @param {number} b_dims
 */
export function maximum(a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims) {
    wasm.maximum(a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims);
}

/**
 * @param {number} a
 * @param {number} b
 * @param {number} dy
 * @param {number} dx
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} dim4
 * @param {number} dim5
 * @param {number} a_dims
 * @param {number} b_dims
 */
export function maximum_backward_a(a, b, dy, dx, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims) {
    wasm.maximum_backward_a(a, b, dy, dx, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims);
}

/**
 * @param {number} a
 * @param {number} b
 * @param {number} dy
 * @param {number} dx
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} dim4
 * @param {number} dim5
 * @param {number} a_dims
 * @param {number} b_dims
 */
export function maximum_backward_b(a, b, dy, dx, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims) {
    wasm.maximum_backward_b(a, b, dy, dx, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims);
}

/**
 * @param {number} x
 * @param {number} sorted
 * @param {number} out
 * @param {number} rows
 * @param {number} cols
 * @param {number} run
 * @param {number} descending
 */
export function merge_runs(x, sorted, out, rows, cols, run, descending) {
    wasm.merge_runs(x, sorted, out, rows, cols, run, descending);
}

/**
 * @param {number} a
 * @param {number} b
 * @param {number} out
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} dim4
 * @param {number} dim5
 * @param {number} a_dims
 * @param {number} b_dims
 */
export function minimum(a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims) {
    wasm.minimum(a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims);
}

/**
 * @param {number} a
 * @param {number} b
 * @param {number} dy
 * @param {number} dx
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} dim4
 * @param {number} dim5
 * @param {number} a_dims
 * @param {number} b_dims
 */
export function minimum_backward_a(a, b, dy, dx, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims) {
    wasm.maximum_backward_b(a, b, dy, dx, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims);
}

/**
 * @param {number} a
 * @param {number} b
 * @param {number} dy
 * @param {number} dx
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} dim4
 * @param {number} dim5
 * @param {number} a_dims
 * @param {number} b_dims
 */
export function minimum_backward_b(a, b, dy, dx, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims) {
    wasm.maximum_backward_a(a, b, dy, dx, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims);
}

/**
 * @param {number} a
 * @param {number} b
 * @param {number} out
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} dim4
 * @param {number} dim5
 * @param {number} a_dims
 * @param {number} b_dims
 */
export function mul(a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims) {
    wasm.mul(a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims);
}

/**
 * @param {number} x
 * @param {number} out
 * @param {number} length
 */
export function natural_exp(x, out, length) {
    wasm.natural_exp(x, out, length);
}

/**
 * @param {number} x
 * @param {number} dy
 * @param {number} dx
 * @param {number} length
 */
export function natural_exp_backward(x, dy, dx, length) {
    wasm.natural_exp_backward(x, dy, dx, length);
}

/**
 * @param {number} x
 * @param {number} out
 * @param {number} length
 */
export function natural_log(x, out, length) {
    wasm.natural_log(x, out, length);
}

/**
 * @param {number} x
 * @param {number} dy
 * @param {number} dx
 * @param {number} length
 */
export function natural_log_backward(x, dy, dx, length) {
    wasm.natural_log_backward(x, dy, dx, length);
}

/**
 * @param {number} x
 * @param {number} out
 * @param {number} length
 */
export function neg(x, out, length) {
    wasm.neg(x, out, length);
}

/**
 * @param {number} x
 * @param {number} weight
 * @param {number} bias
 * @param {number} out
 * @param {number} moments
 * @param {number} rows
 * @param {number} cols
 * @param {number} bias_length
 * @param {number} eps
 * @param {number} centred
 * @param {number} offset
 */
export function norm(x, weight, bias, out, moments, rows, cols, bias_length, eps, centred, offset) {
    wasm.norm(x, weight, bias, out, moments, rows, cols, bias_length, eps, centred, offset);
}

/**
 * @param {number} x
 * @param {number} weight
 * @param {number} dy
 * @param {number} moments
 * @param {number} dx
 * @param {number} rows
 * @param {number} cols
 * @param {number} centred
 * @param {number} offset
 */
export function norm_backward(x, weight, dy, moments, dx, rows, cols, centred, offset) {
    wasm.norm_backward(x, weight, dy, moments, dx, rows, cols, centred, offset);
}

/**
 * @param {number} x
 * @param {number} dy
 * @param {number} moments
 * @param {number} dweight
 * @param {number} rows
 * @param {number} cols
 */
export function norm_weight_backward(x, dy, moments, dweight, rows, cols) {
    wasm.norm_weight_backward(x, dy, moments, dweight, rows, cols);
}

/**
 * @param {number} x
 * @param {number} out
 * @param {number} rows
 * @param {number} cols
 * @param {number} eps
 */
export function normalize_sums(x, out, rows, cols, eps) {
    wasm.normalize_sums(x, out, rows, cols, eps);
}

/**
 * @param {number} x
 * @param {number} dy
 * @param {number} dx
 * @param {number} rows
 * @param {number} cols
 * @param {number} eps
 */
export function normalize_sums_backward(x, dy, dx, rows, cols, eps) {
    wasm.normalize_sums_backward(x, dy, dx, rows, cols, eps);
}

/**
 * @param {number} a
 * @param {number} b
 * @param {number} out
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} dim4
 * @param {number} dim5
 * @param {number} a_dims
 * @param {number} b_dims
 */
export function not_equal(a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims) {
    wasm.not_equal(a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims);
}

/**
 * @param {number} x
 * @param {number} out
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} stride0
 * @param {number} stride1
 * @param {number} stride2
 * @param {number} stride3
 */
export function permute(x, out, dim0, dim1, dim2, dim3, stride0, stride1, stride2, stride3) {
    wasm.permute(x, out, dim0, dim1, dim2, dim3, stride0, stride1, stride2, stride3);
}

/**
 * Frees memory from `allocate(bytes)`.
 * @param {number} pointer
 * @param {number} bytes
 */
export function release(pointer, bytes) {
    wasm.release(pointer, bytes);
}

/**
 * @param {number} x
 * @param {number} out
 * @param {number} length
 */
export function relu(x, out, length) {
    wasm.relu(x, out, length);
}

/**
 * @param {number} x
 * @param {number} dy
 * @param {number} dx
 * @param {number} length
 */
export function relu_backward(x, dy, dx, length) {
    wasm.relu_backward(x, dy, dx, length);
}

/**
 * @param {number} x
 * @param {number} cos
 * @param {number} sin
 * @param {number} out
 * @param {number} rows
 * @param {number} heads
 * @param {number} positions
 * @param {number} dim
 * @param {number} rotary_begin
 * @param {number} rotary_dim
 * @param {number} interleaved
 * @param {number} sign
 */
export function rotary(x, cos, sin, out, rows, heads, positions, dim, rotary_begin, rotary_dim, interleaved, sign) {
    wasm.rotary(x, cos, sin, out, rows, heads, positions, dim, rotary_begin, rotary_dim, interleaved, sign);
}

/**
 * @param {number} x
 * @param {number} values
 * @param {number} indices
 * @param {number} rows
 * @param {number} cols
 * @param {number} smallest
 */
export function row_extremes(x, values, indices, rows, cols, smallest) {
    wasm.row_extremes(x, values, indices, rows, cols, smallest);
}

/**
 * @param {number} x
 * @param {number} out
 * @param {number} rows
 * @param {number} cols
 * @param {number} accumulate
 */
export function row_sums(x, out, rows, cols, accumulate) {
    wasm.row_sums(x, out, rows, cols, accumulate);
}

/**
 * @param {number} x
 * @param {number} out
 * @param {number} rows
 * @param {number} cols
 * @param {number} backwards
 */
export function running_sums(x, out, rows, cols, backwards) {
    wasm.running_sums(x, out, rows, cols, backwards);
}

/**
 * @param {number} x
 * @param {number} out
 * @param {number} length
 * @param {number} factor
 */
export function scale(x, out, length, factor) {
    wasm.scale(x, out, length, factor);
}

/**
 * @param {number} x
 * @param {number} out
 * @param {number} length
 */
export function sigmoid(x, out, length) {
    wasm.sigmoid(x, out, length);
}

/**
 * @param {number} x
 * @param {number} dy
 * @param {number} dx
 * @param {number} length
 */
export function sigmoid_backward(x, dy, dx, length) {
    wasm.sigmoid_backward(x, dy, dx, length);
}

/**
 * @param {number} x
 * @param {number} out
 * @param {number} length
 */
export function silu(x, out, length) {
    wasm.silu(x, out, length);
}

/**
 * @param {number} x
 * @param {number} dy
 * @param {number} dx
 * @param {number} length
 */
export function silu_backward(x, dy, dx, length) {
    wasm.silu_backward(x, dy, dx, length);
}

/**
 * @param {number} a
 * @param {number} b
 * @param {number} out
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} dim4
 * @param {number} dim5
 * @param {number} a_dims
 * @param {number} b_dims
 * @param {number} beta
 */
export function smooth_l1(a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims, beta) {
    wasm.smooth_l1(a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims, beta);
}

/**
 * @param {number} a
 * @param {number} b
 * @param {number} dy
 * @param {number} dx
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} dim4
 * @param {number} dim5
 * @param {number} a_dims
 * @param {number} b_dims
 * @param {number} beta
 */
export function smooth_l1_backward_a(a, b, dy, dx, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims, beta) {
    wasm.smooth_l1_backward_a(a, b, dy, dx, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims, beta);
}

/**
 * @param {number} x
 * @param {number} out
 * @param {number} rows
 * @param {number} cols
 */
export function softmax(x, out, rows, cols) {
    wasm.softmax(x, out, rows, cols);
}

/**
 * @param {number} y
 * @param {number} dy
 * @param {number} dx
 * @param {number} rows
 * @param {number} cols
 */
export function softmax_backward(y, dy, dx, rows, cols) {
    wasm.softmax_backward(y, dy, dx, rows, cols);
}

/**
 * @param {number} logits
 * @param {number} targets
 * @param {number} losses
 * @param {number} dlogits
 * @param {number} rows
 * @param {number} cols
 * @param {number} grad_scale
 * @param {number} ignored
 */
export function softmax_cross_entropy(logits, targets, losses, dlogits, rows, cols, grad_scale, ignored) {
    wasm.softmax_cross_entropy(logits, targets, losses, dlogits, rows, cols, grad_scale, ignored);
}

/**
 * @param {number} x
 * @param {number} out
 * @param {number} length
 */
export function softplus(x, out, length) {
    wasm.softplus(x, out, length);
}

/**
 * @param {number} x
 * @param {number} dy
 * @param {number} dx
 * @param {number} length
 */
export function softplus_backward(x, dy, dx, length) {
    wasm.softplus_backward(x, dy, dx, length);
}

/**
 * @param {number} statistics
 * @param {number} targets
 * @param {number} losses
 * @param {number} dlogits
 * @param {number} rows
 * @param {number} cols
 * @param {number} first_class
 * @param {number} num_classes
 * @param {number} rank
 * @param {number} ranks
 * @param {number} grad_scale
 * @param {number} ignored
 */
export function split_cross_entropy(statistics, targets, losses, dlogits, rows, cols, first_class, num_classes, rank, ranks, grad_scale, ignored) {
    wasm.split_cross_entropy(statistics, targets, losses, dlogits, rows, cols, first_class, num_classes, rank, ranks, grad_scale, ignored);
}

/**
 * @param {number} logits
 * @param {number} targets
 * @param {number} exps
 * @param {number} statistics
 * @param {number} rows
 * @param {number} cols
 * @param {number} first_class
 * @param {number} num_classes
 */
export function split_softmax(logits, targets, exps, statistics, rows, cols, first_class, num_classes) {
    wasm.split_softmax(logits, targets, exps, statistics, rows, cols, first_class, num_classes);
}

/**
 * @param {number} x
 * @param {number} out
 * @param {number} length
 */
export function square_root(x, out, length) {
    wasm.square_root(x, out, length);
}

/**
 * @param {number} x
 * @param {number} dy
 * @param {number} dx
 * @param {number} length
 */
export function square_root_backward(x, dy, dx, length) {
    wasm.square_root_backward(x, dy, dx, length);
}

/**
 * @param {number} a
 * @param {number} b
 * @param {number} out
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} dim4
 * @param {number} dim5
 * @param {number} a_dims
 * @param {number} b_dims
 */
export function squared_error(a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims) {
    wasm.squared_error(a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims);
}

/**
 * @param {number} a
 * @param {number} b
 * @param {number} dy
 * @param {number} dx
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} dim4
 * @param {number} dim5
 * @param {number} a_dims
 * @param {number} b_dims
 */
export function squared_error_backward_a(a, b, dy, dx, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims) {
    wasm.squared_error_backward_a(a, b, dy, dx, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims);
}

/**
 * @param {number} a
 * @param {number} b
 * @param {number} out
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} dim4
 * @param {number} dim5
 * @param {number} a_dims
 * @param {number} b_dims
 */
export function sub(a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims) {
    wasm.sub(a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims);
}

/**
 * @param {number} a
 * @param {number} b
 * @param {number} out
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} dim4
 * @param {number} dim5
 * @param {number} a_dims
 * @param {number} b_dims
 */
export function to_power(a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims) {
    wasm.to_power(a, b, out, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims);
}

/**
 * @param {number} a
 * @param {number} b
 * @param {number} dy
 * @param {number} dx
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} dim4
 * @param {number} dim5
 * @param {number} a_dims
 * @param {number} b_dims
 */
export function to_power_backward_a(a, b, dy, dx, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims) {
    wasm.to_power_backward_a(a, b, dy, dx, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims);
}

/**
 * @param {number} a
 * @param {number} b
 * @param {number} dy
 * @param {number} dx
 * @param {number} dim0
 * @param {number} dim1
 * @param {number} dim2
 * @param {number} dim3
 * @param {number} dim4
 * @param {number} dim5
 * @param {number} a_dims
 * @param {number} b_dims
 */
export function to_power_backward_b(a, b, dy, dx, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims) {
    wasm.to_power_backward_b(a, b, dy, dx, dim0, dim1, dim2, dim3, dim4, dim5, a_dims, b_dims);
}

/**
 * @param {number} x
 * @param {number} indices
 * @param {number} rows
 * @param {number} cols
 * @param {number} count
 */
export function top_k(x, indices, rows, cols, count) {
    wasm.top_k(x, indices, rows, cols, count);
}

/**
 * @param {number} x
 * @param {number} columns
 * @param {number} first_image
 * @param {number} images
 * @param {number} channels
 * @param {number} height
 * @param {number} width
 * @param {number} kernel_height
 * @param {number} kernel_width
 * @param {number} out_height
 * @param {number} out_width
 * @param {number} stride_height
 * @param {number} stride_width
 * @param {number} padding_height
 * @param {number} padding_width
 * @param {number} dilation_height
 * @param {number} dilation_width
 */
export function unfold(x, columns, first_image, images, channels, height, width, kernel_height, kernel_width, out_height, out_width, stride_height, stride_width, padding_height, padding_width, dilation_height, dilation_width) {
    wasm.unfold(x, columns, first_image, images, channels, height, width, kernel_height, kernel_width, out_height, out_width, stride_height, stride_width, padding_height, padding_width, dilation_height, dilation_width);
}
export function __wbg___wbindgen_throw_be289d5034ed271b(arg0, arg1) {
    throw new Error(getStringFromWasm0(arg0, arg1));
}
function getStringFromWasm0(ptr, len) {
    ptr = ptr >>> 0;
    return decodeText(ptr, len);
}

let cachedUint8ArrayMemory0 = null;
function getUint8ArrayMemory0() {
    if (cachedUint8ArrayMemory0 === null || cachedUint8ArrayMemory0.byteLength === 0) {
        cachedUint8ArrayMemory0 = new Uint8Array(wasm.memory.buffer);
    }
    return cachedUint8ArrayMemory0;
}

let cachedTextDecoder = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });
cachedTextDecoder.decode();
const MAX_SAFARI_DECODE_BYTES = 2146435072;
let numBytesDecoded = 0;
function decodeText(ptr, len) {
    numBytesDecoded += len;
    if (numBytesDecoded >= MAX_SAFARI_DECODE_BYTES) {
        cachedTextDecoder = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });
        cachedTextDecoder.decode();
        numBytesDecoded = len;
    }
    return cachedTextDecoder.decode(getUint8ArrayMemory0().subarray(ptr, ptr + len));
}


let wasm;
export function __wbg_set_wasm(val) {
    wasm = val;
}
