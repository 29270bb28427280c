// Shared by the passes of attention: panels of operands in workgroup memory, and products of panels.
//
// A workgroup of 256 works on tiles of 32 queries by 32 keys. Panels hold 32 rows (queries or keys) of 32 elements of a
// head, as 8 vectors per row, 9 apart, so that rows do not begin at the same bank; outside the operands they hold zeros.
// A lane writes a whole vector, as no two may store to one.
// `tile` holds a number per pair, rows 33 apart.
//
//   panelDots   lane (r, c) of 16 x 16 multiplies rows r, r + 16 of panel 0 with rows c, c + 16 of panel 1
//   weighted    lane (r, c) of 32 x 8 adds up rows of panel 1, weighted by row r of the tile, at vector c
//
// A barrier follows every write of a panel or the tile before it is read, and precedes the next write.

// include: mix
// include: tanh_accurate
// include: MASK

const PANEL_1 = 288u;

var<workgroup> panels: array<vec4f, 576>;
var<workgroup> tile: array<f32, 1056>;

// A head of one batch.
struct Head {
  batch: u32,
  head: u32,
  // The keys' head that it uses.
  keyHead: u32,
}

fn headAt(batch: u32, head: u32) -> Head {
  return Head(batch, head, head / (params.heads / params.keyHeads));
}

fn queryRow(place: Head, query: u32) -> u32 {
  return (place.batch * params.queries + query) * params.heads + place.head;
}

fn keyRow(place: Head, key: u32) -> u32 {
  return (place.batch * params.keys + key) * params.keyHeads + place.keyHead;
}

// A panel of queries from `first` on, of their elements from `depth` on.
fn stageQ(lane: u32, panel: u32, place: Head, first: u32, depth: u32) {
  let row = lane / 8u;
  let d = depth + lane % 8u * 4u;
  var values = vec4f();
  if (first + row < params.queries) {
    let begin = queryRow(place, first + row) * params.dim + d;
    for (var i = 0u; i < 4u; i++) { // unroll
      if (d + i < params.dim) {
        values[i] = q[begin + i];
      }
    }
  }
  panels[panel + row * 9u + lane % 8u] = values;
}

fn stageK(lane: u32, panel: u32, place: Head, first: u32, depth: u32) {
  let row = lane / 8u;
  let d = depth + lane % 8u * 4u;
  var values = vec4f();
  if (first + row < params.keys) {
    let begin = keyRow(place, first + row) * params.dim + d;
    for (var i = 0u; i < 4u; i++) { // unroll
      if (d + i < params.dim) {
        values[i] = k[begin + i];
      }
    }
  }
  panels[panel + row * 9u + lane % 8u] = values;
}

fn stageV(lane: u32, panel: u32, place: Head, first: u32, depth: u32) {
  let row = lane / 8u;
  let d = depth + lane % 8u * 4u;
  var values = vec4f();
  if (first + row < params.keys) {
    let begin = keyRow(place, first + row) * params.valueDim + d;
    for (var i = 0u; i < 4u; i++) { // unroll
      if (d + i < params.valueDim) {
        values[i] = v[begin + i];
      }
    }
  }
  panels[panel + row * 9u + lane % 8u] = values;
}

// Of pairs (r, c), (r, c + 16), (r + 16, c), (r + 16, c + 16).
fn panelDots(lane: u32) -> vec4f {
  let r = lane / 16u * 9u;
  let c = PANEL_1 + lane % 16u * 9u;
  var dots = vec4f();
  for (var j = 0u; j < 8u; j++) { // unroll
    let r0 = panels[r + j];
    let r1 = panels[r + 144u + j];
    let c0 = panels[c + j];
    let c1 = panels[c + 144u + j];
    dots += vec4f(dot(r0, c0), dot(r0, c1), dot(r1, c0), dot(r1, c1));
  }
  return dots;
}

fn weighted(lane: u32) -> vec4f {
  let r = lane / 8u * 33u;
  let c = PANEL_1 + lane % 8u;
  var sum = vec4f();
  for (var j = 0u; j < 32u; j++) { // unroll
    sum = fma(vec4f(tile[r + j]), panels[c + j * 9u], sum);
  }
  return sum;
}

// q . k of 32 queries and 32 keys, as panelDots has them.
fn scoreDots(lane: u32, place: Head, queryFirst: u32, keyFirst: u32) -> vec4f {
  var dots = vec4f();
  for (var depth = 0u; depth < params.dim; depth += 32u) {
    stageQ(lane, 0u, place, queryFirst, depth);
    stageK(lane, PANEL_1, place, keyFirst, depth);
    workgroupBarrier();
    dots += panelDots(lane);
    workgroupBarrier();
  }
  return dots;
}

// Whether there are such a query and such a key, and the query sees the key.
fn sees(place: Head, query: u32, key: u32) -> bool {
  return query < params.queries && key < params.keys &&
    (params.causal == 0u || key <= query) &&
    (params.window == 0u || max(query, key) - min(query, key) < params.window) &&
    (params.masked == 0u || keyMaskAt(place.batch * params.keys + key) != 0u);
}

fn scoreOf(place: Head, query: u32, key: u32, dots: f32) -> f32 {
  var score = params.scale * dots;
  if (params.biased != 0u) {
    let distances = params.queries + params.keys - 1u;
    score += biasAt(place.head * distances + key + params.queries - 1u - query);
  }
  if (params.softCap != 0.0) {
    score = params.softCap * tanhAccurate(score / params.softCap);
  }
  return score;
}

// The derivative of a score by what it is before it is capped.
fn capSlope(score: f32) -> f32 {
  if (params.softCap == 0.0) {
    return 1.0;
  }
  let part = score / params.softCap;
  return 1.0 - part * part;
}

// The factor that dropout gives a weight, where the threshold is not 0. The hash is that of
// rust_kernels/src/ops/attention/weight_dropout.rs.
fn keptShare(place: Head, query: u32, key: u32) -> f32 {
  let head = params.firstHead + place.batch * params.allHeads + place.head;
  let rowKey = mix(mix((head * params.queries + query) ^ params.seedLow) ^ params.seedHigh);
  return select(0.0, params.keptScale, mix(key ^ rowKey) >= params.threshold);
}

// Of the tiles of keys that a tile of queries sees, the first key and one past the last.
fn firstKey(queryFirst: u32) -> u32 {
  if (params.window == 0u || queryFirst < params.window) {
    return 0u;
  }
  return (queryFirst + 1u - params.window) / 32u * 32u;
}

fn endOfKeys(queryFirst: u32) -> u32 {
  if (params.causal != 0u) {
    return min(params.keys, queryFirst + 32u);
  }
  if (params.window != 0u && params.window < params.keys) {
    return min(params.keys, queryFirst + 31u + params.window);
  }
  return params.keys;
}
