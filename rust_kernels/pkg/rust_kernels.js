/* @ts-self-types="./rust_kernels.d.ts" */

import * as wasm from "./rust_kernels_bg.wasm";
import { __wbg_set_wasm } from "./rust_kernels_bg.js";
__wbg_set_wasm(wasm);

export {
    accumulate, accumulate_cast, adafactor_averages, adafactor_join_scalar, adafactor_join_sums, adafactor_scale_gradients, adafactor_step, adafactor_step_cautious, adafactor_step_momentum, adafactor_step_sizes, adafactor_tile_momentum, adafactor_tile_params, adafactor_tile_sums, adafactor_tile_updates, adamw_step, add, add_bias, allocate, attention, attention_backward, attention_bias_backward, attention_delta, came_tile_sums, cast, column_sums, copy_block, dropout, embedding, embedding_backward, fill, fold, fourier_features, fourier_features_backward, gather_columns, gather_columns_backward, gelu, gelu_backward, gelu_tanh, gelu_tanh_backward, hyperbolic_tangent, hyperbolic_tangent_backward, index_add, matmul_nn, matmul_nt, matmul_tn, mul, norm, norm_backward, norm_weight_backward, normalize_sums, normalize_sums_backward, permute, release, relu, relu_backward, rotary, row_sums, scale, scale_by, silu, silu_backward, softmax, softmax_backward, softmax_cross_entropy, split_cross_entropy, split_softmax, top_k, unfold
} from "./rust_kernels_bg.js";
