//! `pi5_core.BarBuilder`.

use numpy::{PyArray1, PyReadonlyArray1};
use pi5_core::bars::{self, Bar, BarRule, Session};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::columns::{column, read, same_length};

type Column<'py> = PyReadonlyArray1<'py, i64>;

/// Start, open, high, low, close, volume, ticks.
type BarRow = (i64, i64, i64, i64, i64, i64, u64);
type BarColumns = [Py<PyArray1<i64>>; 6];

fn row(bar: &Bar) -> BarRow {
    (bar.start, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.ticks)
}

fn bar_columns(py: Python<'_>, bars: &[Bar]) -> BarColumns {
    [
        column(py, bars, |bar| bar.start),
        column(py, bars, |bar| bar.open),
        column(py, bars, |bar| bar.high),
        column(py, bars, |bar| bar.low),
        column(py, bars, |bar| bar.close),
        column(py, bars, |bar| bar.volume),
    ]
}

fn parse_rule(rule: &str, size: i128) -> PyResult<BarRule> {
    let bad = || PyValueError::new_err("the size must be above zero and fit 64 bits");
    if size <= 0 {
        return Err(bad());
    }
    let small = || i64::try_from(size).map_err(|_| bad());
    Ok(match rule {
        "time" => BarRule::Time(small()?),
        "ticks" => BarRule::Ticks(small()?.unsigned_abs()),
        "volume" => BarRule::Volume(small()?),
        "value" => BarRule::Value(size),
        _ => return Err(PyValueError::new_err("rule must be time, ticks, volume or value")),
    })
}

#[pyclass(module = "pi5_core")]
pub struct BarBuilder {
    inner: bars::BarBuilder,
}

#[pymethods]
impl BarBuilder {
    /// A session is (time between starts, first start, length).
    #[new]
    #[pyo3(signature = (rule, size, session = None))]
    fn new(rule: &str, size: i128, session: Option<(i64, i64, i64)>) -> PyResult<Self> {
        let session = session.map(|(every, open, length)| Session { every, open, length });
        if session.is_some_and(|session| session.every <= 0 || session.length <= 0) {
            return Err(PyValueError::new_err("a session must last and come again"));
        }
        Ok(Self { inner: bars::BarBuilder::new(parse_rule(rule, size)?, session) })
    }

    /// Takes a tick and returns the bars that it completes.
    fn tick(&mut self, time: i64, price: i64, size: i64) -> Vec<BarRow> {
        let mut bars = Vec::new();
        self.inner.tick(time, price, size, &mut bars);
        bars.iter().map(row).collect()
    }

    /// Takes columns of ticks and returns the completed bars as columns.
    #[allow(clippy::needless_pass_by_value)]
    fn ticks(
        &mut self,
        py: Python<'_>,
        times: Column<'_>,
        prices: Column<'_>,
        sizes: Column<'_>,
    ) -> PyResult<BarColumns> {
        let (times, prices, sizes) = (read(&times), read(&prices), read(&sizes));
        same_length(&[times.len(), prices.len(), sizes.len()])?;
        let bars = py.detach(|| {
            let mut bars = Vec::new();
            for ((&time, &price), &size) in times.iter().zip(&*prices).zip(&*sizes) {
                self.inner.tick(time, price, size, &mut bars);
            }
            bars
        });
        Ok(bar_columns(py, &bars))
    }

    /// Takes columns of shorter bars and returns the completed longer ones as columns.
    #[allow(clippy::too_many_arguments, clippy::needless_pass_by_value)]
    fn bars(
        &mut self,
        py: Python<'_>,
        starts: Column<'_>,
        open: Column<'_>,
        high: Column<'_>,
        low: Column<'_>,
        close: Column<'_>,
        volume: Column<'_>,
    ) -> PyResult<BarColumns> {
        let columns = [&starts, &open, &high, &low, &close, &volume].map(read);
        same_length(&columns.each_ref().map(|column| column.len()))?;
        let bars = py.detach(|| {
            let mut bars = Vec::new();
            for at in 0..columns[0].len() {
                let [start, open, high, low, close, volume] =
                    columns.each_ref().map(|column| column[at]);
                let value = i128::from(close) * i128::from(volume);
                let end = start;
                let part = Bar { start, end, open, high, low, close, volume, value, ticks: 1 };
                self.inner.add(part, &mut bars);
            }
            bars
        });
        Ok(bar_columns(py, &bars))
    }

    /// Ends the bar under way and returns it.
    fn flush(&mut self) -> Option<BarRow> {
        let mut bars = Vec::new();
        self.inner.flush(&mut bars);
        bars.first().map(row)
    }

    /// The bar under way.
    #[getter]
    fn current(&self) -> Option<BarRow> {
        self.inner.current().map(row)
    }

    #[getter]
    fn skipped(&self) -> u64 {
        self.inner.skipped()
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<BarBuilder>()
}
