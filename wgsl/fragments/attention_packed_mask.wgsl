// The mask of keys and the biases by distance as attention_pack.wgsl writes them to `scratch`.

fn keyMaskAt(index: u32) -> u32 {
  return scratch[index];
}

fn biasAt(index: u32) -> f32 {
  return bitcast<f32>(scratch[params.masked * params.batch * params.keys + index]);
}
