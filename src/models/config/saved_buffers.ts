// Tensors of old files that are no parameters: tables and masks that a model computes, and versions of formats.

const BUFFERS = [
  /(^|\.)rotary_emb\.(inv_freq|original_inv_freq|long_inv_freq|cos_cached|sin_cached)$/,
  /(^|\.)(self_attn|attn|attention)\.(masked_)?bias$/,
  /(^|\.)(decoder|encoder)\.version$/,
  /(^|\.)embeddings\.(position_ids|token_type_ids)$/,
  /(^|\.)num_batches_tracked$/,
];

/** Whether a tensor is known as computed or meaningless, whatever the family. */
export function isSavedBuffer(name: string): boolean {
  return BUFFERS.some((each) => each.test(name));
}
