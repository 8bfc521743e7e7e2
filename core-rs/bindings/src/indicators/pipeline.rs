//! `pi5_core.Pipeline`.

use numpy::{PyArray2, PyArrayMethods, PyReadonlyArray1};
use pi5_core::indicators::{self as core, make};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::refused;
use crate::columns::{read, same_length};

#[pyclass(module = "pi5_core")]
pub struct Pipeline {
    inner: core::Pipeline,
}

fn source_index(source: &str) -> PyResult<usize> {
    ["open", "high", "low", "close", "volume"]
        .iter()
        .position(|&name| name == source)
        .ok_or_else(|| PyValueError::new_err("source must be open, high, low, close or volume"))
}

#[pymethods]
impl Pipeline {
    #[new]
    fn new() -> Self {
        Self { inner: core::Pipeline::new() }
    }

    /// Adds an indicator by the name of its function; returns the index of its first output.
    #[pyo3(signature = (name, *parameters, source = "close"))]
    #[allow(clippy::needless_pass_by_value)]
    fn add(&mut self, name: &str, parameters: Vec<f64>, source: &str) -> PyResult<usize> {
        let step = make(name, &parameters, source_index(source)?).map_err(refused)?;
        Ok(self.inner.add(step))
    }

    fn update(&mut self, open: f64, high: f64, low: f64, close: f64, volume: f64) {
        self.inner.update(&[open, high, low, close, volume]);
    }

    /// All bars in one call, without the interpreter lock: a row of outputs for each bar.
    #[allow(clippy::needless_pass_by_value)]
    fn run<'py>(
        &mut self,
        py: Python<'py>,
        open: PyReadonlyArray1<'py, f64>,
        high: PyReadonlyArray1<'py, f64>,
        low: PyReadonlyArray1<'py, f64>,
        close: PyReadonlyArray1<'py, f64>,
        volume: PyReadonlyArray1<'py, f64>,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let columns = [read(&open), read(&high), read(&low), read(&close), read(&volume)];
        same_length(&columns.each_ref().map(|column| column.len()))?;
        let (rows, width) = (columns[0].len(), self.inner.values().len());
        let output = PyArray2::<f64>::zeros(py, [rows, width], false);
        if width > 0 {
            let mut writer = output.readwrite();
            let cells = writer.as_slice_mut().map_err(|e| PyValueError::new_err(e.to_string()))?;
            py.detach(|| {
                for (at, row) in cells.chunks_exact_mut(width).enumerate() {
                    self.inner.update(&columns.each_ref().map(|column| column[at]));
                    row.copy_from_slice(self.inner.values());
                }
            });
        }
        Ok(output)
    }

    /// All outputs in the order in which their indicators were added.
    #[getter]
    fn values(&self) -> Vec<f64> {
        self.inner.values().to_vec()
    }

    #[getter]
    fn warm_up(&self) -> usize {
        self.inner.warm_up()
    }

    fn __getitem__(&self, index: usize) -> PyResult<f64> {
        let value = self.inner.values().get(index).copied();
        value.ok_or_else(|| pyo3::exceptions::PyIndexError::new_err("no such output"))
    }

    fn __len__(&self) -> usize {
        self.inner.values().len()
    }
}
