// Which element of an operand that is broadcast belongs to element `i` of the result. `dims` has bit d set where the operand
// has dim d of the result. The last `rank` dims count, all before them are 1 long.

override rank: u32;

fn placeOf(i: u32, dims: u32) -> u32 {
  if (dims == 63u) {
    return i;
  }
  if (rank <= 1u) {
    return select(0u, i, (dims & 32u) != 0u);
  }
  let lengths = array<u32, 6>(
    params.dim5,
    params.dim4,
    params.dim3,
    params.dim2,
    params.dim1,
    params.dim0,
  );
  var rest = i;
  var stride = 1u;
  var place = 0u;
  for (var d = 0u; d < 6u; d++) { // unroll
    if (d < rank) {
      let length = lengths[d];
      if ((dims & (32u >> d)) != 0u) {
        place += rest % length * stride;
        stride *= length;
      }
      rest /= length;
    }
  }
  return place;
}
