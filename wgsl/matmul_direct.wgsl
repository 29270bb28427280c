// out[m, n] (+)= a b + bias[n] for each of a batch as in matmul.wgsl, for adapters that run on the CPU: there a barrier costs
// more than the loads it saves, so every invocation makes a block of 8 rows x 4 columns from registers alone.
// Rows and columns past the end read the last one again, and are not written.

// The memory order of a and b: true where neighbours in memory are neighbours along k.
override aAlongK: bool;
override bAlongK: bool;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let blocksAcross = (params.n + 3u) / 4u;
  let perMatrix = blocksAcross * ((params.rowEnd - params.rowBegin + 7u) / 8u);
  let batch = ((group.y * groups.x + group.x) * 64u + lane) / perMatrix;
  let block = ((group.y * groups.x + group.x) * 64u + lane) % perMatrix;
  let outFrom = params.outFrom + batch * params.m * params.n;
  let rowFirst = params.rowBegin + block / blocksAcross * 8u;
  let colFirst = block % blocksAcross * 4u;
  if (batch >= params.batch) {
    return;
  }

  // a[row, k] is at aStart + k aStep, b[k, col] at bStart + k bStep.
  let aStep = select(params.m, 1u, aAlongK);
  let bStep = select(params.n, 1u, bAlongK);
  let aRow = select(1u, params.k, aAlongK);
  let bCol = select(1u, params.k, bAlongK);
  var aAt = array<u32, 8>();
  var bAt = array<u32, 4>();
  var sums = array<vec4f, 8>();
  for (var i = 0u; i < 8u; i++) { // unroll
    aAt[i] = params.aFrom + batch * params.m * params.k + min(rowFirst + i, params.rowEnd - 1u) * aRow;
  }
  for (var j = 0u; j < 4u; j++) { // unroll
    bAt[j] = params.bFrom + batch * params.k * params.n + min(colFirst + j, params.n - 1u) * bCol;
  }
  for (var k = 0u; k < params.k; k++) {
    let y = vec4f(b[bAt[0]], b[bAt[1]], b[bAt[2]], b[bAt[3]]);
    for (var i = 0u; i < 8u; i++) { // unroll
      sums[i] = fma(vec4f(a[aAt[i]]), y, sums[i]);
      aAt[i] += aStep;
    }
    for (var j = 0u; j < 4u; j++) { // unroll
      bAt[j] += bStep;
    }
  }

  var biases = vec4f();
  if (params.biasLength != 0u) {
    for (var j = 0u; j < 4u; j++) { // unroll
      biases[j] = bias[min(colFirst + j, params.n - 1u)];
    }
  }
  for (var i = 0u; i < 8u; i++) { // unroll
    let row = rowFirst + i;
    for (var j = 0u; j < 4u; j++) { // unroll
      let col = colFirst + j;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[i][j] + biases[j];
        if (params.accumulate != 0u) {
          value += out[outFrom + row * params.n + col];
        }
        out[outFrom + row * params.n + col] = value;
      }
    }
  }
}
