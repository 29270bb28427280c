// Every kernel's reference by the kernel's name.

import type { KernelName } from "../../src/device/kernels.ts";
import * as activations from "./activations.ts";
import * as blocks from "./adafactor_blocks.ts";
import * as tiles from "./adafactor_tiles.ts";
import * as attention from "./attention.ts";
import { accumulateCast, cast } from "./cast.ts";
import { dropout } from "./dropout.ts";
import * as elementwise from "./elementwise.ts";
import { embedding, embeddingBackward } from "./embedding.ts";
import { gelu, geluBackward } from "./gelu.ts";
import { matmulNn, matmulNt, matmulTn } from "./matmul.ts";
import { norm, normBackward, normWeightBackward } from "./norm.ts";
import { permute } from "./permute.ts";
import type { Reference } from "./reference.ts";
import { rotary } from "./rotary.ts";
import { softmax, softmaxBackward } from "./softmax.ts";
import { softmaxCrossEntropy } from "./softmax_cross_entropy.ts";
import { splitCrossEntropy, splitSoftmax } from "./split_cross_entropy.ts";
import { columnSums, rowSums } from "./sums.ts";

export const references: { readonly [K in KernelName]: Reference<K> } = {
  matmul_nn: matmulNn,
  matmul_nt: matmulNt,
  matmul_tn: matmulTn,
  add: elementwise.add,
  mul: elementwise.mul,
  add_bias: elementwise.addBias,
  scale: elementwise.scale,
  scale_by: elementwise.scaleBy,
  accumulate: elementwise.accumulate,
  fill: elementwise.fill,
  cast,
  accumulate_cast: accumulateCast,
  copy_block: elementwise.copyBlock,
  gelu,
  gelu_backward: geluBackward,
  relu: activations.relu,
  relu_backward: activations.reluBackward,
  silu: activations.silu,
  silu_backward: activations.siluBackward,
  gelu_tanh: activations.geluTanh,
  gelu_tanh_backward: activations.geluTanhBackward,
  hyperbolic_tangent: activations.hyperbolicTangent,
  hyperbolic_tangent_backward: activations.hyperbolicTangentBackward,
  norm,
  norm_backward: normBackward,
  norm_weight_backward: normWeightBackward,
  rotary,
  permute,
  dropout,
  embedding,
  embedding_backward: embeddingBackward,
  softmax,
  softmax_backward: softmaxBackward,
  attention: attention.attention,
  attention_delta: attention.attentionDelta,
  attention_backward: attention.attentionBackward,
  attention_bias_backward: attention.attentionBiasBackward,
  softmax_cross_entropy: softmaxCrossEntropy,
  split_softmax: splitSoftmax,
  split_cross_entropy: splitCrossEntropy,
  row_sums: rowSums,
  column_sums: columnSums,
  adafactor_tile_sums: tiles.adafactorTileSums,
  adafactor_join_sums: blocks.adafactorJoinSums,
  adafactor_join_scalar: blocks.adafactorJoinScalar,
  adafactor_tile_params: tiles.adafactorTileParams,
  adafactor_scale_gradients: blocks.adafactorScaleGradients,
  adafactor_averages: blocks.adafactorAverages,
  adafactor_tile_updates: tiles.adafactorTileUpdates,
  adafactor_step_sizes: blocks.adafactorStepSizes,
  adafactor_step: tiles.adafactorStep,
  adafactor_step_momentum: tiles.adafactorStepMomentum,
  adafactor_tile_momentum: tiles.adafactorTileMomentum,
  adafactor_step_cautious: tiles.adafactorStepCautious,
  came_tile_sums: tiles.cameTileSums,
};
