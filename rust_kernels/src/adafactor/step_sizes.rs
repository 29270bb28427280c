//! The step sizes of a block.

use crate::adafactor::slots::add_slots;
use crate::blocks::block_table::{Block, Numbers, Steps};

/// Slots of the scalars that steps are made of.
pub struct Scalars<'a> {
    pub update_squares: &'a [f32],
    pub param_squares: &'a [f32],
    pub aligned: &'a [f32],
}

/// The steps of a block (src/device/block_table.ts has the equations).
pub fn step_sizes(block: &Block, numbers: &Numbers, scalars: &Scalars) -> Steps {
    let mean = |slots| add_slots(block, slots) / block.global_count;
    let param_rms = mean(scalars.param_squares).sqrt();
    let update_rms = mean(scalars.update_squares).sqrt();
    let scale = match block.scale_parameter {
        0 => 1.0,
        _ => block.scale_ceiling.min(block.scale_floor.max(param_rms)),
    };
    let a = numbers.rate * scale;
    let d = 1f32.max(update_rms / block.clip_threshold);
    let share = if block.cautious == 0 { 1.0 } else { mean(scalars.aligned).max(1e-3) };
    let (before, after) = if block.rate_after_momentum == 0 { (a, 1.0) } else { (1.0, a) };
    Steps {
        a,
        d,
        decay: a * numbers.decay_times_step + numbers.decay_absolute,
        take: (1.0 - block.beta1) * before / d,
        over: after / share,
        share,
        param_rms,
        update_rms,
        key: numbers.key,
    }
}

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use super::{Scalars, step_sizes};
    use crate::blocks::block_operands::*;
    use crate::operands::*;

    #[repr(C)]
    pub struct Params {
        pub run: BlockRun,
        pub sums_length: u32,
    }

    #[wasm_bindgen]
    pub fn adafactor_step_sizes(
        blocks: Records<Block>,
        numbers: Records<Numbers>,
        sums: In,
        steps: *mut Steps,
        params: *const Params,
    ) {
        let params = read_params(params);
        let sums = Vector::new("sums", sums, params.sums_length);
        for_each_block(blocks, &params.run, |block, index| {
            let scalars = Scalars {
                update_squares: sums.read(block.update_squares, block.slots()),
                param_squares: sums.read(block.param_squares, block.slots()),
                aligned: sums.read(block.aligned, block.slots()),
            };
            let step = step_sizes(block, read_record(numbers, index), &scalars);
            write_record(steps, index, step);
            Ok(())
        });
    }
}
