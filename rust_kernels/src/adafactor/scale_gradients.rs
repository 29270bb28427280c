//! The factor of all gradients, which clips their global norm, and the guard, which is set where gradients are not finite.

/// Whether a value is NaN or infinite, by its exponent bits.
pub fn is_unbounded(x: f32) -> bool {
    const EXPONENT: u32 = 0x7f80_0000;
    x.to_bits() & EXPONENT == EXPONENT
}

/// `factor min(1, max_norm / |factor g|)`, with |g|^2 = `squares`.
pub fn gradient_scale(squares: f64, factor: f32, max_norm: f32) -> f32 {
    let norm = f64::from(factor) * squares.sqrt();
    if norm > f64::from(max_norm) {
        (f64::from(factor) * f64::from(max_norm) / norm) as f32
    } else {
        factor
    }
}

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use super::{gradient_scale, is_unbounded};
    use crate::adafactor::slots::add_slots;
    use crate::blocks::block_operands::*;
    use crate::operands::*;

    #[repr(C)]
    pub struct Params {
        pub run: BlockRun,
        pub slot: u32,
        pub factor: f32,
        pub max_norm: f32,
        pub sums_length: u32,
    }

    #[wasm_bindgen]
    pub fn adafactor_scale_gradients(
        blocks: Records<Block>,
        sums: Out,
        guard: *mut u32,
        params: *const Params,
    ) {
        let params = read_params(params);
        let vector = Vector::new("sums", sums.cast_const(), params.sums_length);
        let (mut squares, mut found) = (0.0, false);
        for_each_block(blocks, &params.run, |block, _| {
            let total = add_slots(block, vector.read(block.gradient_squares, block.slots()));
            found |= is_unbounded(total);
            squares += f64::from(total);
            Ok(())
        });
        set_guard(guard, found);
        let scale = gradient_scale(squares, params.factor, params.max_norm);
        write_at(sums, params.slot as usize, 1)[0] = scale;
    }
}
