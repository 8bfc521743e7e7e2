//! Rules over whole arrays, without the interpreter lock.

use numpy::{PyArray1, PyReadonlyArray1, PyReadonlyArray2};
use pi5_core::simulation::{self, Prices, RuleError, Run, Sizing};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::costs;
use crate::columns::{column, read};

type Column<'py> = PyReadonlyArray1<'py, i64>;

fn refused(error: RuleError) -> PyErr {
    PyValueError::new_err(error.text())
}

/// Fills as columns, and the account at the end. Money is in units of 1e-8 tick·lot.
#[pyclass(module = "pi5_core", frozen, get_all)]
pub struct BacktestRun {
    rows: Py<PyArray1<u64>>,
    prices: Py<PyArray1<i64>>,
    quantities: Py<PyArray1<i64>>,
    fills: u64,
    position: i64,
    cash: i128,
    fees: i128,
    equity: i128,
}

impl BacktestRun {
    fn new(py: Python<'_>, run: Run) -> Self {
        Self {
            fills: run.fills,
            position: run.position,
            cash: run.account.cash,
            fees: run.account.fees,
            equity: run.equity,
            rows: PyArray1::from_vec(py, run.rows).unbind(),
            prices: PyArray1::from_vec(py, run.prices).unbind(),
            quantities: PyArray1::from_vec(py, run.quantities).unbind(),
        }
    }
}

#[pyfunction]
#[pyo3(signature = (
    signal, buy, sell, mark, fast, slow, quantity, *, short = false, cash = 0,
    taker_rate_e8 = 0, fee_step = 0, slippage_ticks = 0
))]
#[allow(clippy::too_many_arguments, clippy::needless_pass_by_value)]
fn run_sma_cross(
    py: Python<'_>,
    signal: Column<'_>,
    buy: Column<'_>,
    sell: Column<'_>,
    mark: Column<'_>,
    fast: usize,
    slow: usize,
    quantity: i64,
    short: bool,
    cash: i128,
    taker_rate_e8: i64,
    fee_step: i64,
    slippage_ticks: i64,
) -> PyResult<BacktestRun> {
    let costs = costs(0, taker_rate_e8, fee_step, slippage_ticks);
    let sizing = Sizing { quantity, short, cash, costs };
    let columns = [&signal, &buy, &sell, &mark].map(read);
    let [signal, buy, sell, mark] = columns.each_ref().map(|column| &**column);
    let prices = Prices { signal, buy, sell, mark };
    let run = py.detach(|| simulation::run_sma_cross(&prices, fast, slow, &sizing));
    Ok(BacktestRun::new(py, run.map_err(refused)?))
}

#[pyfunction]
#[pyo3(signature = (
    targets, buy, sell, mark, *, cash = 0, taker_rate_e8 = 0, fee_step = 0, slippage_ticks = 0
))]
#[allow(clippy::too_many_arguments, clippy::needless_pass_by_value)]
fn run_targets(
    py: Python<'_>,
    targets: Column<'_>,
    buy: Column<'_>,
    sell: Column<'_>,
    mark: Column<'_>,
    cash: i128,
    taker_rate_e8: i64,
    fee_step: i64,
    slippage_ticks: i64,
) -> PyResult<BacktestRun> {
    let costs = costs(0, taker_rate_e8, fee_step, slippage_ticks);
    let sizing = Sizing { quantity: 0, short: false, cash, costs };
    let columns = [&targets, &buy, &sell, &mark].map(read);
    let [targets, buy, sell, mark] = columns.each_ref().map(|column| &**column);
    let prices = Prices { signal: mark, buy, sell, mark };
    let run = py.detach(|| simulation::run_targets(targets, &prices, &sizing));
    Ok(BacktestRun::new(py, run.map_err(refused)?))
}

/// Number of fills and equity of each pair.
type Swept = (Py<PyArray1<u64>>, Vec<i128>);

#[pyfunction]
#[pyo3(signature = (
    signal, buy, sell, mark, pairs, quantity, *, short = false, cash = 0, taker_rate_e8 = 0,
    fee_step = 0, slippage_ticks = 0, threads = None
))]
#[allow(clippy::too_many_arguments, clippy::needless_pass_by_value)]
fn sweep_sma_cross(
    py: Python<'_>,
    signal: Column<'_>,
    buy: Column<'_>,
    sell: Column<'_>,
    mark: Column<'_>,
    pairs: PyReadonlyArray2<'_, i64>,
    quantity: i64,
    short: bool,
    cash: i128,
    taker_rate_e8: i64,
    fee_step: i64,
    slippage_ticks: i64,
    threads: Option<usize>,
) -> PyResult<Swept> {
    let pairs = pairs.as_array();
    if pairs.ncols() != 2 {
        return Err(PyValueError::new_err("pairs must have two columns"));
    }
    // A negative period becomes zero, which is refused.
    let period = |value: i64| usize::try_from(value).unwrap_or(0);
    let pairs: Vec<_> = pairs.rows().into_iter().map(|p| (period(p[0]), period(p[1]))).collect();
    let costs = costs(0, taker_rate_e8, fee_step, slippage_ticks);
    let sizing = Sizing { quantity, short, cash, costs };
    let columns = [&signal, &buy, &sell, &mark].map(read);
    let [signal, buy, sell, mark] = columns.each_ref().map(|column| &**column);
    let prices = Prices { signal, buy, sell, mark };
    let all = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.unwrap_or_else(all);
    let runs = py.detach(|| simulation::sweep_sma_cross(&prices, &pairs, &sizing, threads));
    let runs = runs.map_err(refused)?;
    Ok((column(py, &runs, |run| run.fills), runs.iter().map(|run| run.equity).collect()))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<BacktestRun>()?;
    module.add_function(wrap_pyfunction!(run_sma_cross, module)?)?;
    module.add_function(wrap_pyfunction!(run_targets, module)?)?;
    module.add_function(wrap_pyfunction!(sweep_sma_cross, module)?)
}
