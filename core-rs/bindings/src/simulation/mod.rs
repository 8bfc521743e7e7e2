//! Backtests for Python.

mod replay;
mod rules;

use pi5_core::matching::FeeSchedule;
use pi5_core::simulation::{Costs, E8};
use pyo3::prelude::*;

fn costs(maker_rate_e8: i64, taker_rate_e8: i64, fee_step: i64, slippage_ticks: i64) -> Costs {
    Costs { fees: FeeSchedule { maker_rate_e8, taker_rate_e8 }, fee_step, slippage_ticks }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("UNITS_PER_TICK_LOT", E8 as i64)?;
    rules::register(module)?;
    replay::register(module)
}
