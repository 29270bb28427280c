// out[firstImage + b, c, y, x] = bias[c] + the sum of columns[c, i, j, b, oy, ox] over all i, j that have a place oy, ox with
//   y = oy strideHeight + i dilationHeight - paddingHeight,  x = ox strideWidth + j dilationWidth - paddingWidth
// An invocation adds all terms of an element, in the order of i and j, so nothing is added atomically.
// A workgroup does 1024 elements, four per invocation and 256 apart, so that neighbours write neighbours.

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let length = params.images * params.channels * params.height * params.width;
  let first = (group.y * groups.x + group.x) * 1024u + lane;
  for (var k = 0u; k < 4u; k++) { // unroll
    let at = first + k * 256u;
    if (at < length) {
      let ix = at % params.width;
      let iy = at / params.width % params.height;
      let c = at / params.width / params.height % params.channels;
      let b = at / params.width / params.height / params.channels;
      var sum = 0.0;
      if (params.biasLength != 0u) {
        sum = bias[c];
      }
      for (var i = 0u; i < params.kernelHeight; i++) {
        // Where i begins below y this wraps around, beyond every place.
        let down = iy + params.paddingHeight - i * params.dilationHeight;
        let oy = down / params.strideHeight;
        if (down % params.strideHeight != 0u || oy >= params.outHeight) {
          continue;
        }
        for (var j = 0u; j < params.kernelWidth; j++) {
          let across = ix + params.paddingWidth - j * params.dilationWidth;
          let ox = across / params.strideWidth;
          if (across % params.strideWidth == 0u && ox < params.outWidth) {
            let row = (c * params.kernelHeight + i) * params.kernelWidth + j;
            sum += columns[((row * params.images + b) * params.outHeight + oy) * params.outWidth + ox];
          }
        }
      }
      out[params.firstImage * params.channels * params.height * params.width + at] = sum;
    }
  }
}
