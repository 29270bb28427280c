// The block of a vector element: the last that begins at or before it. Needs `blocks`.

fn blockOfVector(number: u32) -> u32 {
  var block = params.firstBlock;
  var end = block + params.numBlocks;
  while (end - block > 1u) {
    let middle = (block + end) / 2u;
    if (blocks[middle].firstVector <= number) {
      block = middle;
    } else {
      end = middle;
    }
  }
  return block;
}
