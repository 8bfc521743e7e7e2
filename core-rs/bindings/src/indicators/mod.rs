//! Indicators for Python: a class for single values and a function for arrays.

use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1};
use pi5_core::indicators::{self as core, Bar, Indicator};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

type Values<'py> = PyReadonlyArray1<'py, f64>;

/// A period of at least `minimum`, or `ValueError`.
fn period_of_at_least(minimum: usize, period: usize) -> PyResult<usize> {
    const PERIOD_MAX: usize = 1_000_000;
    if (minimum..=PERIOD_MAX).contains(&period) {
        return Ok(period);
    }
    Err(PyValueError::new_err(format!("period must be from {minimum} to {PERIOD_MAX}")))
}

/// Runs an indicator over an array without the interpreter lock.
fn over<'py, I>(
    py: Python<'py>,
    mut indicator: I,
    count: usize,
    input: impl Fn(usize) -> I::Input + Sync,
) -> Bound<'py, PyArray1<f64>>
where
    I: Indicator + Send,
{
    let output = PyArray1::<f64>::zeros(py, count, false);
    {
        let mut writer = output.readwrite();
        if let Ok(values) = writer.as_slice_mut() {
            py.detach(|| {
                for (at, value) in values.iter_mut().enumerate() {
                    *value = indicator.update(input(at));
                }
            });
        }
    }
    output
}

fn contiguous<'a>(values: &'a Values<'_>) -> PyResult<&'a [f64]> {
    values.as_slice().map_err(|_| PyValueError::new_err("the array must be contiguous"))
}

macro_rules! indicator {
    ($name:ident, $minimum:expr, ($($field:ident),+), $input:expr) => {
        #[pyclass(module = "pi5_core")]
        pub struct $name {
            inner: core::$name,
            #[pyo3(get)]
            value: f64,
        }

        #[pymethods]
        impl $name {
            #[new]
            fn new(period: usize) -> PyResult<Self> {
                let inner = core::$name::new(period_of_at_least($minimum, period)?);
                Ok(Self { inner, value: f64::NAN })
            }

            fn update(&mut self, $($field: f64),+) -> f64 {
                self.value = self.inner.update($input);
                self.value
            }

            #[getter]
            fn ready(&self) -> bool {
                !self.value.is_nan()
            }

            #[getter]
            fn warm_up(&self) -> usize {
                self.inner.warm_up()
            }

            fn reset(&mut self) {
                self.inner.reset();
                self.value = f64::NAN;
            }
        }
    };
}

indicator!(Sma, 1, (value), value);
indicator!(Ema, 1, (value), value);
indicator!(Rsi, 2, (value), value);
indicator!(Atr, 1, (high, low, close), Bar { high, low, close });

macro_rules! batch {
    ($function:ident, $name:ident, $minimum:expr) => {
        #[pyfunction]
        #[allow(clippy::needless_pass_by_value)]
        fn $function<'py>(
            py: Python<'py>,
            values: Values<'py>,
            period: usize,
        ) -> PyResult<Bound<'py, PyArray1<f64>>> {
            let indicator = core::$name::new(period_of_at_least($minimum, period)?);
            let values = contiguous(&values)?;
            Ok(over(py, indicator, values.len(), |at| values[at]))
        }
    };
}

batch!(sma, Sma, 1);
batch!(ema, Ema, 1);
batch!(rsi, Rsi, 2);

#[pyfunction]
#[allow(clippy::needless_pass_by_value)]
fn atr<'py>(
    py: Python<'py>,
    high: Values<'py>,
    low: Values<'py>,
    close: Values<'py>,
    period: usize,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let indicator = core::Atr::new(period_of_at_least(1, period)?);
    let (high, low, close) = (contiguous(&high)?, contiguous(&low)?, contiguous(&close)?);
    if high.len() != low.len() || low.len() != close.len() {
        return Err(PyValueError::new_err("the arrays must have the same length"));
    }
    let bar = |at: usize| Bar { high: high[at], low: low[at], close: close[at] };
    Ok(over(py, indicator, high.len(), bar))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Sma>()?;
    module.add_class::<Ema>()?;
    module.add_class::<Rsi>()?;
    module.add_class::<Atr>()?;
    module.add_function(wrap_pyfunction!(sma, module)?)?;
    module.add_function(wrap_pyfunction!(ema, module)?)?;
    module.add_function(wrap_pyfunction!(rsi, module)?)?;
    module.add_function(wrap_pyfunction!(atr, module)?)
}
