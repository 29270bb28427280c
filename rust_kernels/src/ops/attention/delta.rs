//! delta[t] = dout[t] . out[t] of every query and head, which the gradients of attention need beside lse.

use crate::ops::attention::shape::Place;

/// -> moments [batch, heads, 2, queries]: lse, and delta = dout . out
pub fn attention_delta(
    dout: &[f32],
    out: &[f32],
    lse: &[f32],
    heads: usize,
    queries: usize,
    value_dim: usize,
    moments: &mut [f32],
) {
    if queries == 0 {
        return;
    }
    for (head, (lse, moments)) in
        lse.chunks_exact(queries).zip(moments.chunks_exact_mut(2 * queries)).enumerate()
    {
        let place = Place {
            batch: head / heads,
            head: head % heads,
            length: queries,
            heads,
            width: value_dim,
        };
        let (first, second) = moments.split_at_mut(queries);
        first.copy_from_slice(lse);
        for (query, delta) in second.iter_mut().enumerate() {
            let row = place.row(query)..place.row(query) + value_dim;
            *delta = dout[row.clone()].iter().zip(&out[row]).map(|(d, o)| d * o).sum();
        }
    }
}

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use crate::operands::*;

    #[wasm_bindgen]
    pub fn attention_delta(
        dout: In,
        out: In,
        lse: In,
        moments: Out,
        batch: usize,
        queries: usize,
        heads: usize,
        value_dim: usize,
    ) {
        let rows = batch * queries * heads;
        let (dout, out) = (read(dout, rows * value_dim), read(out, rows * value_dim));
        let (lse, moments) = (read(lse, rows), write(moments, 2 * rows));
        super::attention_delta(dout, out, lse, heads, queries, value_dim, moments);
    }
}
