// columns[c, i, j, b, oy, ox] = x[firstImage + b, c, oy strideHeight + i dilationHeight - paddingHeight, ox ...], 0 outside.
// A workgroup does 1024 elements, four per invocation and 256 apart, so that neighbours write neighbours.

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let places = params.images * params.outHeight * params.outWidth;
  let length = params.channels * params.kernelHeight * params.kernelWidth * places;
  let first = (group.y * groups.x + group.x) * 1024u + lane;
  for (var k = 0u; k < 4u; k++) { // unroll
    let at = first + k * 256u;
    if (at < length) {
      let row = at / places;
      let place = at % places;
      let c = row / params.kernelWidth / params.kernelHeight;
      let i = row / params.kernelWidth % params.kernelHeight;
      let j = row % params.kernelWidth;
      let b = place / params.outWidth / params.outHeight;
      let oy = place / params.outWidth % params.outHeight;
      let ox = place % params.outWidth;
      // Above or to the left of the image these wrap around, beyond its other end.
      let iy = oy * params.strideHeight + i * params.dilationHeight - params.paddingHeight;
      let ix = ox * params.strideWidth + j * params.dilationWidth - params.paddingWidth;
      var value = 0.0;
      if (iy < params.height && ix < params.width) {
        let plane = (params.firstImage + b) * params.channels + c;
        value = x[(plane * params.height + iy) * params.width + ix];
      }
      columns[at] = value;
    }
  }
}
