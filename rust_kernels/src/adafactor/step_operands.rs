//! The operands that all steps have, and the loop over their blocks.

use crate::adafactor::tile_params::tile_squares;
use crate::adafactor::updates::{Update, bound_update};
use crate::allocation::OutOfMemory;
use crate::blocks::block_operands::*;
use crate::blocks::param::Param;
use crate::blocks::stored_runs::Rounding;
use crate::operands::*;

/// The parameters of a step without momentum.
#[repr(C)]
pub struct StepParams {
    pub run: TileRun,
    pub grad: StoredOperand,
    pub param: StoredOperand,
    pub factors_length: u32,
    pub stochastic: u32,
}

/// The parameters of a step with momentum.
#[repr(C)]
pub struct StepMomentumParams {
    pub step: StepParams,
    pub momentum: StoredOperand,
}

/// The operands of a call.
pub struct StepOperands {
    pub grad: In,
    pub blocks: Records<Block>,
    pub factors: In,
    pub steps: Records<Steps>,
    pub guard: InU32,
    pub param: Out,
    pub partials: Out,
}

impl StepOperands {
    /// Calls `step` for every block of the run; where the guard is set, sums the parameters' squares instead.
    pub fn run(
        &self,
        params: &StepParams,
        mut step: impl FnMut(&Update, &Steps, Param, &mut [f32]) -> Result<(), OutOfMemory>,
    ) {
        for_each_block(self.blocks, &params.run.blocks, |block, index| {
            let tiles = params.run.partials(self.partials, block).tiles;
            if is_set(self.guard) {
                let param = params.param.read(self.param, block.param_offset, block.count());
                return tile_squares(block, param, tiles);
            }
            let steps = read_record(self.steps, index);
            let param = Param {
                values: params.param.write(self.param, block.param_offset, block.count()),
                rounding: match params.stochastic {
                    0 => Rounding::ToNearest,
                    _ => Rounding::Stochastic { key: steps.key, block },
                },
            };
            let update =
                bound_update(block, self.grad, &params.grad, self.factors, params.factors_length);
            step(&update, steps, param, tiles)
        });
    }
}
