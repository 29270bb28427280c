// Generated from wgsl/*.wgsl by `deno task wgsl`: do not edit.
// deno-fmt-ignore-file

/** WGSL text by file stem. */
export const wgslSources = {
  accumulate: `
struct Params {
  length: u32,
  factor: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
{
    let i = first + 0u * 256u;
    if (i < params.length) {
      out[i] += params.factor * x[i];
    }
}
{
    let i = first + 1u * 256u;
    if (i < params.length) {
      out[i] += params.factor * x[i];
    }
}
{
    let i = first + 2u * 256u;
    if (i < params.length) {
      out[i] += params.factor * x[i];
    }
}
{
    let i = first + 3u * 256u;
    if (i < params.length) {
      out[i] += params.factor * x[i];
    }
}
}
`,
  activation: `
fn expAccurate(exponent: f32) -> f32 {
  let x = clamp(exponent, -104.0, 89.0);
  let n = round(x * 1.44269504);
  let r = fma(n, 2.12194440e-4, fma(n, -0.693359375, x));
  var p = 1.3888889e-3;
  p = fma(p, r, 8.3333333e-3);
  p = fma(p, r, 4.1666667e-2);
  p = fma(p, r, 0.16666667);
  p = fma(p, r, 0.5);
  p = fma(p, r, 1.0);
  p = fma(p, r, 1.0);
  let half = i32(n) / 2;
  return p * powerOfTwo(half) * powerOfTwo(i32(n) - half);
}
fn powerOfTwo(n: i32) -> f32 {
  return bitcast<f32>((n + 127) << 23u);
}
fn logistic(z: f32) -> f32 {
  return 1.0 / (1.0 + expAccurate(-z));
}
override which: u32;
struct Params {
  length: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
{
    let i = first + 0u * 256u;
    if (i < params.length) {
      out[i] = activation(x[i]);
    }
}
{
    let i = first + 1u * 256u;
    if (i < params.length) {
      out[i] = activation(x[i]);
    }
}
{
    let i = first + 2u * 256u;
    if (i < params.length) {
      out[i] = activation(x[i]);
    }
}
{
    let i = first + 3u * 256u;
    if (i < params.length) {
      out[i] = activation(x[i]);
    }
}
}
fn activation(x: f32) -> f32 {
  switch which {
    case 0u: {
      return max(x, 0.0);
    }
    case 1u: {
      return x * logistic(x);
    }
    case 2u: {
      return x * logistic(1.5957691 * (x + 0.044715 * x * x * x));
    }
    default: {
      return 2.0 * logistic(2.0 * x) - 1.0;
    }
  }
}
`,
  activation_backward: `
fn expAccurate(exponent: f32) -> f32 {
  let x = clamp(exponent, -104.0, 89.0);
  let n = round(x * 1.44269504);
  let r = fma(n, 2.12194440e-4, fma(n, -0.693359375, x));
  var p = 1.3888889e-3;
  p = fma(p, r, 8.3333333e-3);
  p = fma(p, r, 4.1666667e-2);
  p = fma(p, r, 0.16666667);
  p = fma(p, r, 0.5);
  p = fma(p, r, 1.0);
  p = fma(p, r, 1.0);
  let half = i32(n) / 2;
  return p * powerOfTwo(half) * powerOfTwo(i32(n) - half);
}
fn powerOfTwo(n: i32) -> f32 {
  return bitcast<f32>((n + 127) << 23u);
}
fn logistic(z: f32) -> f32 {
  return 1.0 / (1.0 + expAccurate(-z));
}
override which: u32;
struct Params {
  length: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
{
    let i = first + 0u * 256u;
    if (i < params.length) {
      dx[i] = dy[i] * derivative(x[i]);
    }
}
{
    let i = first + 1u * 256u;
    if (i < params.length) {
      dx[i] = dy[i] * derivative(x[i]);
    }
}
{
    let i = first + 2u * 256u;
    if (i < params.length) {
      dx[i] = dy[i] * derivative(x[i]);
    }
}
{
    let i = first + 3u * 256u;
    if (i < params.length) {
      dx[i] = dy[i] * derivative(x[i]);
    }
}
}
fn derivative(x: f32) -> f32 {
  switch which {
    case 0u: {
      return select(0.0, 1.0, x > 0.0);
    }
    case 1u: {
      let s = logistic(x);
      return s * (1.0 + x * (1.0 - s));
    }
    case 2u: {
      let s = logistic(1.5957691 * (x + 0.044715 * x * x * x));
      return s + x * s * (1.0 - s) * (1.5957691 * (1.0 + 0.134145 * x * x));
    }
    default: {
      let t = 2.0 * logistic(2.0 * x) - 1.0;
      return 1.0 - t * t;
    }
  }
}
`,
  adafactor_apply: `
struct Place {
  batch: u32,
  row: u32,
  col: u32,
  rowTile: u32,
  colTile: u32,
}
fn tilesDown(rows: u32) -> u32 {
  return (rows + 31u) / 32u;
}
fn tilesAcross(cols: u32) -> u32 {
  return (cols + 255u) / 256u;
}
fn placeInTile(tile: u32, lane: u32) -> Place {
  let across = tilesAcross(params.cols);
  let down = tilesDown(params.rows);
  let colTile = tile % across;
  let rowTile = tile / across % down;
  return Place(
    tile / across / down,
    rowTile * 32u + lane / 64u,
    colTile * 256u + lane % 64u,
    rowTile,
    colTile,
  );
}
var<workgroup> laneSums: array<f32, 256>;
fn workgroupSum(lane: u32, value: f32) -> f32 {
  laneSums[lane] = value;
  workgroupBarrier();
  if (lane < 16u) {
    var sum = 0.0;
{
      sum += laneSums[0u * 16u + lane];
}
{
      sum += laneSums[1u * 16u + lane];
}
{
      sum += laneSums[2u * 16u + lane];
}
{
      sum += laneSums[3u * 16u + lane];
}
{
      sum += laneSums[4u * 16u + lane];
}
{
      sum += laneSums[5u * 16u + lane];
}
{
      sum += laneSums[6u * 16u + lane];
}
{
      sum += laneSums[7u * 16u + lane];
}
{
      sum += laneSums[8u * 16u + lane];
}
{
      sum += laneSums[9u * 16u + lane];
}
{
      sum += laneSums[10u * 16u + lane];
}
{
      sum += laneSums[11u * 16u + lane];
}
{
      sum += laneSums[12u * 16u + lane];
}
{
      sum += laneSums[13u * 16u + lane];
}
{
      sum += laneSums[14u * 16u + lane];
}
{
      sum += laneSums[15u * 16u + lane];
}
    laneSums[lane] = sum;
  }
  workgroupBarrier();
  var total = 0.0;
  if (lane == 0u) {
{
      total += laneSums[0u];
}
{
      total += laneSums[1u];
}
{
      total += laneSums[2u];
}
{
      total += laneSums[3u];
}
{
      total += laneSums[4u];
}
{
      total += laneSums[5u];
}
{
      total += laneSums[6u];
}
{
      total += laneSums[7u];
}
{
      total += laneSums[8u];
}
{
      total += laneSums[9u];
}
{
      total += laneSums[10u];
}
{
      total += laneSums[11u];
}
{
      total += laneSums[12u];
}
{
      total += laneSums[13u];
}
{
      total += laneSums[14u];
}
{
      total += laneSums[15u];
}
  }
  return total;
}
fn sumOfPartials(lane: u32, count: u32) -> f32 {
  var s0 = 0.0;
  var s1 = 0.0;
  var i = lane;
  for (; i + 256u < count; i += 512u) {
    s0 += scratch[i];
    s1 += scratch[i + 256u];
  }
  if (i < count) {
    s0 += scratch[i];
  }
  return workgroupSum(lane, s0 + s1);
}
struct Params {
  gradOffset: u32,
  paramOffset: u32,
  batch: u32,
  rows: u32,
  cols: u32,
  updateSquares: u32,
  paramSquares: u32,
  nextParamSquares: u32,
  count: f32,
  rate: f32,
  scaleParameter: u32,
  scaleFloor: f32,
  scaleCeiling: f32,
  clipThreshold: f32,
  weightDecay: f32,
  absoluteDecay: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> grad: array<f32>;
@group(0) @binding(2) var<storage, read> factors: array<f32>;
@group(0) @binding(3) var<storage, read> guard: array<u32>;
@group(0) @binding(4) var<storage, read_write> param: array<f32>;
@group(0) @binding(5) var<storage, read_write> sums: array<f32>;
@group(0) @binding(6) var<storage, read_write> scratch: array<f32>;
@compute @workgroup_size(256)
fn tiles(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = group.y * groups.x + group.x;
  let place = placeInTile(tile, lane);
  if (place.batch >= params.batch) {
    return;
  }
  let changing = guard[0] == 0u;
  let paramScale = clamp(sqrt(sums[params.paramSquares] / params.count), params.scaleFloor, params.scaleCeiling);
  let a = params.rate * select(1.0, paramScale, params.scaleParameter != 0u);
  let d = max(1.0, sqrt(sums[params.updateSquares] / params.count) / params.clipThreshold);
  let decay = a * params.weightDecay + params.absoluteDecay;
  let colFactors = params.batch * params.rows + place.batch * params.cols;
  let most = factors[params.batch * (params.rows + params.cols)];
  var colFactor = vec4f();
{
    let col = place.col + 0u * 64u;
    if (col < params.cols) {
      colFactor[0u] = factors[colFactors + col];
    }
}
{
    let col = place.col + 1u * 64u;
    if (col < params.cols) {
      colFactor[1u] = factors[colFactors + col];
    }
}
{
    let col = place.col + 2u * 64u;
    if (col < params.cols) {
      colFactor[2u] = factors[colFactors + col];
    }
}
{
    let col = place.col + 3u * 64u;
    if (col < params.cols) {
      colFactor[3u] = factors[colFactors + col];
    }
}
  var squares = vec4f();
{
    let row = place.row + 0u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[0u], most);
            p -= decay * p + a / d * u;
            param[params.paramOffset + at] = p;
          }
          squares[0u] = fma(p, p, squares[0u]);
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[1u], most);
            p -= decay * p + a / d * u;
            param[params.paramOffset + at] = p;
          }
          squares[1u] = fma(p, p, squares[1u]);
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[2u], most);
            p -= decay * p + a / d * u;
            param[params.paramOffset + at] = p;
          }
          squares[2u] = fma(p, p, squares[2u]);
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[3u], most);
            p -= decay * p + a / d * u;
            param[params.paramOffset + at] = p;
          }
          squares[3u] = fma(p, p, squares[3u]);
        }
}
    }
}
{
    let row = place.row + 1u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[0u], most);
            p -= decay * p + a / d * u;
            param[params.paramOffset + at] = p;
          }
          squares[0u] = fma(p, p, squares[0u]);
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[1u], most);
            p -= decay * p + a / d * u;
            param[params.paramOffset + at] = p;
          }
          squares[1u] = fma(p, p, squares[1u]);
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[2u], most);
            p -= decay * p + a / d * u;
            param[params.paramOffset + at] = p;
          }
          squares[2u] = fma(p, p, squares[2u]);
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[3u], most);
            p -= decay * p + a / d * u;
            param[params.paramOffset + at] = p;
          }
          squares[3u] = fma(p, p, squares[3u]);
        }
}
    }
}
{
    let row = place.row + 2u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[0u], most);
            p -= decay * p + a / d * u;
            param[params.paramOffset + at] = p;
          }
          squares[0u] = fma(p, p, squares[0u]);
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[1u], most);
            p -= decay * p + a / d * u;
            param[params.paramOffset + at] = p;
          }
          squares[1u] = fma(p, p, squares[1u]);
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[2u], most);
            p -= decay * p + a / d * u;
            param[params.paramOffset + at] = p;
          }
          squares[2u] = fma(p, p, squares[2u]);
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[3u], most);
            p -= decay * p + a / d * u;
            param[params.paramOffset + at] = p;
          }
          squares[3u] = fma(p, p, squares[3u]);
        }
}
    }
}
{
    let row = place.row + 3u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[0u], most);
            p -= decay * p + a / d * u;
            param[params.paramOffset + at] = p;
          }
          squares[0u] = fma(p, p, squares[0u]);
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[1u], most);
            p -= decay * p + a / d * u;
            param[params.paramOffset + at] = p;
          }
          squares[1u] = fma(p, p, squares[1u]);
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[2u], most);
            p -= decay * p + a / d * u;
            param[params.paramOffset + at] = p;
          }
          squares[2u] = fma(p, p, squares[2u]);
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[3u], most);
            p -= decay * p + a / d * u;
            param[params.paramOffset + at] = p;
          }
          squares[3u] = fma(p, p, squares[3u]);
        }
}
    }
}
{
    let row = place.row + 4u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[0u], most);
            p -= decay * p + a / d * u;
            param[params.paramOffset + at] = p;
          }
          squares[0u] = fma(p, p, squares[0u]);
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[1u], most);
            p -= decay * p + a / d * u;
            param[params.paramOffset + at] = p;
          }
          squares[1u] = fma(p, p, squares[1u]);
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[2u], most);
            p -= decay * p + a / d * u;
            param[params.paramOffset + at] = p;
          }
          squares[2u] = fma(p, p, squares[2u]);
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[3u], most);
            p -= decay * p + a / d * u;
            param[params.paramOffset + at] = p;
          }
          squares[3u] = fma(p, p, squares[3u]);
        }
}
    }
}
{
    let row = place.row + 5u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[0u], most);
            p -= decay * p + a / d * u;
            param[params.paramOffset + at] = p;
          }
          squares[0u] = fma(p, p, squares[0u]);
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[1u], most);
            p -= decay * p + a / d * u;
            param[params.paramOffset + at] = p;
          }
          squares[1u] = fma(p, p, squares[1u]);
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[2u], most);
            p -= decay * p + a / d * u;
            param[params.paramOffset + at] = p;
          }
          squares[2u] = fma(p, p, squares[2u]);
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[3u], most);
            p -= decay * p + a / d * u;
            param[params.paramOffset + at] = p;
          }
          squares[3u] = fma(p, p, squares[3u]);
        }
}
    }
}
{
    let row = place.row + 6u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[0u], most);
            p -= decay * p + a / d * u;
            param[params.paramOffset + at] = p;
          }
          squares[0u] = fma(p, p, squares[0u]);
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[1u], most);
            p -= decay * p + a / d * u;
            param[params.paramOffset + at] = p;
          }
          squares[1u] = fma(p, p, squares[1u]);
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[2u], most);
            p -= decay * p + a / d * u;
            param[params.paramOffset + at] = p;
          }
          squares[2u] = fma(p, p, squares[2u]);
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[3u], most);
            p -= decay * p + a / d * u;
            param[params.paramOffset + at] = p;
          }
          squares[3u] = fma(p, p, squares[3u]);
        }
}
    }
}
{
    let row = place.row + 7u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[0u], most);
            p -= decay * p + a / d * u;
            param[params.paramOffset + at] = p;
          }
          squares[0u] = fma(p, p, squares[0u]);
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[1u], most);
            p -= decay * p + a / d * u;
            param[params.paramOffset + at] = p;
          }
          squares[1u] = fma(p, p, squares[1u]);
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[2u], most);
            p -= decay * p + a / d * u;
            param[params.paramOffset + at] = p;
          }
          squares[2u] = fma(p, p, squares[2u]);
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[3u], most);
            p -= decay * p + a / d * u;
            param[params.paramOffset + at] = p;
          }
          squares[3u] = fma(p, p, squares[3u]);
        }
}
    }
}
  let sum = workgroupSum(lane, (squares.x + squares.y) + (squares.z + squares.w));
  if (lane == 0u) {
    scratch[tile] = sum;
  }
}
@compute @workgroup_size(256)
fn finish(@builtin(local_invocation_index) lane: u32) {
  let count = params.batch * tilesDown(params.rows) * tilesAcross(params.cols);
  let sum = sumOfPartials(lane, count);
  if (lane == 0u) {
    sums[params.nextParamSquares] = sum;
  }
}
`,
  adafactor_apply_cautious: `
struct Place {
  batch: u32,
  row: u32,
  col: u32,
  rowTile: u32,
  colTile: u32,
}
fn tilesDown(rows: u32) -> u32 {
  return (rows + 31u) / 32u;
}
fn tilesAcross(cols: u32) -> u32 {
  return (cols + 255u) / 256u;
}
fn placeInTile(tile: u32, lane: u32) -> Place {
  let across = tilesAcross(params.cols);
  let down = tilesDown(params.rows);
  let colTile = tile % across;
  let rowTile = tile / across % down;
  return Place(
    tile / across / down,
    rowTile * 32u + lane / 64u,
    colTile * 256u + lane % 64u,
    rowTile,
    colTile,
  );
}
var<workgroup> laneSums: array<f32, 256>;
fn workgroupSum(lane: u32, value: f32) -> f32 {
  laneSums[lane] = value;
  workgroupBarrier();
  if (lane < 16u) {
    var sum = 0.0;
{
      sum += laneSums[0u * 16u + lane];
}
{
      sum += laneSums[1u * 16u + lane];
}
{
      sum += laneSums[2u * 16u + lane];
}
{
      sum += laneSums[3u * 16u + lane];
}
{
      sum += laneSums[4u * 16u + lane];
}
{
      sum += laneSums[5u * 16u + lane];
}
{
      sum += laneSums[6u * 16u + lane];
}
{
      sum += laneSums[7u * 16u + lane];
}
{
      sum += laneSums[8u * 16u + lane];
}
{
      sum += laneSums[9u * 16u + lane];
}
{
      sum += laneSums[10u * 16u + lane];
}
{
      sum += laneSums[11u * 16u + lane];
}
{
      sum += laneSums[12u * 16u + lane];
}
{
      sum += laneSums[13u * 16u + lane];
}
{
      sum += laneSums[14u * 16u + lane];
}
{
      sum += laneSums[15u * 16u + lane];
}
    laneSums[lane] = sum;
  }
  workgroupBarrier();
  var total = 0.0;
  if (lane == 0u) {
{
      total += laneSums[0u];
}
{
      total += laneSums[1u];
}
{
      total += laneSums[2u];
}
{
      total += laneSums[3u];
}
{
      total += laneSums[4u];
}
{
      total += laneSums[5u];
}
{
      total += laneSums[6u];
}
{
      total += laneSums[7u];
}
{
      total += laneSums[8u];
}
{
      total += laneSums[9u];
}
{
      total += laneSums[10u];
}
{
      total += laneSums[11u];
}
{
      total += laneSums[12u];
}
{
      total += laneSums[13u];
}
{
      total += laneSums[14u];
}
{
      total += laneSums[15u];
}
  }
  return total;
}
fn sumOfPartials(lane: u32, count: u32) -> f32 {
  var s0 = 0.0;
  var s1 = 0.0;
  var i = lane;
  for (; i + 256u < count; i += 512u) {
    s0 += scratch[i];
    s1 += scratch[i + 256u];
  }
  if (i < count) {
    s0 += scratch[i];
  }
  return workgroupSum(lane, s0 + s1);
}
struct Params {
  gradOffset: u32,
  paramOffset: u32,
  batch: u32,
  rows: u32,
  cols: u32,
  updateSquares: u32,
  paramSquares: u32,
  nextParamSquares: u32,
  count: f32,
  rate: f32,
  scaleParameter: u32,
  scaleFloor: f32,
  scaleCeiling: f32,
  clipThreshold: f32,
  weightDecay: f32,
  absoluteDecay: f32,
  rateAfterMomentum: u32,
  aligned: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> grad: array<f32>;
@group(0) @binding(2) var<storage, read> factors: array<f32>;
@group(0) @binding(3) var<storage, read> guard: array<u32>;
@group(0) @binding(4) var<storage, read_write> param: array<f32>;
@group(0) @binding(5) var<storage, read> momentum: array<f32>;
@group(0) @binding(6) var<storage, read_write> sums: array<f32>;
@group(0) @binding(7) var<storage, read_write> scratch: array<f32>;
@compute @workgroup_size(256)
fn tiles(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = group.y * groups.x + group.x;
  let place = placeInTile(tile, lane);
  if (place.batch >= params.batch) {
    return;
  }
  let changing = guard[0] == 0u;
  let paramScale = clamp(sqrt(sums[params.paramSquares] / params.count), params.scaleFloor, params.scaleCeiling);
  let a = params.rate * select(1.0, paramScale, params.scaleParameter != 0u);
  let d = max(1.0, sqrt(sums[params.updateSquares] / params.count) / params.clipThreshold);
  let taken = select(a, 1.0, params.rateAfterMomentum != 0u) / d;
  let share = max(sums[params.aligned] / params.count, 1e-3);
  let over = select(1.0, a, params.rateAfterMomentum != 0u) / share;
  let decay = a * params.weightDecay + params.absoluteDecay;
  let colFactors = params.batch * params.rows + place.batch * params.cols;
  let most = factors[params.batch * (params.rows + params.cols)];
  var colFactor = vec4f();
{
    let col = place.col + 0u * 64u;
    if (col < params.cols) {
      colFactor[0u] = factors[colFactors + col];
    }
}
{
    let col = place.col + 1u * 64u;
    if (col < params.cols) {
      colFactor[1u] = factors[colFactors + col];
    }
}
{
    let col = place.col + 2u * 64u;
    if (col < params.cols) {
      colFactor[2u] = factors[colFactors + col];
    }
}
{
    let col = place.col + 3u * 64u;
    if (col < params.cols) {
      colFactor[3u] = factors[colFactors + col];
    }
}
  var squares = vec4f();
{
    let row = place.row + 0u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[0u], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[0u] = fma(p, p, squares[0u]);
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[1u], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[1u] = fma(p, p, squares[1u]);
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[2u], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[2u] = fma(p, p, squares[2u]);
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[3u], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[3u] = fma(p, p, squares[3u]);
        }
}
    }
}
{
    let row = place.row + 1u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[0u], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[0u] = fma(p, p, squares[0u]);
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[1u], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[1u] = fma(p, p, squares[1u]);
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[2u], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[2u] = fma(p, p, squares[2u]);
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[3u], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[3u] = fma(p, p, squares[3u]);
        }
}
    }
}
{
    let row = place.row + 2u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[0u], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[0u] = fma(p, p, squares[0u]);
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[1u], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[1u] = fma(p, p, squares[1u]);
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[2u], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[2u] = fma(p, p, squares[2u]);
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[3u], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[3u] = fma(p, p, squares[3u]);
        }
}
    }
}
{
    let row = place.row + 3u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[0u], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[0u] = fma(p, p, squares[0u]);
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[1u], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[1u] = fma(p, p, squares[1u]);
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[2u], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[2u] = fma(p, p, squares[2u]);
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[3u], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[3u] = fma(p, p, squares[3u]);
        }
}
    }
}
{
    let row = place.row + 4u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[0u], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[0u] = fma(p, p, squares[0u]);
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[1u], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[1u] = fma(p, p, squares[1u]);
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[2u], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[2u] = fma(p, p, squares[2u]);
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[3u], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[3u] = fma(p, p, squares[3u]);
        }
}
    }
}
{
    let row = place.row + 5u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[0u], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[0u] = fma(p, p, squares[0u]);
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[1u], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[1u] = fma(p, p, squares[1u]);
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[2u], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[2u] = fma(p, p, squares[2u]);
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[3u], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[3u] = fma(p, p, squares[3u]);
        }
}
    }
}
{
    let row = place.row + 6u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[0u], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[0u] = fma(p, p, squares[0u]);
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[1u], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[1u] = fma(p, p, squares[1u]);
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[2u], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[2u] = fma(p, p, squares[2u]);
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[3u], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[3u] = fma(p, p, squares[3u]);
        }
}
    }
}
{
    let row = place.row + 7u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[0u], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[0u] = fma(p, p, squares[0u]);
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[1u], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[1u] = fma(p, p, squares[1u]);
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[2u], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[2u] = fma(p, p, squares[2u]);
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[3u], most);
            let m = momentum[at];
            p -= decay * p + select(0.0, over * m, m * (taken * u) > 0.0);
            param[params.paramOffset + at] = p;
          }
          squares[3u] = fma(p, p, squares[3u]);
        }
}
    }
}
  let sum = workgroupSum(lane, (squares.x + squares.y) + (squares.z + squares.w));
  if (lane == 0u) {
    scratch[tile] = sum;
  }
}
@compute @workgroup_size(256)
fn finish(@builtin(local_invocation_index) lane: u32) {
  let count = params.batch * tilesDown(params.rows) * tilesAcross(params.cols);
  let sum = sumOfPartials(lane, count);
  if (lane == 0u) {
    sums[params.nextParamSquares] = sum;
  }
}
`,
  adafactor_apply_momentum: `
struct Place {
  batch: u32,
  row: u32,
  col: u32,
  rowTile: u32,
  colTile: u32,
}
fn tilesDown(rows: u32) -> u32 {
  return (rows + 31u) / 32u;
}
fn tilesAcross(cols: u32) -> u32 {
  return (cols + 255u) / 256u;
}
fn placeInTile(tile: u32, lane: u32) -> Place {
  let across = tilesAcross(params.cols);
  let down = tilesDown(params.rows);
  let colTile = tile % across;
  let rowTile = tile / across % down;
  return Place(
    tile / across / down,
    rowTile * 32u + lane / 64u,
    colTile * 256u + lane % 64u,
    rowTile,
    colTile,
  );
}
var<workgroup> laneSums: array<f32, 256>;
fn workgroupSum(lane: u32, value: f32) -> f32 {
  laneSums[lane] = value;
  workgroupBarrier();
  if (lane < 16u) {
    var sum = 0.0;
{
      sum += laneSums[0u * 16u + lane];
}
{
      sum += laneSums[1u * 16u + lane];
}
{
      sum += laneSums[2u * 16u + lane];
}
{
      sum += laneSums[3u * 16u + lane];
}
{
      sum += laneSums[4u * 16u + lane];
}
{
      sum += laneSums[5u * 16u + lane];
}
{
      sum += laneSums[6u * 16u + lane];
}
{
      sum += laneSums[7u * 16u + lane];
}
{
      sum += laneSums[8u * 16u + lane];
}
{
      sum += laneSums[9u * 16u + lane];
}
{
      sum += laneSums[10u * 16u + lane];
}
{
      sum += laneSums[11u * 16u + lane];
}
{
      sum += laneSums[12u * 16u + lane];
}
{
      sum += laneSums[13u * 16u + lane];
}
{
      sum += laneSums[14u * 16u + lane];
}
{
      sum += laneSums[15u * 16u + lane];
}
    laneSums[lane] = sum;
  }
  workgroupBarrier();
  var total = 0.0;
  if (lane == 0u) {
{
      total += laneSums[0u];
}
{
      total += laneSums[1u];
}
{
      total += laneSums[2u];
}
{
      total += laneSums[3u];
}
{
      total += laneSums[4u];
}
{
      total += laneSums[5u];
}
{
      total += laneSums[6u];
}
{
      total += laneSums[7u];
}
{
      total += laneSums[8u];
}
{
      total += laneSums[9u];
}
{
      total += laneSums[10u];
}
{
      total += laneSums[11u];
}
{
      total += laneSums[12u];
}
{
      total += laneSums[13u];
}
{
      total += laneSums[14u];
}
{
      total += laneSums[15u];
}
  }
  return total;
}
fn sumOfPartials(lane: u32, count: u32) -> f32 {
  var s0 = 0.0;
  var s1 = 0.0;
  var i = lane;
  for (; i + 256u < count; i += 512u) {
    s0 += scratch[i];
    s1 += scratch[i + 256u];
  }
  if (i < count) {
    s0 += scratch[i];
  }
  return workgroupSum(lane, s0 + s1);
}
struct Params {
  gradOffset: u32,
  paramOffset: u32,
  batch: u32,
  rows: u32,
  cols: u32,
  updateSquares: u32,
  paramSquares: u32,
  nextParamSquares: u32,
  count: f32,
  rate: f32,
  scaleParameter: u32,
  scaleFloor: f32,
  scaleCeiling: f32,
  clipThreshold: f32,
  weightDecay: f32,
  absoluteDecay: f32,
  beta1: f32,
  rateAfterMomentum: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> grad: array<f32>;
@group(0) @binding(2) var<storage, read> factors: array<f32>;
@group(0) @binding(3) var<storage, read> guard: array<u32>;
@group(0) @binding(4) var<storage, read_write> param: array<f32>;
@group(0) @binding(5) var<storage, read_write> momentum: array<f32>;
@group(0) @binding(6) var<storage, read_write> sums: array<f32>;
@group(0) @binding(7) var<storage, read_write> scratch: array<f32>;
@compute @workgroup_size(256)
fn tiles(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = group.y * groups.x + group.x;
  let place = placeInTile(tile, lane);
  if (place.batch >= params.batch) {
    return;
  }
  let changing = guard[0] == 0u;
  let paramScale = clamp(sqrt(sums[params.paramSquares] / params.count), params.scaleFloor, params.scaleCeiling);
  let a = params.rate * select(1.0, paramScale, params.scaleParameter != 0u);
  let d = max(1.0, sqrt(sums[params.updateSquares] / params.count) / params.clipThreshold);
  let take = (1.0 - params.beta1) * select(a, 1.0, params.rateAfterMomentum != 0u) / d;
  let over = select(1.0, a, params.rateAfterMomentum != 0u);
  let decay = a * params.weightDecay + params.absoluteDecay;
  let colFactors = params.batch * params.rows + place.batch * params.cols;
  let most = factors[params.batch * (params.rows + params.cols)];
  var colFactor = vec4f();
{
    let col = place.col + 0u * 64u;
    if (col < params.cols) {
      colFactor[0u] = factors[colFactors + col];
    }
}
{
    let col = place.col + 1u * 64u;
    if (col < params.cols) {
      colFactor[1u] = factors[colFactors + col];
    }
}
{
    let col = place.col + 2u * 64u;
    if (col < params.cols) {
      colFactor[2u] = factors[colFactors + col];
    }
}
{
    let col = place.col + 3u * 64u;
    if (col < params.cols) {
      colFactor[3u] = factors[colFactors + col];
    }
}
  var squares = vec4f();
{
    let row = place.row + 0u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[0u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            p -= decay * p + over * m;
            param[params.paramOffset + at] = p;
          }
          squares[0u] = fma(p, p, squares[0u]);
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[1u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            p -= decay * p + over * m;
            param[params.paramOffset + at] = p;
          }
          squares[1u] = fma(p, p, squares[1u]);
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[2u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            p -= decay * p + over * m;
            param[params.paramOffset + at] = p;
          }
          squares[2u] = fma(p, p, squares[2u]);
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[3u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            p -= decay * p + over * m;
            param[params.paramOffset + at] = p;
          }
          squares[3u] = fma(p, p, squares[3u]);
        }
}
    }
}
{
    let row = place.row + 1u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[0u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            p -= decay * p + over * m;
            param[params.paramOffset + at] = p;
          }
          squares[0u] = fma(p, p, squares[0u]);
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[1u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            p -= decay * p + over * m;
            param[params.paramOffset + at] = p;
          }
          squares[1u] = fma(p, p, squares[1u]);
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[2u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            p -= decay * p + over * m;
            param[params.paramOffset + at] = p;
          }
          squares[2u] = fma(p, p, squares[2u]);
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[3u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            p -= decay * p + over * m;
            param[params.paramOffset + at] = p;
          }
          squares[3u] = fma(p, p, squares[3u]);
        }
}
    }
}
{
    let row = place.row + 2u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[0u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            p -= decay * p + over * m;
            param[params.paramOffset + at] = p;
          }
          squares[0u] = fma(p, p, squares[0u]);
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[1u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            p -= decay * p + over * m;
            param[params.paramOffset + at] = p;
          }
          squares[1u] = fma(p, p, squares[1u]);
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[2u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            p -= decay * p + over * m;
            param[params.paramOffset + at] = p;
          }
          squares[2u] = fma(p, p, squares[2u]);
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[3u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            p -= decay * p + over * m;
            param[params.paramOffset + at] = p;
          }
          squares[3u] = fma(p, p, squares[3u]);
        }
}
    }
}
{
    let row = place.row + 3u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[0u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            p -= decay * p + over * m;
            param[params.paramOffset + at] = p;
          }
          squares[0u] = fma(p, p, squares[0u]);
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[1u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            p -= decay * p + over * m;
            param[params.paramOffset + at] = p;
          }
          squares[1u] = fma(p, p, squares[1u]);
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[2u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            p -= decay * p + over * m;
            param[params.paramOffset + at] = p;
          }
          squares[2u] = fma(p, p, squares[2u]);
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[3u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            p -= decay * p + over * m;
            param[params.paramOffset + at] = p;
          }
          squares[3u] = fma(p, p, squares[3u]);
        }
}
    }
}
{
    let row = place.row + 4u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[0u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            p -= decay * p + over * m;
            param[params.paramOffset + at] = p;
          }
          squares[0u] = fma(p, p, squares[0u]);
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[1u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            p -= decay * p + over * m;
            param[params.paramOffset + at] = p;
          }
          squares[1u] = fma(p, p, squares[1u]);
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[2u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            p -= decay * p + over * m;
            param[params.paramOffset + at] = p;
          }
          squares[2u] = fma(p, p, squares[2u]);
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[3u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            p -= decay * p + over * m;
            param[params.paramOffset + at] = p;
          }
          squares[3u] = fma(p, p, squares[3u]);
        }
}
    }
}
{
    let row = place.row + 5u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[0u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            p -= decay * p + over * m;
            param[params.paramOffset + at] = p;
          }
          squares[0u] = fma(p, p, squares[0u]);
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[1u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            p -= decay * p + over * m;
            param[params.paramOffset + at] = p;
          }
          squares[1u] = fma(p, p, squares[1u]);
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[2u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            p -= decay * p + over * m;
            param[params.paramOffset + at] = p;
          }
          squares[2u] = fma(p, p, squares[2u]);
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[3u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            p -= decay * p + over * m;
            param[params.paramOffset + at] = p;
          }
          squares[3u] = fma(p, p, squares[3u]);
        }
}
    }
}
{
    let row = place.row + 6u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[0u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            p -= decay * p + over * m;
            param[params.paramOffset + at] = p;
          }
          squares[0u] = fma(p, p, squares[0u]);
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[1u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            p -= decay * p + over * m;
            param[params.paramOffset + at] = p;
          }
          squares[1u] = fma(p, p, squares[1u]);
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[2u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            p -= decay * p + over * m;
            param[params.paramOffset + at] = p;
          }
          squares[2u] = fma(p, p, squares[2u]);
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[3u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            p -= decay * p + over * m;
            param[params.paramOffset + at] = p;
          }
          squares[3u] = fma(p, p, squares[3u]);
        }
}
    }
}
{
    let row = place.row + 7u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[0u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            p -= decay * p + over * m;
            param[params.paramOffset + at] = p;
          }
          squares[0u] = fma(p, p, squares[0u]);
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[1u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            p -= decay * p + over * m;
            param[params.paramOffset + at] = p;
          }
          squares[1u] = fma(p, p, squares[1u]);
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[2u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            p -= decay * p + over * m;
            param[params.paramOffset + at] = p;
          }
          squares[2u] = fma(p, p, squares[2u]);
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          var p = param[params.paramOffset + at];
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[3u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            p -= decay * p + over * m;
            param[params.paramOffset + at] = p;
          }
          squares[3u] = fma(p, p, squares[3u]);
        }
}
    }
}
  let sum = workgroupSum(lane, (squares.x + squares.y) + (squares.z + squares.w));
  if (lane == 0u) {
    scratch[tile] = sum;
  }
}
@compute @workgroup_size(256)
fn finish(@builtin(local_invocation_index) lane: u32) {
  let count = params.batch * tilesDown(params.rows) * tilesAcross(params.cols);
  let sum = sumOfPartials(lane, count);
  if (lane == 0u) {
    sums[params.nextParamSquares] = sum;
  }
}
`,
  adafactor_gradient_scale: `
var<workgroup> laneSums: array<f32, 256>;
fn workgroupSum(lane: u32, value: f32) -> f32 {
  laneSums[lane] = value;
  workgroupBarrier();
  if (lane < 16u) {
    var sum = 0.0;
{
      sum += laneSums[0u * 16u + lane];
}
{
      sum += laneSums[1u * 16u + lane];
}
{
      sum += laneSums[2u * 16u + lane];
}
{
      sum += laneSums[3u * 16u + lane];
}
{
      sum += laneSums[4u * 16u + lane];
}
{
      sum += laneSums[5u * 16u + lane];
}
{
      sum += laneSums[6u * 16u + lane];
}
{
      sum += laneSums[7u * 16u + lane];
}
{
      sum += laneSums[8u * 16u + lane];
}
{
      sum += laneSums[9u * 16u + lane];
}
{
      sum += laneSums[10u * 16u + lane];
}
{
      sum += laneSums[11u * 16u + lane];
}
{
      sum += laneSums[12u * 16u + lane];
}
{
      sum += laneSums[13u * 16u + lane];
}
{
      sum += laneSums[14u * 16u + lane];
}
{
      sum += laneSums[15u * 16u + lane];
}
    laneSums[lane] = sum;
  }
  workgroupBarrier();
  var total = 0.0;
  if (lane == 0u) {
{
      total += laneSums[0u];
}
{
      total += laneSums[1u];
}
{
      total += laneSums[2u];
}
{
      total += laneSums[3u];
}
{
      total += laneSums[4u];
}
{
      total += laneSums[5u];
}
{
      total += laneSums[6u];
}
{
      total += laneSums[7u];
}
{
      total += laneSums[8u];
}
{
      total += laneSums[9u];
}
{
      total += laneSums[10u];
}
{
      total += laneSums[11u];
}
{
      total += laneSums[12u];
}
{
      total += laneSums[13u];
}
{
      total += laneSums[14u];
}
{
      total += laneSums[15u];
}
  }
  return total;
}
struct Params {
  offset: u32,
  length: u32,
  slot: u32,
  factor: f32,
  maxNorm: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;
@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
  var part = 0.0;
  for (var i = lane; i < params.length; i += 256u) {
    part += sums[params.offset + i] * 0x1p-40;
  }
  let total = workgroupSum(lane, part);
  if (lane == 0u) {
    let norm = params.factor * sqrt(total) * 0x1p20;
    sums[params.slot] = params.factor * select(1.0, params.maxNorm / norm, norm > params.maxNorm);
  }
}
`,
  adafactor_guard: `
struct Params {
  offset: u32,
  length: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sums: array<u32>;
@group(0) @binding(2) var<storage, read_write> guard: array<u32>;
@group(0) @binding(3) var<storage, read_write> scratch: array<u32>;
var<workgroup> found: atomic<u32>;
@compute @workgroup_size(256)
fn look(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let chunk = (params.length + groups.x - 1u) / groups.x;
  let end = params.offset + min((group.x + 1u) * chunk, params.length);
  var seen = 0u;
  for (var i = params.offset + group.x * chunk + lane; i < end; i += 256u) {
    if ((sums[i] & 0x7f800000u) == 0x7f800000u) {
      seen = 1u;
    }
  }
  let any = anyInWorkgroup(lane, seen);
  if (lane == 0u) {
    scratch[group.x] = any;
  }
}
@compute @workgroup_size(256)
fn finish(@builtin(local_invocation_index) lane: u32) {
  let count = clamp((params.length + 4095u) / 4096u, 1u, 1024u);
  var seen = 0u;
  for (var i = lane; i < count; i += 256u) {
    seen |= scratch[i];
  }
  let any = anyInWorkgroup(lane, seen);
  if (lane == 0u) {
    guard[0] = any;
  }
}
fn anyInWorkgroup(lane: u32, seen: u32) -> u32 {
  if (lane == 0u) {
    atomicStore(&found, 0u);
  }
  workgroupBarrier();
  if (seen != 0u) {
    atomicOr(&found, 1u);
  }
  workgroupBarrier();
  return atomicLoad(&found);
}
`,
  adafactor_moments: `
struct Params {
  batch: u32,
  rows: u32,
  cols: u32,
  rowSums: u32,
  colSums: u32,
  total: u32,
  gradientScale: u32,
  globalRows: f32,
  globalCols: f32,
  keep: f32,
  take: f32,
  eps1: f32,
  meanFloor: f32,
  factorCap: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sums: array<f32>;
@group(0) @binding(2) var<storage, read> guard: array<u32>;
@group(0) @binding(3) var<storage, read_write> moments: array<f32>;
@group(0) @binding(4) var<storage, read_write> factors: array<f32>;
@compute @workgroup_size(256)
fn means(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let b = (group.y * groups.x + group.x) * 256u + lane;
  if (b >= params.batch || guard[0] != 0u) {
    return;
  }
  let slot = params.batch * (params.rows + params.cols) + b;
  moments[slot] =
    average(moments[slot], sums[params.total + b] / params.globalRows / params.globalCols);
}
@compute @workgroup_size(256)
fn vectors(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  let numRows = params.batch * params.rows;
  let numCols = params.batch * params.cols;
  if (i > numRows + numCols || guard[0] != 0u) {
    return;
  }
  let scale = sums[params.gradientScale];
  if (i < numRows) {
    let r = average(moments[i], sums[params.rowSums + i] / params.globalCols);
    moments[i] = r;
    let m = max(moments[numRows + numCols + i / params.rows], max(params.meanFloor, TINY));
    factors[i] = scale * inverseSqrt(max(r / m, TINY));
  } else if (i < numRows + numCols) {
    let c = average(moments[i], sums[params.colSums + i - numRows] / params.globalRows);
    moments[i] = c;
    factors[i] = inverseSqrt(max(c, TINY));
  } else {
    factors[i] = scale * params.factorCap;
  }
}
fn average(before: f32, now: f32) -> f32 {
  let scale = sums[params.gradientScale];
  return params.keep * before + params.take * (scale * now * scale + params.eps1);
}
const TINY = 1.17549435e-38;
`,
  adafactor_momentum: `
struct Place {
  batch: u32,
  row: u32,
  col: u32,
  rowTile: u32,
  colTile: u32,
}
fn tilesDown(rows: u32) -> u32 {
  return (rows + 31u) / 32u;
}
fn tilesAcross(cols: u32) -> u32 {
  return (cols + 255u) / 256u;
}
fn placeInTile(tile: u32, lane: u32) -> Place {
  let across = tilesAcross(params.cols);
  let down = tilesDown(params.rows);
  let colTile = tile % across;
  let rowTile = tile / across % down;
  return Place(
    tile / across / down,
    rowTile * 32u + lane / 64u,
    colTile * 256u + lane % 64u,
    rowTile,
    colTile,
  );
}
var<workgroup> laneSums: array<f32, 256>;
fn workgroupSum(lane: u32, value: f32) -> f32 {
  laneSums[lane] = value;
  workgroupBarrier();
  if (lane < 16u) {
    var sum = 0.0;
{
      sum += laneSums[0u * 16u + lane];
}
{
      sum += laneSums[1u * 16u + lane];
}
{
      sum += laneSums[2u * 16u + lane];
}
{
      sum += laneSums[3u * 16u + lane];
}
{
      sum += laneSums[4u * 16u + lane];
}
{
      sum += laneSums[5u * 16u + lane];
}
{
      sum += laneSums[6u * 16u + lane];
}
{
      sum += laneSums[7u * 16u + lane];
}
{
      sum += laneSums[8u * 16u + lane];
}
{
      sum += laneSums[9u * 16u + lane];
}
{
      sum += laneSums[10u * 16u + lane];
}
{
      sum += laneSums[11u * 16u + lane];
}
{
      sum += laneSums[12u * 16u + lane];
}
{
      sum += laneSums[13u * 16u + lane];
}
{
      sum += laneSums[14u * 16u + lane];
}
{
      sum += laneSums[15u * 16u + lane];
}
    laneSums[lane] = sum;
  }
  workgroupBarrier();
  var total = 0.0;
  if (lane == 0u) {
{
      total += laneSums[0u];
}
{
      total += laneSums[1u];
}
{
      total += laneSums[2u];
}
{
      total += laneSums[3u];
}
{
      total += laneSums[4u];
}
{
      total += laneSums[5u];
}
{
      total += laneSums[6u];
}
{
      total += laneSums[7u];
}
{
      total += laneSums[8u];
}
{
      total += laneSums[9u];
}
{
      total += laneSums[10u];
}
{
      total += laneSums[11u];
}
{
      total += laneSums[12u];
}
{
      total += laneSums[13u];
}
{
      total += laneSums[14u];
}
{
      total += laneSums[15u];
}
  }
  return total;
}
fn sumOfPartials(lane: u32, count: u32) -> f32 {
  var s0 = 0.0;
  var s1 = 0.0;
  var i = lane;
  for (; i + 256u < count; i += 512u) {
    s0 += scratch[i];
    s1 += scratch[i + 256u];
  }
  if (i < count) {
    s0 += scratch[i];
  }
  return workgroupSum(lane, s0 + s1);
}
struct Params {
  gradOffset: u32,
  batch: u32,
  rows: u32,
  cols: u32,
  updateSquares: u32,
  paramSquares: u32,
  aligned: u32,
  count: f32,
  rate: f32,
  scaleParameter: u32,
  scaleFloor: f32,
  scaleCeiling: f32,
  clipThreshold: f32,
  beta1: f32,
  rateAfterMomentum: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> grad: array<f32>;
@group(0) @binding(2) var<storage, read> factors: array<f32>;
@group(0) @binding(3) var<storage, read> guard: array<u32>;
@group(0) @binding(4) var<storage, read_write> momentum: array<f32>;
@group(0) @binding(5) var<storage, read_write> sums: array<f32>;
@group(0) @binding(6) var<storage, read_write> scratch: array<f32>;
@compute @workgroup_size(256)
fn tiles(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = group.y * groups.x + group.x;
  let place = placeInTile(tile, lane);
  if (place.batch >= params.batch) {
    return;
  }
  let changing = guard[0] == 0u;
  let paramScale = clamp(sqrt(sums[params.paramSquares] / params.count), params.scaleFloor, params.scaleCeiling);
  let a = params.rate * select(1.0, paramScale, params.scaleParameter != 0u);
  let d = max(1.0, sqrt(sums[params.updateSquares] / params.count) / params.clipThreshold);
  let take = (1.0 - params.beta1) * select(a, 1.0, params.rateAfterMomentum != 0u) / d;
  let colFactors = params.batch * params.rows + place.batch * params.cols;
  let most = factors[params.batch * (params.rows + params.cols)];
  var colFactor = vec4f();
{
    let col = place.col + 0u * 64u;
    if (col < params.cols) {
      colFactor[0u] = factors[colFactors + col];
    }
}
{
    let col = place.col + 1u * 64u;
    if (col < params.cols) {
      colFactor[1u] = factors[colFactors + col];
    }
}
{
    let col = place.col + 2u * 64u;
    if (col < params.cols) {
      colFactor[2u] = factors[colFactors + col];
    }
}
{
    let col = place.col + 3u * 64u;
    if (col < params.cols) {
      colFactor[3u] = factors[colFactors + col];
    }
}
  var counts = vec4f();
{
    let row = place.row + 0u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[0u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[0u] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[1u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[1u] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[2u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[2u] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[3u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[3u] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
}
    }
}
{
    let row = place.row + 1u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[0u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[0u] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[1u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[1u] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[2u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[2u] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[3u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[3u] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
}
    }
}
{
    let row = place.row + 2u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[0u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[0u] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[1u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[1u] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[2u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[2u] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[3u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[3u] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
}
    }
}
{
    let row = place.row + 3u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[0u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[0u] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[1u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[1u] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[2u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[2u] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[3u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[3u] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
}
    }
}
{
    let row = place.row + 4u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[0u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[0u] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[1u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[1u] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[2u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[2u] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[3u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[3u] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
}
    }
}
{
    let row = place.row + 5u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[0u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[0u] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[1u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[1u] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[2u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[2u] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[3u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[3u] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
}
    }
}
{
    let row = place.row + 6u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[0u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[0u] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[1u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[1u] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[2u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[2u] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[3u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[3u] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
}
    }
}
{
    let row = place.row + 7u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[0u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[0u] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[1u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[1u] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[2u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[2u] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let at = rowIndex * params.cols + col;
          if (changing) {
            let u = grad[params.gradOffset + at] * min(rowFactor * colFactor[3u], most);
            let m = params.beta1 * momentum[at] + take * u;
            momentum[at] = m;
            counts[3u] += select(0.0, 1.0, m * (take * u) > 0.0);
          }
        }
}
    }
}
  let sum = workgroupSum(lane, (counts.x + counts.y) + (counts.z + counts.w));
  if (lane == 0u) {
    scratch[tile] = sum;
  }
}
@compute @workgroup_size(256)
fn finish(@builtin(local_invocation_index) lane: u32) {
  let count = params.batch * tilesDown(params.rows) * tilesAcross(params.cols);
  let sum = sumOfPartials(lane, count);
  if (lane == 0u) {
    sums[params.aligned] = sum;
  }
}
`,
  adafactor_stats: `
struct Place {
  batch: u32,
  row: u32,
  col: u32,
  rowTile: u32,
  colTile: u32,
}
fn tilesDown(rows: u32) -> u32 {
  return (rows + 31u) / 32u;
}
fn tilesAcross(cols: u32) -> u32 {
  return (cols + 255u) / 256u;
}
fn placeInTile(tile: u32, lane: u32) -> Place {
  let across = tilesAcross(params.cols);
  let down = tilesDown(params.rows);
  let colTile = tile % across;
  let rowTile = tile / across % down;
  return Place(
    tile / across / down,
    rowTile * 32u + lane / 64u,
    colTile * 256u + lane % 64u,
    rowTile,
    colTile,
  );
}
var<workgroup> partSums: array<f32, 256>;
fn stridedSum(lane: u32, first: u32, step: u32, count: u32) -> f32 {
  var sum = 0.0;
  for (var part = lane / 8u; part < count; part += 32u) {
    sum += scratch[first + part * step];
  }
  partSums[lane] = sum;
  for (var half = 128u; half >= 8u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      partSums[lane] += partSums[lane + half];
    }
  }
  return partSums[lane];
}
struct Params {
  gradOffset: u32,
  batch: u32,
  rows: u32,
  cols: u32,
  rowSums: u32,
  colSums: u32,
  total: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> grad: array<f32>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;
@group(0) @binding(3) var<storage, read_write> scratch: array<f32>;
var<workgroup> rowLanes: array<f32, 2080>;
var<workgroup> colLanes: array<vec4f, 256>;
@compute @workgroup_size(256)
fn tiles(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = group.y * groups.x + group.x;
  let place = placeInTile(tile, lane);
  if (place.batch >= params.batch) {
    return;
  }
  let across = tilesAcross(params.cols);
  let down = tilesDown(params.rows);
  let colPartials = params.batch * params.rows * across;
  let totals = colPartials + params.batch * down * params.cols;
  var colSums = vec4f();
{
    let row = place.row + 0u * 4u;
    let at = params.gradOffset + (place.batch * params.rows + row) * params.cols;
    var squares = vec4f();
{
      let col = place.col + 0u * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[0u] = g * g;
      }
}
{
      let col = place.col + 1u * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[1u] = g * g;
      }
}
{
      let col = place.col + 2u * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[2u] = g * g;
      }
}
{
      let col = place.col + 3u * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[3u] = g * g;
      }
}
    colSums += squares;
    rowLanes[(0u * 4u + lane / 64u) * 65u + lane % 64u] =
      (squares.x + squares.y) + (squares.z + squares.w);
}
{
    let row = place.row + 1u * 4u;
    let at = params.gradOffset + (place.batch * params.rows + row) * params.cols;
    var squares = vec4f();
{
      let col = place.col + 0u * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[0u] = g * g;
      }
}
{
      let col = place.col + 1u * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[1u] = g * g;
      }
}
{
      let col = place.col + 2u * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[2u] = g * g;
      }
}
{
      let col = place.col + 3u * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[3u] = g * g;
      }
}
    colSums += squares;
    rowLanes[(1u * 4u + lane / 64u) * 65u + lane % 64u] =
      (squares.x + squares.y) + (squares.z + squares.w);
}
{
    let row = place.row + 2u * 4u;
    let at = params.gradOffset + (place.batch * params.rows + row) * params.cols;
    var squares = vec4f();
{
      let col = place.col + 0u * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[0u] = g * g;
      }
}
{
      let col = place.col + 1u * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[1u] = g * g;
      }
}
{
      let col = place.col + 2u * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[2u] = g * g;
      }
}
{
      let col = place.col + 3u * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[3u] = g * g;
      }
}
    colSums += squares;
    rowLanes[(2u * 4u + lane / 64u) * 65u + lane % 64u] =
      (squares.x + squares.y) + (squares.z + squares.w);
}
{
    let row = place.row + 3u * 4u;
    let at = params.gradOffset + (place.batch * params.rows + row) * params.cols;
    var squares = vec4f();
{
      let col = place.col + 0u * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[0u] = g * g;
      }
}
{
      let col = place.col + 1u * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[1u] = g * g;
      }
}
{
      let col = place.col + 2u * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[2u] = g * g;
      }
}
{
      let col = place.col + 3u * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[3u] = g * g;
      }
}
    colSums += squares;
    rowLanes[(3u * 4u + lane / 64u) * 65u + lane % 64u] =
      (squares.x + squares.y) + (squares.z + squares.w);
}
{
    let row = place.row + 4u * 4u;
    let at = params.gradOffset + (place.batch * params.rows + row) * params.cols;
    var squares = vec4f();
{
      let col = place.col + 0u * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[0u] = g * g;
      }
}
{
      let col = place.col + 1u * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[1u] = g * g;
      }
}
{
      let col = place.col + 2u * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[2u] = g * g;
      }
}
{
      let col = place.col + 3u * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[3u] = g * g;
      }
}
    colSums += squares;
    rowLanes[(4u * 4u + lane / 64u) * 65u + lane % 64u] =
      (squares.x + squares.y) + (squares.z + squares.w);
}
{
    let row = place.row + 5u * 4u;
    let at = params.gradOffset + (place.batch * params.rows + row) * params.cols;
    var squares = vec4f();
{
      let col = place.col + 0u * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[0u] = g * g;
      }
}
{
      let col = place.col + 1u * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[1u] = g * g;
      }
}
{
      let col = place.col + 2u * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[2u] = g * g;
      }
}
{
      let col = place.col + 3u * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[3u] = g * g;
      }
}
    colSums += squares;
    rowLanes[(5u * 4u + lane / 64u) * 65u + lane % 64u] =
      (squares.x + squares.y) + (squares.z + squares.w);
}
{
    let row = place.row + 6u * 4u;
    let at = params.gradOffset + (place.batch * params.rows + row) * params.cols;
    var squares = vec4f();
{
      let col = place.col + 0u * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[0u] = g * g;
      }
}
{
      let col = place.col + 1u * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[1u] = g * g;
      }
}
{
      let col = place.col + 2u * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[2u] = g * g;
      }
}
{
      let col = place.col + 3u * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[3u] = g * g;
      }
}
    colSums += squares;
    rowLanes[(6u * 4u + lane / 64u) * 65u + lane % 64u] =
      (squares.x + squares.y) + (squares.z + squares.w);
}
{
    let row = place.row + 7u * 4u;
    let at = params.gradOffset + (place.batch * params.rows + row) * params.cols;
    var squares = vec4f();
{
      let col = place.col + 0u * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[0u] = g * g;
      }
}
{
      let col = place.col + 1u * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[1u] = g * g;
      }
}
{
      let col = place.col + 2u * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[2u] = g * g;
      }
}
{
      let col = place.col + 3u * 64u;
      if (row < params.rows && col < params.cols) {
        let g = grad[at + col];
        squares[3u] = g * g;
      }
}
    colSums += squares;
    rowLanes[(7u * 4u + lane / 64u) * 65u + lane % 64u] =
      (squares.x + squares.y) + (squares.z + squares.w);
}
  colLanes[lane] = colSums;
  workgroupBarrier();
  let col = place.colTile * 256u + lane;
  let c = lane % 64u;
  let quarter = lane / 64u;
  if (col < params.cols) {
    scratch[colPartials + (place.batch * down + place.rowTile) * params.cols + col] =
      (colLanes[c][quarter] + colLanes[c + 64u][quarter]) +
      (colLanes[c + 128u][quarter] + colLanes[c + 192u][quarter]);
  }
  let part = lane / 8u * 65u + lane % 8u;
  var partSum = 0.0;
{
    partSum += rowLanes[part + 0u * 8u];
}
{
    partSum += rowLanes[part + 1u * 8u];
}
{
    partSum += rowLanes[part + 2u * 8u];
}
{
    partSum += rowLanes[part + 3u * 8u];
}
{
    partSum += rowLanes[part + 4u * 8u];
}
{
    partSum += rowLanes[part + 5u * 8u];
}
{
    partSum += rowLanes[part + 6u * 8u];
}
{
    partSum += rowLanes[part + 7u * 8u];
}
  rowLanes[part] = partSum;
  workgroupBarrier();
  if (lane < 32u) {
    var sum = 0.0;
{
      sum += rowLanes[lane * 65u + 0u];
}
{
      sum += rowLanes[lane * 65u + 1u];
}
{
      sum += rowLanes[lane * 65u + 2u];
}
{
      sum += rowLanes[lane * 65u + 3u];
}
{
      sum += rowLanes[lane * 65u + 4u];
}
{
      sum += rowLanes[lane * 65u + 5u];
}
{
      sum += rowLanes[lane * 65u + 6u];
}
{
      sum += rowLanes[lane * 65u + 7u];
}
    rowLanes[lane * 65u] = sum;
    let row = place.rowTile * 32u + lane;
    if (row < params.rows) {
      scratch[(place.batch * params.rows + row) * across + place.colTile] = sum;
    }
  }
  workgroupBarrier();
  if (lane == 0u) {
    var sum = 0.0;
{
      sum += rowLanes[0u * 65u];
}
{
      sum += rowLanes[1u * 65u];
}
{
      sum += rowLanes[2u * 65u];
}
{
      sum += rowLanes[3u * 65u];
}
{
      sum += rowLanes[4u * 65u];
}
{
      sum += rowLanes[5u * 65u];
}
{
      sum += rowLanes[6u * 65u];
}
{
      sum += rowLanes[7u * 65u];
}
{
      sum += rowLanes[8u * 65u];
}
{
      sum += rowLanes[9u * 65u];
}
{
      sum += rowLanes[10u * 65u];
}
{
      sum += rowLanes[11u * 65u];
}
{
      sum += rowLanes[12u * 65u];
}
{
      sum += rowLanes[13u * 65u];
}
{
      sum += rowLanes[14u * 65u];
}
{
      sum += rowLanes[15u * 65u];
}
{
      sum += rowLanes[16u * 65u];
}
{
      sum += rowLanes[17u * 65u];
}
{
      sum += rowLanes[18u * 65u];
}
{
      sum += rowLanes[19u * 65u];
}
{
      sum += rowLanes[20u * 65u];
}
{
      sum += rowLanes[21u * 65u];
}
{
      sum += rowLanes[22u * 65u];
}
{
      sum += rowLanes[23u * 65u];
}
{
      sum += rowLanes[24u * 65u];
}
{
      sum += rowLanes[25u * 65u];
}
{
      sum += rowLanes[26u * 65u];
}
{
      sum += rowLanes[27u * 65u];
}
{
      sum += rowLanes[28u * 65u];
}
{
      sum += rowLanes[29u * 65u];
}
{
      sum += rowLanes[30u * 65u];
}
{
      sum += rowLanes[31u * 65u];
}
    scratch[totals + tile] = sum;
  }
}
@compute @workgroup_size(256)
fn finish(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let across = tilesAcross(params.cols);
  let down = tilesDown(params.rows);
  let numRows = params.batch * params.rows;
  let numCols = params.batch * params.cols;
  let output = (group.y * groups.x + group.x) * 8u + lane % 8u;
  var first = 0u;
  var step = 1u;
  var count = 0u;
  var slot = 0u;
  if (output < numRows) {
    first = output * across;
    count = across;
    slot = params.rowSums + output;
  } else if (output < numRows + numCols) {
    let column = output - numRows;
    first = numRows * across + column / params.cols * down * params.cols + column % params.cols;
    step = params.cols;
    count = down;
    slot = params.colSums + column;
  } else if (output < numRows + numCols + params.batch) {
    let b = output - numRows - numCols;
    first = numRows * across + numCols * down + b * down * across;
    count = down * across;
    slot = params.total + b;
  }
  let sum = stridedSum(lane, first, step, count);
  if (lane < 8u && output < numRows + numCols + params.batch) {
    sums[slot] = sum;
  }
}
`,
  adafactor_update_squares: `
struct Place {
  batch: u32,
  row: u32,
  col: u32,
  rowTile: u32,
  colTile: u32,
}
fn tilesDown(rows: u32) -> u32 {
  return (rows + 31u) / 32u;
}
fn tilesAcross(cols: u32) -> u32 {
  return (cols + 255u) / 256u;
}
fn placeInTile(tile: u32, lane: u32) -> Place {
  let across = tilesAcross(params.cols);
  let down = tilesDown(params.rows);
  let colTile = tile % across;
  let rowTile = tile / across % down;
  return Place(
    tile / across / down,
    rowTile * 32u + lane / 64u,
    colTile * 256u + lane % 64u,
    rowTile,
    colTile,
  );
}
var<workgroup> laneSums: array<f32, 256>;
fn workgroupSum(lane: u32, value: f32) -> f32 {
  laneSums[lane] = value;
  workgroupBarrier();
  if (lane < 16u) {
    var sum = 0.0;
{
      sum += laneSums[0u * 16u + lane];
}
{
      sum += laneSums[1u * 16u + lane];
}
{
      sum += laneSums[2u * 16u + lane];
}
{
      sum += laneSums[3u * 16u + lane];
}
{
      sum += laneSums[4u * 16u + lane];
}
{
      sum += laneSums[5u * 16u + lane];
}
{
      sum += laneSums[6u * 16u + lane];
}
{
      sum += laneSums[7u * 16u + lane];
}
{
      sum += laneSums[8u * 16u + lane];
}
{
      sum += laneSums[9u * 16u + lane];
}
{
      sum += laneSums[10u * 16u + lane];
}
{
      sum += laneSums[11u * 16u + lane];
}
{
      sum += laneSums[12u * 16u + lane];
}
{
      sum += laneSums[13u * 16u + lane];
}
{
      sum += laneSums[14u * 16u + lane];
}
{
      sum += laneSums[15u * 16u + lane];
}
    laneSums[lane] = sum;
  }
  workgroupBarrier();
  var total = 0.0;
  if (lane == 0u) {
{
      total += laneSums[0u];
}
{
      total += laneSums[1u];
}
{
      total += laneSums[2u];
}
{
      total += laneSums[3u];
}
{
      total += laneSums[4u];
}
{
      total += laneSums[5u];
}
{
      total += laneSums[6u];
}
{
      total += laneSums[7u];
}
{
      total += laneSums[8u];
}
{
      total += laneSums[9u];
}
{
      total += laneSums[10u];
}
{
      total += laneSums[11u];
}
{
      total += laneSums[12u];
}
{
      total += laneSums[13u];
}
{
      total += laneSums[14u];
}
{
      total += laneSums[15u];
}
  }
  return total;
}
fn sumOfPartials(lane: u32, count: u32) -> f32 {
  var s0 = 0.0;
  var s1 = 0.0;
  var i = lane;
  for (; i + 256u < count; i += 512u) {
    s0 += scratch[i];
    s1 += scratch[i + 256u];
  }
  if (i < count) {
    s0 += scratch[i];
  }
  return workgroupSum(lane, s0 + s1);
}
struct Params {
  gradOffset: u32,
  batch: u32,
  rows: u32,
  cols: u32,
  slot: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> grad: array<f32>;
@group(0) @binding(2) var<storage, read> factors: array<f32>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;
@group(0) @binding(4) var<storage, read_write> scratch: array<f32>;
@compute @workgroup_size(256)
fn tiles(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = group.y * groups.x + group.x;
  let place = placeInTile(tile, lane);
  if (place.batch >= params.batch) {
    return;
  }
  let colFactors = params.batch * params.rows + place.batch * params.cols;
  let most = factors[params.batch * (params.rows + params.cols)];
  var colFactor = vec4f();
{
    let col = place.col + 0u * 64u;
    if (col < params.cols) {
      colFactor[0u] = factors[colFactors + col];
    }
}
{
    let col = place.col + 1u * 64u;
    if (col < params.cols) {
      colFactor[1u] = factors[colFactors + col];
    }
}
{
    let col = place.col + 2u * 64u;
    if (col < params.cols) {
      colFactor[2u] = factors[colFactors + col];
    }
}
{
    let col = place.col + 3u * 64u;
    if (col < params.cols) {
      colFactor[3u] = factors[colFactors + col];
    }
}
  var squares = vec4f();
{
    let row = place.row + 0u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
      let at = params.gradOffset + rowIndex * params.cols;
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[0u], most);
          squares[0u] = fma(u, u, squares[0u]);
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[1u], most);
          squares[1u] = fma(u, u, squares[1u]);
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[2u], most);
          squares[2u] = fma(u, u, squares[2u]);
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[3u], most);
          squares[3u] = fma(u, u, squares[3u]);
        }
}
    }
}
{
    let row = place.row + 1u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
      let at = params.gradOffset + rowIndex * params.cols;
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[0u], most);
          squares[0u] = fma(u, u, squares[0u]);
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[1u], most);
          squares[1u] = fma(u, u, squares[1u]);
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[2u], most);
          squares[2u] = fma(u, u, squares[2u]);
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[3u], most);
          squares[3u] = fma(u, u, squares[3u]);
        }
}
    }
}
{
    let row = place.row + 2u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
      let at = params.gradOffset + rowIndex * params.cols;
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[0u], most);
          squares[0u] = fma(u, u, squares[0u]);
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[1u], most);
          squares[1u] = fma(u, u, squares[1u]);
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[2u], most);
          squares[2u] = fma(u, u, squares[2u]);
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[3u], most);
          squares[3u] = fma(u, u, squares[3u]);
        }
}
    }
}
{
    let row = place.row + 3u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
      let at = params.gradOffset + rowIndex * params.cols;
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[0u], most);
          squares[0u] = fma(u, u, squares[0u]);
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[1u], most);
          squares[1u] = fma(u, u, squares[1u]);
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[2u], most);
          squares[2u] = fma(u, u, squares[2u]);
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[3u], most);
          squares[3u] = fma(u, u, squares[3u]);
        }
}
    }
}
{
    let row = place.row + 4u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
      let at = params.gradOffset + rowIndex * params.cols;
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[0u], most);
          squares[0u] = fma(u, u, squares[0u]);
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[1u], most);
          squares[1u] = fma(u, u, squares[1u]);
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[2u], most);
          squares[2u] = fma(u, u, squares[2u]);
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[3u], most);
          squares[3u] = fma(u, u, squares[3u]);
        }
}
    }
}
{
    let row = place.row + 5u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
      let at = params.gradOffset + rowIndex * params.cols;
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[0u], most);
          squares[0u] = fma(u, u, squares[0u]);
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[1u], most);
          squares[1u] = fma(u, u, squares[1u]);
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[2u], most);
          squares[2u] = fma(u, u, squares[2u]);
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[3u], most);
          squares[3u] = fma(u, u, squares[3u]);
        }
}
    }
}
{
    let row = place.row + 6u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
      let at = params.gradOffset + rowIndex * params.cols;
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[0u], most);
          squares[0u] = fma(u, u, squares[0u]);
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[1u], most);
          squares[1u] = fma(u, u, squares[1u]);
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[2u], most);
          squares[2u] = fma(u, u, squares[2u]);
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[3u], most);
          squares[3u] = fma(u, u, squares[3u]);
        }
}
    }
}
{
    let row = place.row + 7u * 4u;
    if (row < params.rows) {
      let rowIndex = place.batch * params.rows + row;
      let rowFactor = factors[rowIndex];
      let at = params.gradOffset + rowIndex * params.cols;
{
        let col = place.col + 0u * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[0u], most);
          squares[0u] = fma(u, u, squares[0u]);
        }
}
{
        let col = place.col + 1u * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[1u], most);
          squares[1u] = fma(u, u, squares[1u]);
        }
}
{
        let col = place.col + 2u * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[2u], most);
          squares[2u] = fma(u, u, squares[2u]);
        }
}
{
        let col = place.col + 3u * 64u;
        if (col < params.cols) {
          let u = grad[at + col] * min(rowFactor * colFactor[3u], most);
          squares[3u] = fma(u, u, squares[3u]);
        }
}
    }
}
  let sum = workgroupSum(lane, (squares.x + squares.y) + (squares.z + squares.w));
  if (lane == 0u) {
    scratch[tile] = sum;
  }
}
@compute @workgroup_size(256)
fn finish(@builtin(local_invocation_index) lane: u32) {
  let count = params.batch * tilesDown(params.rows) * tilesAcross(params.cols);
  let sum = sumOfPartials(lane, count);
  if (lane == 0u) {
    sums[params.slot] = sum;
  }
}
`,
  add: `
struct Params {
  length: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
{
    let i = first + 0u * 256u;
    if (i < params.length) {
      out[i] = a[i] + b[i];
    }
}
{
    let i = first + 1u * 256u;
    if (i < params.length) {
      out[i] = a[i] + b[i];
    }
}
{
    let i = first + 2u * 256u;
    if (i < params.length) {
      out[i] = a[i] + b[i];
    }
}
{
    let i = first + 3u * 256u;
    if (i < params.length) {
      out[i] = a[i] + b[i];
    }
}
}
`,
  add_row: `
struct Params {
  rows: u32,
  cols: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
{
    let i = first + 0u * 256u;
    if (i < params.rows * params.cols) {
      out[i] = x[i] + bias[i % params.cols];
    }
}
{
    let i = first + 1u * 256u;
    if (i < params.rows * params.cols) {
      out[i] = x[i] + bias[i % params.cols];
    }
}
{
    let i = first + 2u * 256u;
    if (i < params.rows * params.cols) {
      out[i] = x[i] + bias[i % params.cols];
    }
}
{
    let i = first + 3u * 256u;
    if (i < params.rows * params.cols) {
      out[i] = x[i] + bias[i % params.cols];
    }
}
}
`,
  cast: `
fn widen(storage: u32, half: u32) -> u32 {
  if (storage == 2u) {
    return half << 16u;
  }
  let sign = (half & 0x8000u) << 16u;
  let exponent = (half >> 10u) & 31u;
  let fraction = half & 0x3ffu;
  if (exponent == 31u) {
    return sign | 0x7f800000u | (fraction << 13u);
  }
  if (exponent > 0u) {
    return sign | ((exponent + 112u) << 23u) | (fraction << 13u);
  }
  if (fraction == 0u) {
    return sign;
  }
  let leading = firstLeadingBit(fraction);
  return sign | (((leading + 102u) << 23u) + (fraction << (23u - leading)));
}
fn narrow(storage: u32, bits: u32) -> u32 {
  let magnitude = bits & 0x7fffffffu;
  let isNan = magnitude > 0x7f800000u;
  if (storage == 2u) {
    return select(bits + 0x7fffu + ((bits >> 16u) & 1u), bits | 0x400000u, isNan) >> 16u;
  }
  let sign = (bits >> 16u) & 0x8000u;
  if (isNan) {
    return sign | 0x7e00u | ((magnitude >> 13u) & 0x3ffu);
  }
  if (magnitude >= 0x47800000u) {
    return sign | 0x7c00u;
  }
  if (magnitude >= 0x38800000u) {
    return sign | ((magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13u) & 1u)) >> 13u);
  }
  let places = min(126u - (magnitude >> 23u), 25u);
  let whole = (magnitude & 0x7fffffu) | 0x800000u;
  return sign | ((whole + (1u << (places - 1u)) - 1u + ((whole >> places) & 1u)) >> places);
}
override accumulates: bool = false;
struct Params {
  fromType: u32,
  toType: u32,
  fromOffset: u32,
  toOffset: u32,
  length: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<u32>;
fn renewed(at: u32, old: u32) -> u32 {
  let i = at - params.toOffset;
  if (i >= params.length) {
    return old;
  }
  let source = params.fromOffset + i;
  var bits = 0u;
  if (params.fromType == 0u) {
    bits = x[source];
  } else {
    bits = extractBits(x[source / 2u], source % 2u * 16u, 16u);
  }
  if (params.fromType == params.toType && !accumulates) {
    return bits;
  }
  if (params.fromType != 0u) {
    bits = widen(params.fromType, bits);
  }
  if (accumulates) {
    var oldBits = old;
    if (params.toType != 0u) {
      oldBits = widen(params.toType, old);
    }
    bits = bitcast<u32>(bitcast<f32>(oldBits) + bitcast<f32>(bits));
  }
  if (params.toType == 0u) {
    return bits;
  }
  return narrow(params.toType, bits);
}
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let perWord = select(2u, 1u, params.toType == 0u);
  let first = params.toOffset / perWord + (group.y * groups.x + group.x) * 1024u + lane;
{
    let word = first + 0u * 256u;
    if (word * perWord < params.toOffset + params.length) {
      let old = out[word];
      if (perWord == 1u) {
        out[word] = renewed(word, old);
      } else {
        out[word] = renewed(2u * word, old & 0xffffu) |
          (renewed(2u * word + 1u, old >> 16u) << 16u);
      }
    }
}
{
    let word = first + 1u * 256u;
    if (word * perWord < params.toOffset + params.length) {
      let old = out[word];
      if (perWord == 1u) {
        out[word] = renewed(word, old);
      } else {
        out[word] = renewed(2u * word, old & 0xffffu) |
          (renewed(2u * word + 1u, old >> 16u) << 16u);
      }
    }
}
{
    let word = first + 2u * 256u;
    if (word * perWord < params.toOffset + params.length) {
      let old = out[word];
      if (perWord == 1u) {
        out[word] = renewed(word, old);
      } else {
        out[word] = renewed(2u * word, old & 0xffffu) |
          (renewed(2u * word + 1u, old >> 16u) << 16u);
      }
    }
}
{
    let word = first + 3u * 256u;
    if (word * perWord < params.toOffset + params.length) {
      let old = out[word];
      if (perWord == 1u) {
        out[word] = renewed(word, old);
      } else {
        out[word] = renewed(2u * word, old & 0xffffu) |
          (renewed(2u * word + 1u, old >> 16u) << 16u);
      }
    }
}
}
`,
  column_sums: `
struct Place {
  batch: u32,
  row: u32,
  col: u32,
  rowTile: u32,
  colTile: u32,
}
fn tilesDown(rows: u32) -> u32 {
  return (rows + 31u) / 32u;
}
fn tilesAcross(cols: u32) -> u32 {
  return (cols + 255u) / 256u;
}
fn placeInTile(tile: u32, lane: u32) -> Place {
  let across = tilesAcross(params.cols);
  let down = tilesDown(params.rows);
  let colTile = tile % across;
  let rowTile = tile / across % down;
  return Place(
    tile / across / down,
    rowTile * 32u + lane / 64u,
    colTile * 256u + lane % 64u,
    rowTile,
    colTile,
  );
}
var<workgroup> partSums: array<f32, 256>;
fn stridedSum(lane: u32, first: u32, step: u32, count: u32) -> f32 {
  var sum = 0.0;
  for (var part = lane / 8u; part < count; part += 32u) {
    sum += scratch[first + part * step];
  }
  partSums[lane] = sum;
  for (var half = 128u; half >= 8u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      partSums[lane] += partSums[lane + half];
    }
  }
  return partSums[lane];
}
struct Params {
  rows: u32,
  cols: u32,
  accumulate: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<storage, read_write> scratch: array<f32>;
var<workgroup> laneSums: array<vec4f, 256>;
@compute @workgroup_size(256)
fn tiles(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let place = placeInTile(group.y * groups.x + group.x, lane);
  if (place.batch > 0u) {
    return;
  }
  var sums = vec4f();
{
    let row = place.row + 0u * 4u;
{
      let col = place.col + 0u * 64u;
      if (row < params.rows && col < params.cols) {
        sums[0u] += x[row * params.cols + col];
      }
}
{
      let col = place.col + 1u * 64u;
      if (row < params.rows && col < params.cols) {
        sums[1u] += x[row * params.cols + col];
      }
}
{
      let col = place.col + 2u * 64u;
      if (row < params.rows && col < params.cols) {
        sums[2u] += x[row * params.cols + col];
      }
}
{
      let col = place.col + 3u * 64u;
      if (row < params.rows && col < params.cols) {
        sums[3u] += x[row * params.cols + col];
      }
}
}
{
    let row = place.row + 1u * 4u;
{
      let col = place.col + 0u * 64u;
      if (row < params.rows && col < params.cols) {
        sums[0u] += x[row * params.cols + col];
      }
}
{
      let col = place.col + 1u * 64u;
      if (row < params.rows && col < params.cols) {
        sums[1u] += x[row * params.cols + col];
      }
}
{
      let col = place.col + 2u * 64u;
      if (row < params.rows && col < params.cols) {
        sums[2u] += x[row * params.cols + col];
      }
}
{
      let col = place.col + 3u * 64u;
      if (row < params.rows && col < params.cols) {
        sums[3u] += x[row * params.cols + col];
      }
}
}
{
    let row = place.row + 2u * 4u;
{
      let col = place.col + 0u * 64u;
      if (row < params.rows && col < params.cols) {
        sums[0u] += x[row * params.cols + col];
      }
}
{
      let col = place.col + 1u * 64u;
      if (row < params.rows && col < params.cols) {
        sums[1u] += x[row * params.cols + col];
      }
}
{
      let col = place.col + 2u * 64u;
      if (row < params.rows && col < params.cols) {
        sums[2u] += x[row * params.cols + col];
      }
}
{
      let col = place.col + 3u * 64u;
      if (row < params.rows && col < params.cols) {
        sums[3u] += x[row * params.cols + col];
      }
}
}
{
    let row = place.row + 3u * 4u;
{
      let col = place.col + 0u * 64u;
      if (row < params.rows && col < params.cols) {
        sums[0u] += x[row * params.cols + col];
      }
}
{
      let col = place.col + 1u * 64u;
      if (row < params.rows && col < params.cols) {
        sums[1u] += x[row * params.cols + col];
      }
}
{
      let col = place.col + 2u * 64u;
      if (row < params.rows && col < params.cols) {
        sums[2u] += x[row * params.cols + col];
      }
}
{
      let col = place.col + 3u * 64u;
      if (row < params.rows && col < params.cols) {
        sums[3u] += x[row * params.cols + col];
      }
}
}
{
    let row = place.row + 4u * 4u;
{
      let col = place.col + 0u * 64u;
      if (row < params.rows && col < params.cols) {
        sums[0u] += x[row * params.cols + col];
      }
}
{
      let col = place.col + 1u * 64u;
      if (row < params.rows && col < params.cols) {
        sums[1u] += x[row * params.cols + col];
      }
}
{
      let col = place.col + 2u * 64u;
      if (row < params.rows && col < params.cols) {
        sums[2u] += x[row * params.cols + col];
      }
}
{
      let col = place.col + 3u * 64u;
      if (row < params.rows && col < params.cols) {
        sums[3u] += x[row * params.cols + col];
      }
}
}
{
    let row = place.row + 5u * 4u;
{
      let col = place.col + 0u * 64u;
      if (row < params.rows && col < params.cols) {
        sums[0u] += x[row * params.cols + col];
      }
}
{
      let col = place.col + 1u * 64u;
      if (row < params.rows && col < params.cols) {
        sums[1u] += x[row * params.cols + col];
      }
}
{
      let col = place.col + 2u * 64u;
      if (row < params.rows && col < params.cols) {
        sums[2u] += x[row * params.cols + col];
      }
}
{
      let col = place.col + 3u * 64u;
      if (row < params.rows && col < params.cols) {
        sums[3u] += x[row * params.cols + col];
      }
}
}
{
    let row = place.row + 6u * 4u;
{
      let col = place.col + 0u * 64u;
      if (row < params.rows && col < params.cols) {
        sums[0u] += x[row * params.cols + col];
      }
}
{
      let col = place.col + 1u * 64u;
      if (row < params.rows && col < params.cols) {
        sums[1u] += x[row * params.cols + col];
      }
}
{
      let col = place.col + 2u * 64u;
      if (row < params.rows && col < params.cols) {
        sums[2u] += x[row * params.cols + col];
      }
}
{
      let col = place.col + 3u * 64u;
      if (row < params.rows && col < params.cols) {
        sums[3u] += x[row * params.cols + col];
      }
}
}
{
    let row = place.row + 7u * 4u;
{
      let col = place.col + 0u * 64u;
      if (row < params.rows && col < params.cols) {
        sums[0u] += x[row * params.cols + col];
      }
}
{
      let col = place.col + 1u * 64u;
      if (row < params.rows && col < params.cols) {
        sums[1u] += x[row * params.cols + col];
      }
}
{
      let col = place.col + 2u * 64u;
      if (row < params.rows && col < params.cols) {
        sums[2u] += x[row * params.cols + col];
      }
}
{
      let col = place.col + 3u * 64u;
      if (row < params.rows && col < params.cols) {
        sums[3u] += x[row * params.cols + col];
      }
}
}
  laneSums[lane] = sums;
  workgroupBarrier();
  let col = place.colTile * 256u + lane;
  let c = lane % 64u;
  let j = lane / 64u;
  if (col < params.cols) {
    scratch[place.rowTile * params.cols + col] =
      (laneSums[c][j] + laneSums[c + 64u][j]) + (laneSums[c + 128u][j] + laneSums[c + 192u][j]);
  }
}
@compute @workgroup_size(256)
fn finish(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let col = (group.y * groups.x + group.x) * 8u + lane % 8u;
  let count = select(0u, tilesDown(params.rows), col < params.cols);
  let sum = stridedSum(lane, col, params.cols, count);
  if (lane < 8u && col < params.cols) {
    let before = select(0.0, out[col], params.accumulate != 0u);
    out[col] = before + sum;
  }
}
`,
  copy_block: `
struct Params {
  rows: u32,
  cols: u32,
  fromStride: u32,
  fromOffset: u32,
  toStride: u32,
  toOffset: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
{
    let i = first + 0u * 256u;
    if (i < params.rows * params.cols) {
      let r = i / params.cols;
      let c = i % params.cols;
      out[r * params.toStride + params.toOffset + c] = x[r * params.fromStride + params.fromOffset + c];
    }
}
{
    let i = first + 1u * 256u;
    if (i < params.rows * params.cols) {
      let r = i / params.cols;
      let c = i % params.cols;
      out[r * params.toStride + params.toOffset + c] = x[r * params.fromStride + params.fromOffset + c];
    }
}
{
    let i = first + 2u * 256u;
    if (i < params.rows * params.cols) {
      let r = i / params.cols;
      let c = i % params.cols;
      out[r * params.toStride + params.toOffset + c] = x[r * params.fromStride + params.fromOffset + c];
    }
}
{
    let i = first + 3u * 256u;
    if (i < params.rows * params.cols) {
      let r = i / params.cols;
      let c = i % params.cols;
      out[r * params.toStride + params.toOffset + c] = x[r * params.fromStride + params.fromOffset + c];
    }
}
}
`,
  dropout: `
struct Params {
  length: u32,
  seedLow: u32,
  seedHigh: u32,
  first: u32,
  threshold: u32,
  scale: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
{
    let i = first + 0u * 256u;
    if (i < params.length) {
      let random = mix(mix((params.first + i) ^ params.seedLow) ^ params.seedHigh);
      out[i] = select(0.0, params.scale * x[i], random >= params.threshold);
    }
}
{
    let i = first + 1u * 256u;
    if (i < params.length) {
      let random = mix(mix((params.first + i) ^ params.seedLow) ^ params.seedHigh);
      out[i] = select(0.0, params.scale * x[i], random >= params.threshold);
    }
}
{
    let i = first + 2u * 256u;
    if (i < params.length) {
      let random = mix(mix((params.first + i) ^ params.seedLow) ^ params.seedHigh);
      out[i] = select(0.0, params.scale * x[i], random >= params.threshold);
    }
}
{
    let i = first + 3u * 256u;
    if (i < params.length) {
      let random = mix(mix((params.first + i) ^ params.seedLow) ^ params.seedHigh);
      out[i] = select(0.0, params.scale * x[i], random >= params.threshold);
    }
}
}
fn mix(value: u32) -> u32 {
  var x = value;
  x = (x ^ (x >> 16u)) * 0x7feb352du;
  x = (x ^ (x >> 15u)) * 0x846ca68bu;
  return x ^ (x >> 16u);
}
`,
  embedding: `
fn widen(storage: u32, half: u32) -> u32 {
  if (storage == 2u) {
    return half << 16u;
  }
  let sign = (half & 0x8000u) << 16u;
  let exponent = (half >> 10u) & 31u;
  let fraction = half & 0x3ffu;
  if (exponent == 31u) {
    return sign | 0x7f800000u | (fraction << 13u);
  }
  if (exponent > 0u) {
    return sign | ((exponent + 112u) << 23u) | (fraction << 13u);
  }
  if (fraction == 0u) {
    return sign;
  }
  let leading = firstLeadingBit(fraction);
  return sign | (((leading + 102u) << 23u) + (fraction << (23u - leading)));
}
fn narrow(storage: u32, bits: u32) -> u32 {
  let magnitude = bits & 0x7fffffffu;
  let isNan = magnitude > 0x7f800000u;
  if (storage == 2u) {
    return select(bits + 0x7fffu + ((bits >> 16u) & 1u), bits | 0x400000u, isNan) >> 16u;
  }
  let sign = (bits >> 16u) & 0x8000u;
  if (isNan) {
    return sign | 0x7e00u | ((magnitude >> 13u) & 0x3ffu);
  }
  if (magnitude >= 0x47800000u) {
    return sign | 0x7c00u;
  }
  if (magnitude >= 0x38800000u) {
    return sign | ((magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13u) & 1u)) >> 13u);
  }
  let places = min(126u - (magnitude >> 23u), 25u);
  let whole = (magnitude & 0x7fffffu) | 0x800000u;
  return sign | ((whole + (1u << (places - 1u)) - 1u + ((whole >> places) & 1u)) >> places);
}
struct Params {
  count: u32,
  width: u32,
  numRows: u32,
  tableType: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> table: array<u32>;
@group(0) @binding(2) var<storage, read> indices: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<u32>;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
{
    let i = first + 0u * 256u;
    if (i < params.count * params.width) {
      let t = i / params.width;
      let d = i % params.width;
      let at = indices[t] * params.width + d;
      if (params.tableType == 0u) {
        out[i] = table[at];
      } else {
        out[i] = widen(params.tableType, extractBits(table[at / 2u], at % 2u * 16u, 16u));
      }
    }
}
{
    let i = first + 1u * 256u;
    if (i < params.count * params.width) {
      let t = i / params.width;
      let d = i % params.width;
      let at = indices[t] * params.width + d;
      if (params.tableType == 0u) {
        out[i] = table[at];
      } else {
        out[i] = widen(params.tableType, extractBits(table[at / 2u], at % 2u * 16u, 16u));
      }
    }
}
{
    let i = first + 2u * 256u;
    if (i < params.count * params.width) {
      let t = i / params.width;
      let d = i % params.width;
      let at = indices[t] * params.width + d;
      if (params.tableType == 0u) {
        out[i] = table[at];
      } else {
        out[i] = widen(params.tableType, extractBits(table[at / 2u], at % 2u * 16u, 16u));
      }
    }
}
{
    let i = first + 3u * 256u;
    if (i < params.count * params.width) {
      let t = i / params.width;
      let d = i % params.width;
      let at = indices[t] * params.width + d;
      if (params.tableType == 0u) {
        out[i] = table[at];
      } else {
        out[i] = widen(params.tableType, extractBits(table[at / 2u], at % 2u * 16u, 16u));
      }
    }
}
}
`,
  embedding_backward: `
struct Params {
  count: u32,
  width: u32,
  numRows: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dtable: array<f32>;
var<workgroup> matches: array<atomic<u32>, 64>;
var<workgroup> numMatches: atomic<u32>;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let blocksAcross = (params.width + 255u) / 256u;
  let block = group.y * groups.x + group.x;
  let v = block / blocksAcross;
  let d = block % blocksAcross * 256u + lane;
  if (v >= params.numRows) {
    return;
  }
  var sum = 0.0;
  for (var first = 0u; first < params.count; first += 2048u) {
    if (lane < 64u) {
      atomicStore(&matches[lane], 0u);
    }
    if (lane == 64u) {
      atomicStore(&numMatches, 0u);
    }
    workgroupBarrier();
{
      let offset = 0u * 256u + lane;
      if (first + offset < params.count && indices[first + offset] == v) {
        atomicOr(&matches[offset / 32u], 1u << (offset % 32u));
        atomicAdd(&numMatches, 1u);
      }
}
{
      let offset = 1u * 256u + lane;
      if (first + offset < params.count && indices[first + offset] == v) {
        atomicOr(&matches[offset / 32u], 1u << (offset % 32u));
        atomicAdd(&numMatches, 1u);
      }
}
{
      let offset = 2u * 256u + lane;
      if (first + offset < params.count && indices[first + offset] == v) {
        atomicOr(&matches[offset / 32u], 1u << (offset % 32u));
        atomicAdd(&numMatches, 1u);
      }
}
{
      let offset = 3u * 256u + lane;
      if (first + offset < params.count && indices[first + offset] == v) {
        atomicOr(&matches[offset / 32u], 1u << (offset % 32u));
        atomicAdd(&numMatches, 1u);
      }
}
{
      let offset = 4u * 256u + lane;
      if (first + offset < params.count && indices[first + offset] == v) {
        atomicOr(&matches[offset / 32u], 1u << (offset % 32u));
        atomicAdd(&numMatches, 1u);
      }
}
{
      let offset = 5u * 256u + lane;
      if (first + offset < params.count && indices[first + offset] == v) {
        atomicOr(&matches[offset / 32u], 1u << (offset % 32u));
        atomicAdd(&numMatches, 1u);
      }
}
{
      let offset = 6u * 256u + lane;
      if (first + offset < params.count && indices[first + offset] == v) {
        atomicOr(&matches[offset / 32u], 1u << (offset % 32u));
        atomicAdd(&numMatches, 1u);
      }
}
{
      let offset = 7u * 256u + lane;
      if (first + offset < params.count && indices[first + offset] == v) {
        atomicOr(&matches[offset / 32u], 1u << (offset % 32u));
        atomicAdd(&numMatches, 1u);
      }
}
    workgroupBarrier();
    var left = atomicLoad(&numMatches);
    for (var word = 0u; left > 0u; word++) {
      var bits = atomicLoad(&matches[word]);
      left -= countOneBits(bits);
      while (bits != 0u) {
        let t = first + word * 32u + firstTrailingBit(bits);
        if (d < params.width) {
          sum += dy[t * params.width + d];
        }
        bits &= bits - 1u;
      }
    }
    workgroupBarrier();
  }
  if (d < params.width) {
    dtable[v * params.width + d] += sum;
  }
}
`,
  fill: `
struct Params {
  offset: u32,
  length: u32,
  value: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
{
    let i = first + 0u * 256u;
    if (i < params.length) {
      out[params.offset + i] = params.value;
    }
}
{
    let i = first + 1u * 256u;
    if (i < params.length) {
      out[params.offset + i] = params.value;
    }
}
{
    let i = first + 2u * 256u;
    if (i < params.length) {
      out[params.offset + i] = params.value;
    }
}
{
    let i = first + 3u * 256u;
    if (i < params.length) {
      out[params.offset + i] = params.value;
    }
}
}
`,
  gelu: `
fn expAccurate(exponent: f32) -> f32 {
  let x = clamp(exponent, -104.0, 89.0);
  let n = round(x * 1.44269504);
  let r = fma(n, 2.12194440e-4, fma(n, -0.693359375, x));
  var p = 1.3888889e-3;
  p = fma(p, r, 8.3333333e-3);
  p = fma(p, r, 4.1666667e-2);
  p = fma(p, r, 0.16666667);
  p = fma(p, r, 0.5);
  p = fma(p, r, 1.0);
  p = fma(p, r, 1.0);
  let half = i32(n) / 2;
  return p * powerOfTwo(half) * powerOfTwo(i32(n) - half);
}
fn powerOfTwo(n: i32) -> f32 {
  return bitcast<f32>((n + 127) << 23u);
}
fn erfcOfPositive(z: f32) -> f32 {
  let t = 1.0 / fma(0.5, z, 1.0);
  var p = 0.17087277;
  p = fma(p, t, -0.82215223);
  p = fma(p, t, 1.48851587);
  p = fma(p, t, -1.13520398);
  p = fma(p, t, 0.27886807);
  p = fma(p, t, -0.18628806);
  p = fma(p, t, 0.09678418);
  p = fma(p, t, 0.37409196);
  p = fma(p, t, 1.00002368);
  p = fma(p, t, -1.26551223);
  return t * expAccurate(p - z * z);
}
fn normalCdf(x: f32) -> f32 {
  let tail = 0.5 * erfcOfPositive(abs(x) * 0.70710678);
  return select(tail, 1.0 - tail, x > 0.0);
}
struct Params {
  length: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
{
    let i = first + 0u * 256u;
    if (i < params.length) {
      out[i] = x[i] * normalCdf(x[i]);
    }
}
{
    let i = first + 1u * 256u;
    if (i < params.length) {
      out[i] = x[i] * normalCdf(x[i]);
    }
}
{
    let i = first + 2u * 256u;
    if (i < params.length) {
      out[i] = x[i] * normalCdf(x[i]);
    }
}
{
    let i = first + 3u * 256u;
    if (i < params.length) {
      out[i] = x[i] * normalCdf(x[i]);
    }
}
}
`,
  gelu_backward: `
fn expAccurate(exponent: f32) -> f32 {
  let x = clamp(exponent, -104.0, 89.0);
  let n = round(x * 1.44269504);
  let r = fma(n, 2.12194440e-4, fma(n, -0.693359375, x));
  var p = 1.3888889e-3;
  p = fma(p, r, 8.3333333e-3);
  p = fma(p, r, 4.1666667e-2);
  p = fma(p, r, 0.16666667);
  p = fma(p, r, 0.5);
  p = fma(p, r, 1.0);
  p = fma(p, r, 1.0);
  let half = i32(n) / 2;
  return p * powerOfTwo(half) * powerOfTwo(i32(n) - half);
}
fn powerOfTwo(n: i32) -> f32 {
  return bitcast<f32>((n + 127) << 23u);
}
fn erfcOfPositive(z: f32) -> f32 {
  let t = 1.0 / fma(0.5, z, 1.0);
  var p = 0.17087277;
  p = fma(p, t, -0.82215223);
  p = fma(p, t, 1.48851587);
  p = fma(p, t, -1.13520398);
  p = fma(p, t, 0.27886807);
  p = fma(p, t, -0.18628806);
  p = fma(p, t, 0.09678418);
  p = fma(p, t, 0.37409196);
  p = fma(p, t, 1.00002368);
  p = fma(p, t, -1.26551223);
  return t * expAccurate(p - z * z);
}
fn normalCdf(x: f32) -> f32 {
  let tail = 0.5 * erfcOfPositive(abs(x) * 0.70710678);
  return select(tail, 1.0 - tail, x > 0.0);
}
struct Params {
  length: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
{
    let i = first + 0u * 256u;
    if (i < params.length) {
      let value = x[i];
      let density = 0.3989422804 * expAccurate(-0.5 * value * value);
      dx[i] = dy[i] * (normalCdf(value) + value * density);
    }
}
{
    let i = first + 1u * 256u;
    if (i < params.length) {
      let value = x[i];
      let density = 0.3989422804 * expAccurate(-0.5 * value * value);
      dx[i] = dy[i] * (normalCdf(value) + value * density);
    }
}
{
    let i = first + 2u * 256u;
    if (i < params.length) {
      let value = x[i];
      let density = 0.3989422804 * expAccurate(-0.5 * value * value);
      dx[i] = dy[i] * (normalCdf(value) + value * density);
    }
}
{
    let i = first + 3u * 256u;
    if (i < params.length) {
      let value = x[i];
      let density = 0.3989422804 * expAccurate(-0.5 * value * value);
      dx[i] = dy[i] * (normalCdf(value) + value * density);
    }
}
}
`,
  matmul: `
override aAlongK: bool;
override bAlongK: bool;
struct Params {
  m: u32,
  n: u32,
  k: u32,
  rowBegin: u32,
  rowEnd: u32,
  biasLength: u32,
  accumulate: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;
var<workgroup> aPanel: array<vec4f, 272>;
var<workgroup> bPanel: array<vec4f, 272>;
@compute @workgroup_size(16, 16)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tilesAcross = (params.n + 63u) / 64u;
  let tile = group.y * groups.x + group.x;
  let rowFirst = params.rowBegin + tile / tilesAcross * 64u;
  let colFirst = tile % tilesAcross * 64u;
  if (rowFirst >= params.rowEnd) {
    return;
  }
  let rowLane = lane / 16u;
  let colLane = lane % 16u;
  var sum0 = vec4f();
  var sum1 = vec4f();
  var sum2 = vec4f();
  var sum3 = vec4f();
  for (var depth = 0u; depth < params.k; depth += 16u) {
{
      let e = 0u * 256u + lane;
      let aLine = select(e % 64u, e / 16u, aAlongK);
      let aDeep = select(e / 64u, e % 16u, aAlongK);
      let row = rowFirst + aLine;
      let aK = depth + aDeep;
      var aValue = 0.0;
      if (row < params.rowEnd && aK < params.k) {
        aValue = a[select(aK * params.m + row, row * params.k + aK, aAlongK)];
      }
      aPanel[aDeep * 17u + aLine / 4u][aLine % 4u] = aValue;
      let bLine = select(e % 64u, e / 16u, bAlongK);
      let bDeep = select(e / 64u, e % 16u, bAlongK);
      let col = colFirst + bLine;
      let bK = depth + bDeep;
      var bValue = 0.0;
      if (col < params.n && bK < params.k) {
        bValue = b[select(bK * params.n + col, col * params.k + bK, bAlongK)];
      }
      bPanel[bDeep * 17u + bLine / 4u][bLine % 4u] = bValue;
}
{
      let e = 1u * 256u + lane;
      let aLine = select(e % 64u, e / 16u, aAlongK);
      let aDeep = select(e / 64u, e % 16u, aAlongK);
      let row = rowFirst + aLine;
      let aK = depth + aDeep;
      var aValue = 0.0;
      if (row < params.rowEnd && aK < params.k) {
        aValue = a[select(aK * params.m + row, row * params.k + aK, aAlongK)];
      }
      aPanel[aDeep * 17u + aLine / 4u][aLine % 4u] = aValue;
      let bLine = select(e % 64u, e / 16u, bAlongK);
      let bDeep = select(e / 64u, e % 16u, bAlongK);
      let col = colFirst + bLine;
      let bK = depth + bDeep;
      var bValue = 0.0;
      if (col < params.n && bK < params.k) {
        bValue = b[select(bK * params.n + col, col * params.k + bK, bAlongK)];
      }
      bPanel[bDeep * 17u + bLine / 4u][bLine % 4u] = bValue;
}
{
      let e = 2u * 256u + lane;
      let aLine = select(e % 64u, e / 16u, aAlongK);
      let aDeep = select(e / 64u, e % 16u, aAlongK);
      let row = rowFirst + aLine;
      let aK = depth + aDeep;
      var aValue = 0.0;
      if (row < params.rowEnd && aK < params.k) {
        aValue = a[select(aK * params.m + row, row * params.k + aK, aAlongK)];
      }
      aPanel[aDeep * 17u + aLine / 4u][aLine % 4u] = aValue;
      let bLine = select(e % 64u, e / 16u, bAlongK);
      let bDeep = select(e / 64u, e % 16u, bAlongK);
      let col = colFirst + bLine;
      let bK = depth + bDeep;
      var bValue = 0.0;
      if (col < params.n && bK < params.k) {
        bValue = b[select(bK * params.n + col, col * params.k + bK, bAlongK)];
      }
      bPanel[bDeep * 17u + bLine / 4u][bLine % 4u] = bValue;
}
{
      let e = 3u * 256u + lane;
      let aLine = select(e % 64u, e / 16u, aAlongK);
      let aDeep = select(e / 64u, e % 16u, aAlongK);
      let row = rowFirst + aLine;
      let aK = depth + aDeep;
      var aValue = 0.0;
      if (row < params.rowEnd && aK < params.k) {
        aValue = a[select(aK * params.m + row, row * params.k + aK, aAlongK)];
      }
      aPanel[aDeep * 17u + aLine / 4u][aLine % 4u] = aValue;
      let bLine = select(e % 64u, e / 16u, bAlongK);
      let bDeep = select(e / 64u, e % 16u, bAlongK);
      let col = colFirst + bLine;
      let bK = depth + bDeep;
      var bValue = 0.0;
      if (col < params.n && bK < params.k) {
        bValue = b[select(bK * params.n + col, col * params.k + bK, bAlongK)];
      }
      bPanel[bDeep * 17u + bLine / 4u][bLine % 4u] = bValue;
}
    workgroupBarrier();
{
      let x = aPanel[0u * 17u + rowLane];
      let y = bPanel[0u * 17u + colLane];
      sum0 = fma(vec4f(x.x), y, sum0);
      sum1 = fma(vec4f(x.y), y, sum1);
      sum2 = fma(vec4f(x.z), y, sum2);
      sum3 = fma(vec4f(x.w), y, sum3);
}
{
      let x = aPanel[1u * 17u + rowLane];
      let y = bPanel[1u * 17u + colLane];
      sum0 = fma(vec4f(x.x), y, sum0);
      sum1 = fma(vec4f(x.y), y, sum1);
      sum2 = fma(vec4f(x.z), y, sum2);
      sum3 = fma(vec4f(x.w), y, sum3);
}
{
      let x = aPanel[2u * 17u + rowLane];
      let y = bPanel[2u * 17u + colLane];
      sum0 = fma(vec4f(x.x), y, sum0);
      sum1 = fma(vec4f(x.y), y, sum1);
      sum2 = fma(vec4f(x.z), y, sum2);
      sum3 = fma(vec4f(x.w), y, sum3);
}
{
      let x = aPanel[3u * 17u + rowLane];
      let y = bPanel[3u * 17u + colLane];
      sum0 = fma(vec4f(x.x), y, sum0);
      sum1 = fma(vec4f(x.y), y, sum1);
      sum2 = fma(vec4f(x.z), y, sum2);
      sum3 = fma(vec4f(x.w), y, sum3);
}
{
      let x = aPanel[4u * 17u + rowLane];
      let y = bPanel[4u * 17u + colLane];
      sum0 = fma(vec4f(x.x), y, sum0);
      sum1 = fma(vec4f(x.y), y, sum1);
      sum2 = fma(vec4f(x.z), y, sum2);
      sum3 = fma(vec4f(x.w), y, sum3);
}
{
      let x = aPanel[5u * 17u + rowLane];
      let y = bPanel[5u * 17u + colLane];
      sum0 = fma(vec4f(x.x), y, sum0);
      sum1 = fma(vec4f(x.y), y, sum1);
      sum2 = fma(vec4f(x.z), y, sum2);
      sum3 = fma(vec4f(x.w), y, sum3);
}
{
      let x = aPanel[6u * 17u + rowLane];
      let y = bPanel[6u * 17u + colLane];
      sum0 = fma(vec4f(x.x), y, sum0);
      sum1 = fma(vec4f(x.y), y, sum1);
      sum2 = fma(vec4f(x.z), y, sum2);
      sum3 = fma(vec4f(x.w), y, sum3);
}
{
      let x = aPanel[7u * 17u + rowLane];
      let y = bPanel[7u * 17u + colLane];
      sum0 = fma(vec4f(x.x), y, sum0);
      sum1 = fma(vec4f(x.y), y, sum1);
      sum2 = fma(vec4f(x.z), y, sum2);
      sum3 = fma(vec4f(x.w), y, sum3);
}
{
      let x = aPanel[8u * 17u + rowLane];
      let y = bPanel[8u * 17u + colLane];
      sum0 = fma(vec4f(x.x), y, sum0);
      sum1 = fma(vec4f(x.y), y, sum1);
      sum2 = fma(vec4f(x.z), y, sum2);
      sum3 = fma(vec4f(x.w), y, sum3);
}
{
      let x = aPanel[9u * 17u + rowLane];
      let y = bPanel[9u * 17u + colLane];
      sum0 = fma(vec4f(x.x), y, sum0);
      sum1 = fma(vec4f(x.y), y, sum1);
      sum2 = fma(vec4f(x.z), y, sum2);
      sum3 = fma(vec4f(x.w), y, sum3);
}
{
      let x = aPanel[10u * 17u + rowLane];
      let y = bPanel[10u * 17u + colLane];
      sum0 = fma(vec4f(x.x), y, sum0);
      sum1 = fma(vec4f(x.y), y, sum1);
      sum2 = fma(vec4f(x.z), y, sum2);
      sum3 = fma(vec4f(x.w), y, sum3);
}
{
      let x = aPanel[11u * 17u + rowLane];
      let y = bPanel[11u * 17u + colLane];
      sum0 = fma(vec4f(x.x), y, sum0);
      sum1 = fma(vec4f(x.y), y, sum1);
      sum2 = fma(vec4f(x.z), y, sum2);
      sum3 = fma(vec4f(x.w), y, sum3);
}
{
      let x = aPanel[12u * 17u + rowLane];
      let y = bPanel[12u * 17u + colLane];
      sum0 = fma(vec4f(x.x), y, sum0);
      sum1 = fma(vec4f(x.y), y, sum1);
      sum2 = fma(vec4f(x.z), y, sum2);
      sum3 = fma(vec4f(x.w), y, sum3);
}
{
      let x = aPanel[13u * 17u + rowLane];
      let y = bPanel[13u * 17u + colLane];
      sum0 = fma(vec4f(x.x), y, sum0);
      sum1 = fma(vec4f(x.y), y, sum1);
      sum2 = fma(vec4f(x.z), y, sum2);
      sum3 = fma(vec4f(x.w), y, sum3);
}
{
      let x = aPanel[14u * 17u + rowLane];
      let y = bPanel[14u * 17u + colLane];
      sum0 = fma(vec4f(x.x), y, sum0);
      sum1 = fma(vec4f(x.y), y, sum1);
      sum2 = fma(vec4f(x.z), y, sum2);
      sum3 = fma(vec4f(x.w), y, sum3);
}
{
      let x = aPanel[15u * 17u + rowLane];
      let y = bPanel[15u * 17u + colLane];
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
{
      biases[0u] = bias[min(colFirst + colLane * 4u + 0u, params.n - 1u)];
}
{
      biases[1u] = bias[min(colFirst + colLane * 4u + 1u, params.n - 1u)];
}
{
      biases[2u] = bias[min(colFirst + colLane * 4u + 2u, params.n - 1u)];
}
{
      biases[3u] = bias[min(colFirst + colLane * 4u + 3u, params.n - 1u)];
}
  }
{
    let row = rowFirst + rowLane * 4u + 0u;
{
      let col = colFirst + colLane * 4u + 0u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[0u][0u] + biases[0u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + colLane * 4u + 1u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[0u][1u] + biases[1u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + colLane * 4u + 2u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[0u][2u] + biases[2u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + colLane * 4u + 3u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[0u][3u] + biases[3u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
}
{
    let row = rowFirst + rowLane * 4u + 1u;
{
      let col = colFirst + colLane * 4u + 0u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[1u][0u] + biases[0u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + colLane * 4u + 1u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[1u][1u] + biases[1u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + colLane * 4u + 2u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[1u][2u] + biases[2u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + colLane * 4u + 3u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[1u][3u] + biases[3u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
}
{
    let row = rowFirst + rowLane * 4u + 2u;
{
      let col = colFirst + colLane * 4u + 0u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[2u][0u] + biases[0u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + colLane * 4u + 1u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[2u][1u] + biases[1u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + colLane * 4u + 2u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[2u][2u] + biases[2u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + colLane * 4u + 3u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[2u][3u] + biases[3u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
}
{
    let row = rowFirst + rowLane * 4u + 3u;
{
      let col = colFirst + colLane * 4u + 0u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[3u][0u] + biases[0u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + colLane * 4u + 1u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[3u][1u] + biases[1u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + colLane * 4u + 2u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[3u][2u] + biases[2u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + colLane * 4u + 3u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[3u][3u] + biases[3u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
}
}
`,
  matmul_direct: `
override aAlongK: bool;
override bAlongK: bool;
struct Params {
  m: u32,
  n: u32,
  k: u32,
  rowBegin: u32,
  rowEnd: u32,
  biasLength: u32,
  accumulate: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let blocksAcross = (params.n + 3u) / 4u;
  let block = (group.y * groups.x + group.x) * 64u + lane;
  let rowFirst = params.rowBegin + block / blocksAcross * 8u;
  let colFirst = block % blocksAcross * 4u;
  if (rowFirst >= params.rowEnd) {
    return;
  }
  let aStep = select(params.m, 1u, aAlongK);
  let bStep = select(params.n, 1u, bAlongK);
  let aRow = select(1u, params.k, aAlongK);
  let bCol = select(1u, params.k, bAlongK);
  var aAt = array<u32, 8>();
  var bAt = array<u32, 4>();
  var sums = array<vec4f, 8>();
{
    aAt[0u] = min(rowFirst + 0u, params.rowEnd - 1u) * aRow;
}
{
    aAt[1u] = min(rowFirst + 1u, params.rowEnd - 1u) * aRow;
}
{
    aAt[2u] = min(rowFirst + 2u, params.rowEnd - 1u) * aRow;
}
{
    aAt[3u] = min(rowFirst + 3u, params.rowEnd - 1u) * aRow;
}
{
    aAt[4u] = min(rowFirst + 4u, params.rowEnd - 1u) * aRow;
}
{
    aAt[5u] = min(rowFirst + 5u, params.rowEnd - 1u) * aRow;
}
{
    aAt[6u] = min(rowFirst + 6u, params.rowEnd - 1u) * aRow;
}
{
    aAt[7u] = min(rowFirst + 7u, params.rowEnd - 1u) * aRow;
}
{
    bAt[0u] = min(colFirst + 0u, params.n - 1u) * bCol;
}
{
    bAt[1u] = min(colFirst + 1u, params.n - 1u) * bCol;
}
{
    bAt[2u] = min(colFirst + 2u, params.n - 1u) * bCol;
}
{
    bAt[3u] = min(colFirst + 3u, params.n - 1u) * bCol;
}
  for (var k = 0u; k < params.k; k++) {
    let y = vec4f(b[bAt[0]], b[bAt[1]], b[bAt[2]], b[bAt[3]]);
{
      sums[0u] = fma(vec4f(a[aAt[0u]]), y, sums[0u]);
      aAt[0u] += aStep;
}
{
      sums[1u] = fma(vec4f(a[aAt[1u]]), y, sums[1u]);
      aAt[1u] += aStep;
}
{
      sums[2u] = fma(vec4f(a[aAt[2u]]), y, sums[2u]);
      aAt[2u] += aStep;
}
{
      sums[3u] = fma(vec4f(a[aAt[3u]]), y, sums[3u]);
      aAt[3u] += aStep;
}
{
      sums[4u] = fma(vec4f(a[aAt[4u]]), y, sums[4u]);
      aAt[4u] += aStep;
}
{
      sums[5u] = fma(vec4f(a[aAt[5u]]), y, sums[5u]);
      aAt[5u] += aStep;
}
{
      sums[6u] = fma(vec4f(a[aAt[6u]]), y, sums[6u]);
      aAt[6u] += aStep;
}
{
      sums[7u] = fma(vec4f(a[aAt[7u]]), y, sums[7u]);
      aAt[7u] += aStep;
}
{
      bAt[0u] += bStep;
}
{
      bAt[1u] += bStep;
}
{
      bAt[2u] += bStep;
}
{
      bAt[3u] += bStep;
}
  }
  var biases = vec4f();
  if (params.biasLength != 0u) {
{
      biases[0u] = bias[min(colFirst + 0u, params.n - 1u)];
}
{
      biases[1u] = bias[min(colFirst + 1u, params.n - 1u)];
}
{
      biases[2u] = bias[min(colFirst + 2u, params.n - 1u)];
}
{
      biases[3u] = bias[min(colFirst + 3u, params.n - 1u)];
}
  }
{
    let row = rowFirst + 0u;
{
      let col = colFirst + 0u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[0u][0u] + biases[0u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + 1u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[0u][1u] + biases[1u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + 2u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[0u][2u] + biases[2u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + 3u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[0u][3u] + biases[3u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
}
{
    let row = rowFirst + 1u;
{
      let col = colFirst + 0u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[1u][0u] + biases[0u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + 1u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[1u][1u] + biases[1u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + 2u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[1u][2u] + biases[2u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + 3u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[1u][3u] + biases[3u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
}
{
    let row = rowFirst + 2u;
{
      let col = colFirst + 0u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[2u][0u] + biases[0u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + 1u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[2u][1u] + biases[1u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + 2u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[2u][2u] + biases[2u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + 3u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[2u][3u] + biases[3u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
}
{
    let row = rowFirst + 3u;
{
      let col = colFirst + 0u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[3u][0u] + biases[0u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + 1u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[3u][1u] + biases[1u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + 2u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[3u][2u] + biases[2u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + 3u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[3u][3u] + biases[3u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
}
{
    let row = rowFirst + 4u;
{
      let col = colFirst + 0u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[4u][0u] + biases[0u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + 1u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[4u][1u] + biases[1u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + 2u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[4u][2u] + biases[2u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + 3u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[4u][3u] + biases[3u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
}
{
    let row = rowFirst + 5u;
{
      let col = colFirst + 0u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[5u][0u] + biases[0u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + 1u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[5u][1u] + biases[1u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + 2u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[5u][2u] + biases[2u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + 3u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[5u][3u] + biases[3u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
}
{
    let row = rowFirst + 6u;
{
      let col = colFirst + 0u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[6u][0u] + biases[0u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + 1u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[6u][1u] + biases[1u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + 2u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[6u][2u] + biases[2u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + 3u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[6u][3u] + biases[3u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
}
{
    let row = rowFirst + 7u;
{
      let col = colFirst + 0u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[7u][0u] + biases[0u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + 1u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[7u][1u] + biases[1u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + 2u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[7u][2u] + biases[2u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
{
      let col = colFirst + 3u;
      if (row < params.rowEnd && col < params.n) {
        var value = sums[7u][3u] + biases[3u];
        if (params.accumulate != 0u) {
          value += out[row * params.n + col];
        }
        out[row * params.n + col] = value;
      }
}
}
}
`,
  mul: `
struct Params {
  length: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
{
    let i = first + 0u * 256u;
    if (i < params.length) {
      out[i] = a[i] * b[i];
    }
}
{
    let i = first + 1u * 256u;
    if (i < params.length) {
      out[i] = a[i] * b[i];
    }
}
{
    let i = first + 2u * 256u;
    if (i < params.length) {
      out[i] = a[i] * b[i];
    }
}
{
    let i = first + 3u * 256u;
    if (i < params.length) {
      out[i] = a[i] * b[i];
    }
}
}
`,
  norm: `
var<workgroup> laneSums: array<f32, 256>;
fn rowSum(lane: u32, value: f32) -> f32 {
  laneSums[lane] = value;
  for (var half = lanes / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane % lanes < half) {
      laneSums[lane] += laneSums[lane + half];
    }
  }
  workgroupBarrier();
  let sum = laneSums[lane - lane % lanes];
  workgroupBarrier();
  return sum;
}
override lanes: u32;
struct Params {
  rows: u32,
  cols: u32,
  biasLength: u32,
  eps: f32,
  centred: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;
@group(0) @binding(5) var<storage, read_write> moments: array<f32>;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.y * groups.x + group.x) * (256u / lanes) + lane / lanes;
  let begin = row * params.cols;
  let count = select(0u, params.cols, row < params.rows);
  let rowLane = lane % lanes;
  var sum = 0.0;
  for (var c = rowLane; c < count; c += lanes) {
    sum += x[begin + c];
  }
  let mean = select(0.0, rowSum(lane, sum) / f32(params.cols), params.centred != 0u);
  sum = 0.0;
  for (var c = rowLane; c < count; c += lanes) {
    let h = x[begin + c] - mean;
    sum += h * h;
  }
  let rstd = 1.0 / sqrt(rowSum(lane, sum) / f32(params.cols) + params.eps);
  for (var c = rowLane; c < count; c += lanes) {
    var y = (x[begin + c] - mean) * rstd * weight[c];
    if (params.biasLength != 0u) {
      y += bias[c];
    }
    out[begin + c] = y;
  }
  if (rowLane == 0u && row < params.rows) {
    moments[2u * row] = mean;
    moments[2u * row + 1u] = rstd;
  }
}
`,
  norm_backward: `
var<workgroup> laneSums: array<f32, 256>;
fn rowSum(lane: u32, value: f32) -> f32 {
  laneSums[lane] = value;
  for (var half = lanes / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane % lanes < half) {
      laneSums[lane] += laneSums[lane + half];
    }
  }
  workgroupBarrier();
  let sum = laneSums[lane - lane % lanes];
  workgroupBarrier();
  return sum;
}
override lanes: u32;
struct Params {
  rows: u32,
  cols: u32,
  centred: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read> moments: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.y * groups.x + group.x) * (256u / lanes) + lane / lanes;
  let begin = row * params.cols;
  let count = select(0u, params.cols, row < params.rows);
  let rowLane = lane % lanes;
  let inside = min(row, params.rows - 1u);
  let mean = moments[2u * inside];
  let rstd = moments[2u * inside + 1u];
  var sum = 0.0;
  var along = 0.0;
  for (var c = rowLane; c < count; c += lanes) {
    let g = dy[begin + c] * weight[c];
    sum += g;
    along += g * ((x[begin + c] - mean) * rstd);
  }
  let shift = select(0.0, rowSum(lane, sum) / f32(params.cols), params.centred != 0u);
  along = rowSum(lane, along) / f32(params.cols);
  for (var c = rowLane; c < count; c += lanes) {
    let h = (x[begin + c] - mean) * rstd;
    dx[begin + c] = rstd * (dy[begin + c] * weight[c] - shift - h * along);
  }
}
`,
  norm_weight_backward: `
struct Place {
  batch: u32,
  row: u32,
  col: u32,
  rowTile: u32,
  colTile: u32,
}
fn tilesDown(rows: u32) -> u32 {
  return (rows + 31u) / 32u;
}
fn tilesAcross(cols: u32) -> u32 {
  return (cols + 255u) / 256u;
}
fn placeInTile(tile: u32, lane: u32) -> Place {
  let across = tilesAcross(params.cols);
  let down = tilesDown(params.rows);
  let colTile = tile % across;
  let rowTile = tile / across % down;
  return Place(
    tile / across / down,
    rowTile * 32u + lane / 64u,
    colTile * 256u + lane % 64u,
    rowTile,
    colTile,
  );
}
var<workgroup> partSums: array<f32, 256>;
fn stridedSum(lane: u32, first: u32, step: u32, count: u32) -> f32 {
  var sum = 0.0;
  for (var part = lane / 8u; part < count; part += 32u) {
    sum += scratch[first + part * step];
  }
  partSums[lane] = sum;
  for (var half = 128u; half >= 8u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      partSums[lane] += partSums[lane + half];
    }
  }
  return partSums[lane];
}
struct Params {
  rows: u32,
  cols: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> moments: array<f32>;
@group(0) @binding(4) var<storage, read_write> dweight: array<f32>;
@group(0) @binding(5) var<storage, read_write> scratch: array<f32>;
var<workgroup> laneSums: array<vec4f, 256>;
@compute @workgroup_size(256)
fn tiles(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let place = placeInTile(group.y * groups.x + group.x, lane);
  if (place.batch > 0u) {
    return;
  }
  var sums = vec4f();
{
    let row = place.row + 0u * 4u;
{
      let col = place.col + 0u * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[0u] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
}
{
      let col = place.col + 1u * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[1u] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
}
{
      let col = place.col + 2u * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[2u] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
}
{
      let col = place.col + 3u * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[3u] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
}
}
{
    let row = place.row + 1u * 4u;
{
      let col = place.col + 0u * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[0u] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
}
{
      let col = place.col + 1u * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[1u] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
}
{
      let col = place.col + 2u * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[2u] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
}
{
      let col = place.col + 3u * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[3u] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
}
}
{
    let row = place.row + 2u * 4u;
{
      let col = place.col + 0u * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[0u] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
}
{
      let col = place.col + 1u * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[1u] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
}
{
      let col = place.col + 2u * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[2u] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
}
{
      let col = place.col + 3u * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[3u] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
}
}
{
    let row = place.row + 3u * 4u;
{
      let col = place.col + 0u * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[0u] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
}
{
      let col = place.col + 1u * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[1u] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
}
{
      let col = place.col + 2u * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[2u] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
}
{
      let col = place.col + 3u * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[3u] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
}
}
{
    let row = place.row + 4u * 4u;
{
      let col = place.col + 0u * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[0u] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
}
{
      let col = place.col + 1u * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[1u] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
}
{
      let col = place.col + 2u * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[2u] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
}
{
      let col = place.col + 3u * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[3u] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
}
}
{
    let row = place.row + 5u * 4u;
{
      let col = place.col + 0u * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[0u] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
}
{
      let col = place.col + 1u * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[1u] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
}
{
      let col = place.col + 2u * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[2u] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
}
{
      let col = place.col + 3u * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[3u] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
}
}
{
    let row = place.row + 6u * 4u;
{
      let col = place.col + 0u * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[0u] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
}
{
      let col = place.col + 1u * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[1u] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
}
{
      let col = place.col + 2u * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[2u] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
}
{
      let col = place.col + 3u * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[3u] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
}
}
{
    let row = place.row + 7u * 4u;
{
      let col = place.col + 0u * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[0u] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
}
{
      let col = place.col + 1u * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[1u] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
}
{
      let col = place.col + 2u * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[2u] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
}
{
      let col = place.col + 3u * 64u;
      if (row < params.rows && col < params.cols) {
        let at = row * params.cols + col;
        sums[3u] += dy[at] * ((x[at] - moments[2u * row]) * moments[2u * row + 1u]);
      }
}
}
  laneSums[lane] = sums;
  workgroupBarrier();
  let col = place.colTile * 256u + lane;
  let c = lane % 64u;
  let j = lane / 64u;
  if (col < params.cols) {
    scratch[place.rowTile * params.cols + col] =
      (laneSums[c][j] + laneSums[c + 64u][j]) + (laneSums[c + 128u][j] + laneSums[c + 192u][j]);
  }
}
@compute @workgroup_size(256)
fn finish(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let col = (group.y * groups.x + group.x) * 8u + lane % 8u;
  let count = select(0u, tilesDown(params.rows), col < params.cols);
  let sum = stridedSum(lane, col, params.cols, count);
  if (lane < 8u && col < params.cols) {
    dweight[col] = sum;
  }
}
`,
  permute: `
struct Params {
  dim0: u32,
  dim1: u32,
  dim2: u32,
  dim3: u32,
  stride0: u32,
  stride1: u32,
  stride2: u32,
  stride3: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
{
    let i = first + 0u * 256u;
    if (i < params.dim0 * params.dim1 * params.dim2 * params.dim3) {
      let i3 = i % params.dim3;
      let i2 = i / params.dim3 % params.dim2;
      let i1 = i / params.dim3 / params.dim2 % params.dim1;
      let i0 = i / params.dim3 / params.dim2 / params.dim1;
      out[i] = x[i0 * params.stride0 + i1 * params.stride1 + i2 * params.stride2 + i3 * params.stride3];
    }
}
{
    let i = first + 1u * 256u;
    if (i < params.dim0 * params.dim1 * params.dim2 * params.dim3) {
      let i3 = i % params.dim3;
      let i2 = i / params.dim3 % params.dim2;
      let i1 = i / params.dim3 / params.dim2 % params.dim1;
      let i0 = i / params.dim3 / params.dim2 / params.dim1;
      out[i] = x[i0 * params.stride0 + i1 * params.stride1 + i2 * params.stride2 + i3 * params.stride3];
    }
}
{
    let i = first + 2u * 256u;
    if (i < params.dim0 * params.dim1 * params.dim2 * params.dim3) {
      let i3 = i % params.dim3;
      let i2 = i / params.dim3 % params.dim2;
      let i1 = i / params.dim3 / params.dim2 % params.dim1;
      let i0 = i / params.dim3 / params.dim2 / params.dim1;
      out[i] = x[i0 * params.stride0 + i1 * params.stride1 + i2 * params.stride2 + i3 * params.stride3];
    }
}
{
    let i = first + 3u * 256u;
    if (i < params.dim0 * params.dim1 * params.dim2 * params.dim3) {
      let i3 = i % params.dim3;
      let i2 = i / params.dim3 % params.dim2;
      let i1 = i / params.dim3 / params.dim2 % params.dim1;
      let i0 = i / params.dim3 / params.dim2 / params.dim1;
      out[i] = x[i0 * params.stride0 + i1 * params.stride1 + i2 * params.stride2 + i3 * params.stride3];
    }
}
}
`,
  rotary: `
struct Params {
  rows: u32,
  heads: u32,
  positions: u32,
  dim: u32,
  rotaryDim: u32,
  interleaved: u32,
  sign: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> cos: array<f32>;
@group(0) @binding(3) var<storage, read> sin: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let half = params.rotaryDim / 2u;
  let first = (group.y * groups.x + group.x) * 1024u + lane;
{
    let i = first + 0u * 256u;
    if (i < params.rows * params.dim) {
      let row = i / params.dim;
      let feature = i % params.dim;
      if (feature >= params.rotaryDim) {
        out[i] = x[i];
      } else {
        let interleaved = params.interleaved != 0u;
        let pair = select(feature % half, feature / 2u, interleaved);
        let isFirst = select(feature < half, feature % 2u == 0u, interleaved);
        let distance = select(half, 1u, interleaved);
        let partner = select(i - distance, i + distance, isFirst);
        let angle = row / params.heads % params.positions * half + pair;
        let turn = params.sign * sin[angle];
        out[i] = x[i] * cos[angle] + select(turn, -turn, isFirst) * x[partner];
      }
    }
}
{
    let i = first + 1u * 256u;
    if (i < params.rows * params.dim) {
      let row = i / params.dim;
      let feature = i % params.dim;
      if (feature >= params.rotaryDim) {
        out[i] = x[i];
      } else {
        let interleaved = params.interleaved != 0u;
        let pair = select(feature % half, feature / 2u, interleaved);
        let isFirst = select(feature < half, feature % 2u == 0u, interleaved);
        let distance = select(half, 1u, interleaved);
        let partner = select(i - distance, i + distance, isFirst);
        let angle = row / params.heads % params.positions * half + pair;
        let turn = params.sign * sin[angle];
        out[i] = x[i] * cos[angle] + select(turn, -turn, isFirst) * x[partner];
      }
    }
}
{
    let i = first + 2u * 256u;
    if (i < params.rows * params.dim) {
      let row = i / params.dim;
      let feature = i % params.dim;
      if (feature >= params.rotaryDim) {
        out[i] = x[i];
      } else {
        let interleaved = params.interleaved != 0u;
        let pair = select(feature % half, feature / 2u, interleaved);
        let isFirst = select(feature < half, feature % 2u == 0u, interleaved);
        let distance = select(half, 1u, interleaved);
        let partner = select(i - distance, i + distance, isFirst);
        let angle = row / params.heads % params.positions * half + pair;
        let turn = params.sign * sin[angle];
        out[i] = x[i] * cos[angle] + select(turn, -turn, isFirst) * x[partner];
      }
    }
}
{
    let i = first + 3u * 256u;
    if (i < params.rows * params.dim) {
      let row = i / params.dim;
      let feature = i % params.dim;
      if (feature >= params.rotaryDim) {
        out[i] = x[i];
      } else {
        let interleaved = params.interleaved != 0u;
        let pair = select(feature % half, feature / 2u, interleaved);
        let isFirst = select(feature < half, feature % 2u == 0u, interleaved);
        let distance = select(half, 1u, interleaved);
        let partner = select(i - distance, i + distance, isFirst);
        let angle = row / params.heads % params.positions * half + pair;
        let turn = params.sign * sin[angle];
        out[i] = x[i] * cos[angle] + select(turn, -turn, isFirst) * x[partner];
      }
    }
}
}
`,
  row_sums: `
override lanes: u32;
struct Params {
  rows: u32,
  cols: u32,
  accumulate: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
var<workgroup> laneSums: array<f32, 256>;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.y * groups.x + group.x) * (256u / lanes) + lane / lanes;
  let begin = row * params.cols;
  let end = select(begin, begin + params.cols, row < params.rows);
  let rowLane = lane % lanes;
  var sums = vec4f();
  var i = begin + rowLane;
  for (; i + 3u * lanes < end; i += 4u * lanes) {
    sums += vec4f(x[i], x[i + lanes], x[i + 2u * lanes], x[i + 3u * lanes]);
  }
  for (; i < end; i += lanes) {
    sums.x += x[i];
  }
  laneSums[lane] = (sums.x + sums.y) + (sums.z + sums.w);
  for (var half = lanes / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (rowLane < half) {
      laneSums[lane] += laneSums[lane + half];
    }
  }
  if (rowLane == 0u && row < params.rows) {
    let before = select(0.0, out[row], params.accumulate != 0u);
    out[row] = before + laneSums[lane];
  }
}
`,
  scale: `
struct Params {
  length: u32,
  factor: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
{
    let i = first + 0u * 256u;
    if (i < params.length) {
      out[i] = params.factor * x[i];
    }
}
{
    let i = first + 1u * 256u;
    if (i < params.length) {
      out[i] = params.factor * x[i];
    }
}
{
    let i = first + 2u * 256u;
    if (i < params.length) {
      out[i] = params.factor * x[i];
    }
}
{
    let i = first + 3u * 256u;
    if (i < params.length) {
      out[i] = params.factor * x[i];
    }
}
}
`,
  scale_by: `
struct Params {
  length: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> factor: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
{
    let i = first + 0u * 256u;
    if (i < params.length) {
      out[i] = factor[0] * x[i];
    }
}
{
    let i = first + 1u * 256u;
    if (i < params.length) {
      out[i] = factor[0] * x[i];
    }
}
{
    let i = first + 2u * 256u;
    if (i < params.length) {
      out[i] = factor[0] * x[i];
    }
}
{
    let i = first + 3u * 256u;
    if (i < params.length) {
      out[i] = factor[0] * x[i];
    }
}
}
`,
  softmax_cross_entropy: `
fn expAccurate(exponent: f32) -> f32 {
  let x = clamp(exponent, -104.0, 89.0);
  let n = round(x * 1.44269504);
  let r = fma(n, 2.12194440e-4, fma(n, -0.693359375, x));
  var p = 1.3888889e-3;
  p = fma(p, r, 8.3333333e-3);
  p = fma(p, r, 4.1666667e-2);
  p = fma(p, r, 0.16666667);
  p = fma(p, r, 0.5);
  p = fma(p, r, 1.0);
  p = fma(p, r, 1.0);
  let half = i32(n) / 2;
  return p * powerOfTwo(half) * powerOfTwo(i32(n) - half);
}
fn powerOfTwo(n: i32) -> f32 {
  return bitcast<f32>((n + 127) << 23u);
}
override lanes: u32;
struct Params {
  rows: u32,
  cols: u32,
  gradScale: f32,
  ignored: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> targets: array<u32>;
@group(0) @binding(3) var<storage, read_write> losses: array<f32>;
@group(0) @binding(4) var<storage, read_write> dlogits: array<f32>;
var<workgroup> laneValues: array<f32, 256>;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.y * groups.x + group.x) * (256u / lanes) + lane / lanes;
  let begin = row * params.cols;
  let end = select(begin, begin + params.cols, row < params.rows);
  let rowLane = lane % lanes;
  var largest = -3.4028235e38;
  for (var i = begin + rowLane; i < end; i += lanes) {
    largest = max(largest, logits[i]);
  }
  laneValues[lane] = largest;
  for (var half = lanes / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (rowLane < half) {
      laneValues[lane] = max(laneValues[lane], laneValues[lane + half]);
    }
  }
  workgroupBarrier();
  largest = laneValues[lane - rowLane];
  workgroupBarrier();
  var sum = 0.0;
  for (var i = begin + rowLane; i < end; i += lanes) {
    sum += expOrNan(logits[i] - largest);
  }
  laneValues[lane] = sum;
  for (var half = lanes / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (rowLane < half) {
      laneValues[lane] += laneValues[lane + half];
    }
  }
  workgroupBarrier();
  sum = laneValues[lane - rowLane];
  if (row < params.rows) {
    let answerClass = targets[row];
    let counts = answerClass != params.ignored;
    let answer = begin + select(0u, answerClass, counts);
    for (var i = begin + rowLane; i < end; i += lanes) {
      let probability = expOrNan(logits[i] - largest) / sum;
      let gradient = params.gradScale * (probability - select(0.0, 1.0, i == answer));
      dlogits[i] = select(0.0, gradient, counts);
    }
    if (rowLane == 0u) {
      losses[row] = select(0.0, log(sum) + (largest - logits[answer]), counts);
    }
  }
}
fn expOrNan(x: f32) -> f32 {
  let isNan = (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
  return select(expAccurate(x), x, isNan);
}
`,
  sum_squares: `
var<workgroup> laneSums: array<f32, 256>;
fn workgroupSum(lane: u32, value: f32) -> f32 {
  laneSums[lane] = value;
  workgroupBarrier();
  if (lane < 16u) {
    var sum = 0.0;
{
      sum += laneSums[0u * 16u + lane];
}
{
      sum += laneSums[1u * 16u + lane];
}
{
      sum += laneSums[2u * 16u + lane];
}
{
      sum += laneSums[3u * 16u + lane];
}
{
      sum += laneSums[4u * 16u + lane];
}
{
      sum += laneSums[5u * 16u + lane];
}
{
      sum += laneSums[6u * 16u + lane];
}
{
      sum += laneSums[7u * 16u + lane];
}
{
      sum += laneSums[8u * 16u + lane];
}
{
      sum += laneSums[9u * 16u + lane];
}
{
      sum += laneSums[10u * 16u + lane];
}
{
      sum += laneSums[11u * 16u + lane];
}
{
      sum += laneSums[12u * 16u + lane];
}
{
      sum += laneSums[13u * 16u + lane];
}
{
      sum += laneSums[14u * 16u + lane];
}
{
      sum += laneSums[15u * 16u + lane];
}
    laneSums[lane] = sum;
  }
  workgroupBarrier();
  var total = 0.0;
  if (lane == 0u) {
{
      total += laneSums[0u];
}
{
      total += laneSums[1u];
}
{
      total += laneSums[2u];
}
{
      total += laneSums[3u];
}
{
      total += laneSums[4u];
}
{
      total += laneSums[5u];
}
{
      total += laneSums[6u];
}
{
      total += laneSums[7u];
}
{
      total += laneSums[8u];
}
{
      total += laneSums[9u];
}
{
      total += laneSums[10u];
}
{
      total += laneSums[11u];
}
{
      total += laneSums[12u];
}
{
      total += laneSums[13u];
}
{
      total += laneSums[14u];
}
{
      total += laneSums[15u];
}
  }
  return total;
}
fn sumOfPartials(lane: u32, count: u32) -> f32 {
  var s0 = 0.0;
  var s1 = 0.0;
  var i = lane;
  for (; i + 256u < count; i += 512u) {
    s0 += scratch[i];
    s1 += scratch[i + 256u];
  }
  if (i < count) {
    s0 += scratch[i];
  }
  return workgroupSum(lane, s0 + s1);
}
struct Params {
  offset: u32,
  length: u32,
  slot: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;
@group(0) @binding(3) var<storage, read_write> scratch: array<f32>;
@compute @workgroup_size(256)
fn squares(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let chunk = (params.length + groups.x - 1u) / groups.x;
  let end = params.offset + min((group.x + 1u) * chunk, params.length);
  var total = vec4f();
  var i = params.offset + group.x * chunk + lane;
  for (; i + 768u < end; i += 1024u) {
    let value = vec4f(x[i], x[i + 256u], x[i + 512u], x[i + 768u]);
    total = fma(value, value, total);
  }
  for (; i < end; i += 256u) {
    total.x = fma(x[i], x[i], total.x);
  }
  let sum = workgroupSum(lane, (total.x + total.y) + (total.z + total.w));
  if (lane == 0u) {
    scratch[group.x] = sum;
  }
}
@compute @workgroup_size(256)
fn finish(@builtin(local_invocation_index) lane: u32) {
  let count = clamp((params.length + 4095u) / 4096u, 1u, 1024u);
  let sum = sumOfPartials(lane, count);
  if (lane == 0u) {
    sums[params.slot] = sum;
  }
}
`,
} as const;
