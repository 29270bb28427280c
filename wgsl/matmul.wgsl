// out[m, n] (+)= a b + bias[n] for each of a batch, tiled: for matmul_nn, matmul_nt and matmul_tn.
//
// A workgroup of 16 x 16 makes a 64 x 64 tile of `out`, 4 x 4 per invocation, from panels of a and b in workgroup memory
// that are 16 deep: each loaded value serves 64 products. Panels are stored depth first and 17 vectors apart (not
// 16), so that writing one across does not hit the same bank. Outside the matrices a panel holds zeros.

// The memory order of a and b: true where neighbours in memory are neighbours along k.
override aAlongK: bool;
override bAlongK: bool;

var<workgroup> aPanel: array<vec4f, 272>;
var<workgroup> bPanel: array<vec4f, 272>;

@compute @workgroup_size(16, 16)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tilesAcross = (params.n + 63u) / 64u;
  let perMatrix = tilesAcross * ((params.rowEnd - params.rowBegin + 63u) / 64u);
  let batch = (group.y * groups.x + group.x) / perMatrix;
  let tile = (group.y * groups.x + group.x) % perMatrix;
  let aFrom = params.aFrom + batch * params.m * params.k;
  let bFrom = params.bFrom + batch * params.k * params.n;
  let outFrom = params.outFrom + batch * params.m * params.n;
  let rowFirst = params.rowBegin + tile / tilesAcross * 64u;
  let colFirst = tile % tilesAcross * 64u;
  if (batch >= params.batch) {
    return;
  }
  let rowLane = lane / 16u;
  let colLane = lane % 16u;

  var sum0 = vec4f();
  var sum1 = vec4f();
  var sum2 = vec4f();
  var sum3 = vec4f();
  for (var depth = 0u; depth < params.k; depth += 16u) {
    for (var j = 0u; j < 4u; j++) { // unroll
      let e = j * 256u + lane;

      let aLine = select(e % 64u, e / 16u, aAlongK);
      let aDeep = select(e / 64u, e % 16u, aAlongK);
      let row = rowFirst + aLine;
      let aK = depth + aDeep;
      var aValue = 0.0;
      if (row < params.rowEnd && aK < params.k) {
        aValue = a[aFrom + select(aK * params.m + row, row * params.k + aK, aAlongK)];
      }
      aPanel[aDeep * 17u + aLine / 4u][aLine % 4u] = aValue;

      let bLine = select(e % 64u, e / 16u, bAlongK);
      let bDeep = select(e / 64u, e % 16u, bAlongK);
      let col = colFirst + bLine;
      let bK = depth + bDeep;
      var bValue = 0.0;
      if (col < params.n && bK < params.k) {
        bValue = b[bFrom + select(bK * params.n + col, col * params.k + bK, bAlongK)];
      }
      bPanel[bDeep * 17u + bLine / 4u][bLine % 4u] = bValue;
    }
    workgroupBarrier();
    for (var j = 0u; j < 16u; j++) { // unroll
      let x = aPanel[j * 17u + rowLane];
      let y = bPanel[j * 17u + colLane];
      sum0 = fma(vec4f(x.x), y, sum0);
      sum1 = fma(vec4f(x.y), y, sum1);
      sum2 = fma(vec4f(x.z), y, sum2);
      sum3 = fma(vec4f(x.w), y, sum3);
    }
    workgroupBarrier();
  }

  let sums = array<vec4f, 4>(sum0, sum1, sum2, sum3);
  var biases = vec4f();
  if (params.biasLength != 0u) {
    for (var j = 0u; j < 4u; j++) { // unroll
      biases[j] = bias[min(colFirst + colLane * 4u + j, params.n - 1u)];
    }
  }
  for (var i = 0u; i < 4u; i++) { // unroll
    let row = rowFirst + rowLane * 4u + i;
    for (var j = 0u; j < 4u; j++) { // unroll
      let col = colFirst + colLane * 4u + j;
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
