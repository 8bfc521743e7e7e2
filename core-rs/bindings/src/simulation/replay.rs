//! `pi5_core.Simulation`: the event loop with a Python strategy.
//!
//! The state is behind a lock that is never held while the strategy runs, so the strategy may
//! call back.

use std::sync::{Mutex, MutexGuard, PoisonError};

use numpy::PyReadonlyArray1;
use pi5_core::Side;
use pi5_core::matching::OrderKind;
use pi5_core::simulation::{
    Event, EventKind, Fill, FillRules, Replay, Row, Settings, Streams, Timing,
};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use super::costs;
use crate::call::call_with_one;
use crate::columns::{column, read};
use crate::matching::{parse_kind, parse_time_in_force};
use crate::side;

/// Events between two looks for signals such as Ctrl-C.
const SIGNAL_CHECK_EVENTS: u64 = 4096;

type Column<'py> = PyReadonlyArray1<'py, i64>;

/// One fill: order, instrument, side, price, quantity, whether it was the maker, time.
type FillRow = (u64, usize, u8, i64, i64, bool, i64);

fn fill_row(fill: &Fill) -> FillRow {
    let side = fill.side as u8;
    (fill.order_id, fill.instrument, side, fill.price, fill.quantity, fill.is_maker, fill.time)
}

enum Stage {
    Loading(Streams),
    Running(Box<Replay>),
}

struct State {
    stage: Stage,
    event: Option<Event>,
    /// Fills that `on_fill` has been told about.
    told: usize,
}

#[pyclass(module = "pi5_core", frozen)]
pub struct Simulation {
    settings: Settings,
    instruments: usize,
    state: Mutex<State>,
}

impl Simulation {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, kind: EventKind, instrument: usize, columns: &[&Column<'_>]) -> PyResult<()> {
        if instrument >= self.instruments {
            return Err(PyValueError::new_err("no such instrument"));
        }
        let mut columns = columns.iter().map(|column| read(column).into_owned());
        let times = columns.next().unwrap_or_default();
        let columns = columns.collect();
        let Stage::Loading(streams) = &mut self.lock().stage else {
            return Err(PyRuntimeError::new_err("the simulation has started"));
        };
        if !streams.add(kind, instrument, times, columns) {
            return Err(PyValueError::new_err(
                "columns must have the same length and times must not run backwards",
            ));
        }
        Ok(())
    }

    /// The next event, starting the replay with the first.
    fn step(&self) -> Option<Event> {
        let mut state = self.lock();
        if let Stage::Loading(streams) = &mut state.stage {
            let replay = Replay::new(self.settings, std::mem::take(streams), self.instruments);
            state.stage = Stage::Running(Box::new(replay));
        }
        let Stage::Running(replay) = &mut state.stage else { return None };
        let event = replay.step();
        state.event = event;
        event
    }

    fn with<T>(&self, read: impl FnOnce(&mut Replay) -> T) -> PyResult<T> {
        match &mut self.lock().stage {
            Stage::Running(replay) => Ok(read(replay)),
            Stage::Loading(_) => Err(PyRuntimeError::new_err("the simulation has not started")),
        }
    }

    /// Value of the current event's column, or an error when the event is of another kind.
    fn cell(&self, kind: EventKind, at: usize) -> PyResult<i64> {
        match self.lock().event {
            Some(event) if event.kind == kind => Ok(event.row[at]),
            _ => Err(PyRuntimeError::new_err("the current event has no such value")),
        }
    }

    fn event(&self) -> PyResult<Event> {
        self.lock().event.ok_or_else(|| PyRuntimeError::new_err("there is no current event"))
    }

    /// The next fill that nobody was told about.
    fn untold(&self) -> Option<Fill> {
        let mut state = self.lock();
        let told = state.told;
        let Stage::Running(replay) = &state.stage else { return None };
        let fill = replay.fills().get(told).copied()?;
        state.told += 1;
        Some(fill)
    }

    fn fill_column<T: crate::columns::Plain>(
        &self,
        py: Python<'_>,
        value: impl Fn(&Fill) -> T,
    ) -> PyResult<Py<numpy::PyArray1<T>>> {
        self.with(|replay| column(py, replay.fills(), value))
    }
}

struct Callbacks {
    by_kind: [Option<Py<PyAny>>; 3],
    on_fill: Option<Py<PyAny>>,
}

impl Callbacks {
    fn of(strategy: &Bound<'_, PyAny>) -> PyResult<Self> {
        let find = |name: &str| -> PyResult<Option<Py<PyAny>>> {
            Ok(strategy.getattr_opt(name)?.map(Bound::unbind))
        };
        let by_kind = [find("on_bar")?, find("on_quote")?, find("on_trade")?];
        Ok(Self { by_kind, on_fill: find("on_fill")? })
    }

    fn tell(&self, simulation: &Bound<'_, Simulation>) -> PyResult<()> {
        let Some(on_fill) = &self.on_fill else { return Ok(()) };
        while let Some(fill) = simulation.get().untold() {
            on_fill.call1(simulation.py(), (simulation, fill_row(&fill)))?;
        }
        Ok(())
    }
}

#[pymethods]
impl Simulation {
    #[new]
    #[pyo3(signature = (
        cash = 0, *, instruments = 1, timing = "next_open", participation_e8 = None,
        limited_by_quotes = false, latency = 0, maker_rate_e8 = 0, taker_rate_e8 = 0,
        fee_step = 0, slippage_ticks = 0
    ))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        cash: i128,
        instruments: usize,
        timing: &str,
        participation_e8: Option<i64>,
        limited_by_quotes: bool,
        latency: i64,
        maker_rate_e8: i64,
        taker_rate_e8: i64,
        fee_step: i64,
        slippage_ticks: i64,
    ) -> PyResult<Self> {
        let timing = match timing {
            "next_open" => Timing::NextOpen,
            "this_close" => Timing::ThisClose,
            _ => return Err(PyValueError::new_err("timing must be next_open or this_close")),
        };
        let costs = costs(maker_rate_e8, taker_rate_e8, fee_step, slippage_ticks);
        let rules = FillRules { timing, participation_e8, limited_by_quotes, latency, costs };
        let stage = Stage::Loading(Streams::default());
        let state = Mutex::new(State { stage, event: None, told: 0 });
        Ok(Self { settings: Settings { cash, rules }, instruments, state })
    }

    #[allow(clippy::too_many_arguments, clippy::needless_pass_by_value)]
    fn add_bars(
        &self,
        instrument: usize,
        times: Column<'_>,
        open: Column<'_>,
        high: Column<'_>,
        low: Column<'_>,
        close: Column<'_>,
        volume: Column<'_>,
    ) -> PyResult<()> {
        self.add(EventKind::Bar, instrument, &[&times, &open, &high, &low, &close, &volume])
    }

    #[allow(clippy::needless_pass_by_value)]
    fn add_quotes(
        &self,
        instrument: usize,
        times: Column<'_>,
        bid: Column<'_>,
        ask: Column<'_>,
        bid_size: Column<'_>,
        ask_size: Column<'_>,
    ) -> PyResult<()> {
        self.add(EventKind::Quote, instrument, &[&times, &bid, &ask, &bid_size, &ask_size])
    }

    #[allow(clippy::needless_pass_by_value)]
    fn add_trades(
        &self,
        instrument: usize,
        times: Column<'_>,
        price: Column<'_>,
        size: Column<'_>,
        side: Column<'_>,
    ) -> PyResult<()> {
        self.add(EventKind::Trade, instrument, &[&times, &price, &size, &side])
    }

    /// Plays everything to a strategy; returns the number of events.
    fn run(slf: &Bound<'_, Self>, strategy: &Bound<'_, PyAny>) -> PyResult<u64> {
        let py = slf.py();
        let (this, callbacks) = (slf.get(), Callbacks::of(strategy)?);
        let mut events = 0;
        while let Some(event) = this.step() {
            events += 1;
            callbacks.tell(slf)?;
            if let Some(callback) = &callbacks.by_kind[event.kind as usize] {
                call_with_one(py, callback, slf.as_any())?;
            }
            if events % SIGNAL_CHECK_EVENTS == 0 {
                py.check_signals()?;
            }
        }
        callbacks.tell(slf)?;
        Ok(events)
    }

    #[pyo3(signature = (
        side, quantity, order_type = 1, price = 0, *, instrument = None, stop_price = None,
        trail_offset = None, time_in_force = 0
    ))]
    #[allow(clippy::too_many_arguments)]
    fn submit(
        &self,
        side: u8,
        quantity: i64,
        order_type: u8,
        price: i64,
        instrument: Option<usize>,
        stop_price: Option<i64>,
        trail_offset: Option<i64>,
        time_in_force: u8,
    ) -> PyResult<u64> {
        let (side, kind) = (side::parse(side)?, parse_kind(order_type)?);
        let time_in_force = parse_time_in_force(time_in_force)?;
        let instrument = match instrument {
            Some(instrument) if instrument < self.instruments => instrument,
            Some(_) => return Err(PyValueError::new_err("no such instrument")),
            None => self.event()?.instrument,
        };
        let submitted = self.with(|replay| {
            replay.submit(
                instrument,
                side,
                kind,
                quantity,
                price,
                stop_price,
                trail_offset,
                time_in_force,
            )
        })?;
        submitted.map_err(|refusal| PyValueError::new_err(refusal.code()))
    }

    fn buy(&self, quantity: i64) -> PyResult<u64> {
        self.submit(Side::Buy as u8, quantity, OrderKind::Market as u8, 0, None, None, None, 0)
    }

    fn sell(&self, quantity: i64) -> PyResult<u64> {
        self.submit(Side::Sell as u8, quantity, OrderKind::Market as u8, 0, None, None, None, 0)
    }

    fn cancel(&self, order_id: u64) -> PyResult<Option<i64>> {
        self.with(|replay| replay.cancel(order_id))
    }

    /// Ids and open quantities of working orders.
    fn open_orders(&self) -> PyResult<Vec<(u64, i64)>> {
        self.with(|replay| replay.orders().iter().map(|o| (o.id, o.quantity)).collect())
    }

    #[pyo3(signature = (instrument = 0))]
    fn position(&self, instrument: usize) -> PyResult<i64> {
        if instrument >= self.instruments {
            return Err(PyValueError::new_err("no such instrument"));
        }
        self.with(|replay| replay.position(instrument))
    }

    /// All fills so far as rows.
    fn fills(&self) -> PyResult<Vec<FillRow>> {
        self.with(|replay| replay.fills().iter().map(fill_row).collect())
    }

    /// Times, prices and signed quantities of all fills so far as arrays.
    fn fill_columns(&self, py: Python<'_>) -> PyResult<[Py<numpy::PyArray1<i64>>; 3]> {
        let signed = |f: &Fill| if f.side == Side::Buy { f.quantity } else { -f.quantity };
        Ok([
            self.fill_column(py, |fill| fill.time)?,
            self.fill_column(py, |fill| fill.price)?,
            self.fill_column(py, signed)?,
        ])
    }

    #[getter]
    fn fill_count(&self) -> PyResult<usize> {
        self.with(|replay| replay.fills().len())
    }

    #[getter]
    fn cash(&self) -> PyResult<i128> {
        self.with(|replay| replay.account().cash)
    }

    #[getter]
    fn fees(&self) -> PyResult<i128> {
        self.with(|replay| replay.account().fees)
    }

    #[getter]
    fn equity(&self) -> PyResult<i128> {
        self.with(|replay| replay.equity())
    }

    #[getter]
    fn time(&self) -> PyResult<i64> {
        Ok(self.event()?.time)
    }

    #[getter]
    fn instrument(&self) -> PyResult<usize> {
        Ok(self.event()?.instrument)
    }

    /// Values of the current event in the order in which its stream was added.
    #[getter]
    fn row(&self) -> PyResult<Row> {
        Ok(self.event()?.row)
    }

    #[getter]
    fn open(&self) -> PyResult<i64> {
        self.cell(EventKind::Bar, 0)
    }

    #[getter]
    fn high(&self) -> PyResult<i64> {
        self.cell(EventKind::Bar, 1)
    }

    #[getter]
    fn low(&self) -> PyResult<i64> {
        self.cell(EventKind::Bar, 2)
    }

    #[getter]
    fn close(&self) -> PyResult<i64> {
        self.cell(EventKind::Bar, 3)
    }

    #[getter]
    fn volume(&self) -> PyResult<i64> {
        self.cell(EventKind::Bar, 4)
    }

    #[getter]
    fn bid(&self) -> PyResult<i64> {
        self.cell(EventKind::Quote, 0)
    }

    #[getter]
    fn ask(&self) -> PyResult<i64> {
        self.cell(EventKind::Quote, 1)
    }

    #[getter]
    fn bid_size(&self) -> PyResult<i64> {
        self.cell(EventKind::Quote, 2)
    }

    #[getter]
    fn ask_size(&self) -> PyResult<i64> {
        self.cell(EventKind::Quote, 3)
    }

    #[getter]
    fn price(&self) -> PyResult<i64> {
        self.cell(EventKind::Trade, 0)
    }

    #[getter]
    fn size(&self) -> PyResult<i64> {
        self.cell(EventKind::Trade, 1)
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Simulation>()
}
