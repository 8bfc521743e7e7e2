//! Many operations in one call: columns in, fills as columns out.

use numpy::{PyArray1, PyReadonlyArray1};
use pi5_core::matching::{Fill, MatchingEngine, NewOrder, OrderKind, Outcome, Status};
use pyo3::prelude::*;

use crate::book::side_of;
use crate::columns::{Codes, Ids, read, same_length};

pub const OP_LIMIT: u8 = 0;
pub const OP_MARKET: u8 = 1;
pub const OP_CANCEL: u8 = 2;
pub const OP_REPLACE: u8 = 3;

/// Fills as columns, with the outcome of each operation.
#[pyclass(module = "pi5_core", frozen, get_all)]
pub struct BatchResult {
    maker_id: Py<PyArray1<u64>>,
    taker_id: Py<PyArray1<u64>>,
    maker_participant: Py<PyArray1<u64>>,
    taker_participant: Py<PyArray1<u64>>,
    price: Py<PyArray1<i64>>,
    quantity: Py<PyArray1<i64>>,
    taker_side: Py<PyArray1<u8>>,
    sequence: Py<PyArray1<u64>>,
    /// One for each operation.
    status: Py<PyArray1<u8>>,
    /// One for each operation.
    remaining: Py<PyArray1<i64>>,
}

/// How many fills are gathered before they are moved to their columns, while still in the cache.
const FILLS_IN_CACHE: usize = 256;

/// Fills as columns while they are being made.
#[derive(Default)]
struct FillColumns {
    maker_id: Vec<u64>,
    taker_id: Vec<u64>,
    maker_participant: Vec<u64>,
    taker_participant: Vec<u64>,
    price: Vec<i64>,
    quantity: Vec<i64>,
    taker_side: Vec<u8>,
    sequence: Vec<u64>,
}

impl FillColumns {
    fn take(&mut self, fills: &mut Vec<Fill>) {
        self.maker_id.extend(fills.iter().map(|fill| fill.maker_id));
        self.taker_id.extend(fills.iter().map(|fill| fill.taker_id));
        self.maker_participant.extend(fills.iter().map(|fill| fill.maker_participant));
        self.taker_participant.extend(fills.iter().map(|fill| fill.taker_participant));
        self.price.extend(fills.iter().map(|fill| fill.price));
        self.quantity.extend(fills.iter().map(|fill| fill.quantity));
        self.taker_side.extend(fills.iter().map(|fill| fill.taker_side as u8));
        self.sequence.extend(fills.iter().map(|fill| fill.sequence));
        fills.clear();
    }
}

struct Rows<'a> {
    operations: &'a [u8],
    ids: &'a [u64],
    participants: Option<&'a [u64]>,
    sides: &'a [u8],
    prices: &'a [i64],
    quantities: &'a [i64],
}

fn run(engine: &mut MatchingEngine, rows: &Rows<'_>) -> (FillColumns, Vec<u8>, Vec<i64>) {
    let count = rows.operations.len();
    let (mut columns, mut fills) = (FillColumns::default(), Vec::new());
    let (mut status, mut remaining) = (vec![0; count], vec![0; count]);
    for (at, &operation) in rows.operations.iter().enumerate() {
        let (id, price, quantity) = (rows.ids[at], rows.prices[at], rows.quantities[at]);
        let outcome = match operation {
            OP_CANCEL => canceled(engine, id, &mut fills),
            OP_REPLACE => engine.replace(id, price, quantity, &mut fills),
            _ => {
                let participant = rows.participants.map_or(0, |p| p[at]);
                let order =
                    NewOrder::limit(id, participant, side_of(rows.sides[at]), price, quantity);
                let market = operation == OP_MARKET;
                let kind = if market { OrderKind::Market } else { OrderKind::Limit };
                engine.submit(&NewOrder { kind, ..order }, &mut fills)
            }
        };
        status[at] = outcome.status as u8;
        remaining[at] = outcome.remaining;
        if fills.len() >= FILLS_IN_CACHE {
            columns.take(&mut fills);
        }
    }
    columns.take(&mut fills);
    (columns, status, remaining)
}

/// A cancel of something unknown reads as rejected.
fn canceled(engine: &mut MatchingEngine, id: u64, fills: &mut Vec<Fill>) -> Outcome {
    let open = engine.cancel(id, fills);
    let status = if open.is_some() { Status::Canceled } else { Status::Rejected };
    Outcome { status, remaining: open.unwrap_or(0), reason: None }
}

#[allow(clippy::too_many_arguments)]
pub fn apply(
    py: Python<'_>,
    engine: &mut MatchingEngine,
    operations: &Codes<'_>,
    order_ids: &Ids<'_>,
    sides: &Codes<'_>,
    prices: &PyReadonlyArray1<'_, i64>,
    quantities: &PyReadonlyArray1<'_, i64>,
    participants: Option<&Ids<'_>>,
) -> PyResult<BatchResult> {
    let (operations, sides) = (operations.read("operation", OP_REPLACE)?, sides.read("side", 1)?);
    let (ids, prices, quantities) = (order_ids.read()?, read(prices), read(quantities));
    let participants = participants.map(Ids::read).transpose()?;
    let owners = participants.as_ref().map_or(ids.len(), |p| p.len());
    let lengths =
        [operations.len(), ids.len(), sides.len(), prices.len(), quantities.len(), owners];
    same_length(&lengths)?;
    let rows = Rows {
        operations: &operations,
        ids: &ids,
        participants: participants.as_deref(),
        sides: &sides,
        prices: &prices,
        quantities: &quantities,
    };
    let (fills, status, remaining) = py.detach(|| run(engine, &rows));
    Ok(BatchResult {
        maker_id: PyArray1::from_vec(py, fills.maker_id).unbind(),
        taker_id: PyArray1::from_vec(py, fills.taker_id).unbind(),
        maker_participant: PyArray1::from_vec(py, fills.maker_participant).unbind(),
        taker_participant: PyArray1::from_vec(py, fills.taker_participant).unbind(),
        price: PyArray1::from_vec(py, fills.price).unbind(),
        quantity: PyArray1::from_vec(py, fills.quantity).unbind(),
        taker_side: PyArray1::from_vec(py, fills.taker_side).unbind(),
        sequence: PyArray1::from_vec(py, fills.sequence).unbind(),
        status: PyArray1::from_vec(py, status).unbind(),
        remaining: PyArray1::from_vec(py, remaining).unbind(),
    })
}
