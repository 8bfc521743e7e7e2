//! Order books for Python.

mod l2;
mod l3;

use numpy::PyArray1;
use pi5_core::Side;
use pi5_core::book::{Admission, Sweep, sweep};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::columns;

/// Best bid and ask price.
pub type Touch = (Option<i64>, Option<i64>);

/// The last tuple of best prices that was handed out. Most updates leave the best prices alone,
/// and a tuple cannot be changed by whoever has it, so it can be handed out again.
#[derive(Default)]
pub struct TouchTuple(Option<(Touch, Py<PyTuple>)>);

impl TouchTuple {
    #[inline]
    pub fn get(&mut self, py: Python<'_>, touch: Touch) -> PyResult<Py<PyTuple>> {
        if let Some((last, tuple)) = &self.0
            && *last == touch
        {
            return Ok(tuple.clone_ref(py));
        }
        let tuple = touch.into_pyobject(py)?.unbind();
        self.0 = Some((touch, tuple.clone_ref(py)));
        Ok(tuple)
    }
}

/// Best bid and ask after each row of a batch.
pub type TouchColumns = (Py<PyArray1<i64>>, Py<PyArray1<i64>>);

/// Runs `rows` and, when wanted, writes the best prices after each row to new arrays.
pub fn with_touch(
    py: Python<'_>,
    count: usize,
    wanted: bool,
    rows: impl Iterator<Item = Touch> + Send,
) -> Option<TouchColumns> {
    if !wanted {
        py.detach(|| rows.for_each(drop));
        return None;
    }
    let mut best_asks = None;
    let bids = columns::build(py, count, |bids| {
        best_asks = Some(columns::build(py, count, |asks| {
            py.detach(|| {
                for ((bid, ask), touch) in bids.iter_mut().zip(asks).zip(rows) {
                    *bid = touch.0.unwrap_or(columns::NO_BID);
                    *ask = touch.1.unwrap_or(columns::NO_ASK);
                }
            });
        }));
    });
    Some((bids.unbind(), best_asks?.unbind()))
}

/// Filled quantity, notional and worst price of a marketable quantity.
pub type Cost = (i64, i128, Option<i64>);

/// What an order of this side would meet in the levels of the other.
pub fn cost(levels: impl Iterator<Item = (i64, i64)>, quantity: i64) -> Cost {
    let Sweep { filled, notional, worst_price } = sweep(levels, quantity);
    (filled, notional, worst_price)
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("ADD", l3::ADD)?;
    module.add("UPDATE", l3::UPDATE)?;
    module.add("DELETE", l3::DELETE)?;
    module.add("APPLY", Admission::Apply as u8)?;
    module.add("OLD", Admission::Old as u8)?;
    module.add("GAP", Admission::Gap as u8)?;
    module.add("WRONG_INSTRUMENT", Admission::WrongInstrument as u8)?;
    module.add("NO_BID", columns::NO_BID)?;
    module.add("NO_ASK", columns::NO_ASK)?;
    module.add_class::<l2::L2Book>()?;
    module.add_class::<l3::L3Book>()
}

/// Sides by their number; the column was checked before.
#[inline]
pub fn side_of(code: u8) -> Side {
    if code == 0 { Side::Buy } else { Side::Sell }
}
