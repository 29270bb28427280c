//! Sums as balanced trees, neighbours first: the order in which ranks' sums are added by the all-reduce, so that a sum has
//! the same bits whatever the number of ranks that share its parts (src/device/block_table.ts).

use core::ops::Range;

/// `value(0) .. value(count - 1)` added as a balanced tree, neighbours first.
pub fn tree(values: Range<usize>, value: &impl Fn(usize) -> f32) -> f32 {
    match values.len() {
        0 => 0.0,
        1 => value(values.start),
        len => {
            let middle = values.start + len.div_ceil(2);
            tree(values.start..middle, value) + tree(middle..values.end, value)
        }
    }
}

/// As `tree`, of consecutive values.
pub fn tree_of(values: &[f32]) -> f32 {
    match *values {
        [] => 0.0,
        [only] => only,
        [one, other] => one + other,
        _ => {
            let (left, right) = values.split_at(values.len().div_ceil(2));
            tree_of(left) + tree_of(right)
        }
    }
}
