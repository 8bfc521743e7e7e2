//! `pi5_core.Scale`: decimals to ticks and back, exactly.

use pi5_core::types::{self, NumberError};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyFloat, PyInt, PyString, PyType};

static DECIMAL: PyOnceLock<Py<PyType>> = PyOnceLock::new();

fn decimal_type(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    DECIMAL.import(py, "decimal", "Decimal")
}

fn refused(error: NumberError) -> PyErr {
    PyValueError::new_err(error.code())
}

/// Plain decimal text of a str, an int or a Decimal. A float is a `TypeError`: it has lost the
/// exact figure already.
fn text<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(text.clone());
    }
    if value.is_instance_of::<PyFloat>() {
        return Err(PyTypeError::new_err("money must be a Decimal, int or str, never a float"));
    }
    if value.is_instance_of::<PyInt>() {
        return value.str();
    }
    if value.is_instance(decimal_type(value.py())?)? {
        // "f" writes Decimal("1E+3") as plain digits.
        return Ok(value.call_method1("__format__", ("f",))?.cast_into::<PyString>()?);
    }
    Err(PyTypeError::new_err("money must be a Decimal, int or str"))
}

#[pyclass(module = "pi5_core", frozen, eq)]
#[derive(PartialEq)]
pub struct Scale {
    inner: types::Scale,
}

#[pymethods]
impl Scale {
    /// The scale whose tick is this decimal.
    #[new]
    fn new(tick: &Bound<'_, PyAny>) -> PyResult<Self> {
        let inner = types::Scale::of_tick(&text(tick)?.to_cow()?).map_err(refused)?;
        Ok(Self { inner })
    }

    /// Ticks of a Decimal, int or decimal text; refuses what is not a whole number of them.
    fn ticks(&self, value: &Bound<'_, PyAny>) -> PyResult<i64> {
        self.inner.parse(&text(value)?.to_cow()?).map_err(refused)
    }

    /// Decimal text of a number of ticks.
    fn text(&self, ticks: i64) -> String {
        self.inner.format(ticks)
    }

    /// Decimal of a number of ticks.
    fn decimal<'py>(&self, py: Python<'py>, ticks: i64) -> PyResult<Bound<'py, PyAny>> {
        decimal_type(py)?.call1((self.inner.format(ticks),))
    }

    #[getter]
    fn precision(&self) -> u8 {
        self.inner.precision()
    }

    fn __repr__(&self) -> String {
        format!("Scale('{}')", self.inner.format(1))
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Scale>()
}
