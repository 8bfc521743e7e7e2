//! Whole arrays through an indicator, without the interpreter lock.

use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1, PyReadwriteArray1};
use pi5_core::indicators::Indicator;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::columns::{read, same_length, uninitialized};

pub type Column<'py> = PyReadonlyArray1<'py, f64>;

/// Runs an indicator over its input columns; a new array for each output.
pub fn run<'py, T, const I: usize, const O: usize>(
    py: Python<'py>,
    indicator: T,
    inputs: &[Column<'py>; I],
) -> PyResult<[Bound<'py, PyArray1<f64>>; O]>
where
    T: Indicator<I, O>,
{
    let columns = inputs.each_ref().map(read);
    same_length(&columns.each_ref().map(|column| column.len()))?;
    let rows = columns.first().map_or(0, |column| column.len());
    let outputs: [_; O] = std::array::from_fn(|_| uninitialized(py, rows));
    {
        let mut writers: [PyReadwriteArray1<'_, f64>; O] =
            outputs.each_ref().map(|array: &Bound<'_, PyArray1<f64>>| array.readwrite());
        let mut slices = Vec::with_capacity(O);
        for writer in &mut writers {
            slices.push(writer.as_slice_mut().map_err(|e| PyValueError::new_err(e.to_string()))?);
        }
        let slices: [&mut [f64]; O] =
            slices.try_into().map_err(|_| PyValueError::new_err("wrong number of outputs"))?;
        let inputs = columns.each_ref().map(|column| &**column);
        py.detach(|| indicator.batch(inputs, slices));
    }
    Ok(outputs)
}
