//! NumPy columns in and out. Contiguous arrays are read in place, others are copied first.

use std::borrow::Cow;

use numpy::{Element, PyArray1, PyArrayMethods, PyReadonlyArray1, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Best price arrays have these where a side is empty.
pub const NO_BID: i64 = i64::MIN;
pub const NO_ASK: i64 = i64::MAX;

/// A column of small codes, of whatever integer type the caller has.
#[derive(FromPyObject)]
pub enum Codes<'py> {
    Unsigned8(PyReadonlyArray1<'py, u8>),
    Signed8(PyReadonlyArray1<'py, i8>),
    Signed64(PyReadonlyArray1<'py, i64>),
}

impl Codes<'_> {
    /// The codes, all of them at most `max`.
    pub fn read(&self, name: &str, max: u8) -> PyResult<Cow<'_, [u8]>> {
        let codes = match self {
            Self::Unsigned8(array) => read(array),
            Self::Signed8(array) => narrow(&read(array)),
            Self::Signed64(array) => narrow(&read(array)),
        };
        if codes.iter().copied().max().unwrap_or(0) > max {
            return Err(PyValueError::new_err(format!("{name} must be from 0 to {max}")));
        }
        Ok(codes)
    }
}

/// Codes as bytes; what does not fit becomes 255, which no column allows.
fn narrow<T: Copy + TryInto<u8>>(values: &[T]) -> Cow<'static, [u8]> {
    values.iter().map(|&value| value.try_into().unwrap_or(u8::MAX)).collect::<Vec<u8>>().into()
}

pub fn read<'a, T: Element + Copy>(array: &'a PyReadonlyArray1<'_, T>) -> Cow<'a, [T]> {
    match array.as_slice() {
        Ok(slice) => Cow::Borrowed(slice),
        Err(_) => Cow::Owned(array.as_array().to_vec()),
    }
}

/// One-dimensional int64 ids as unsigned numbers, also from uint64 arrays.
#[derive(FromPyObject)]
pub enum Ids<'py> {
    Unsigned(PyReadonlyArray1<'py, u64>),
    Signed(PyReadonlyArray1<'py, i64>),
}

impl Ids<'_> {
    pub fn read(&self) -> PyResult<Cow<'_, [u64]>> {
        match self {
            Self::Unsigned(array) => Ok(read(array)),
            Self::Signed(array) => {
                let values = read(array);
                if values.iter().any(|&id| id < 0) {
                    return Err(PyValueError::new_err("ids must not be negative"));
                }
                Ok(values.iter().map(|&id| id as u64).collect::<Vec<u64>>().into())
            }
        }
    }
}

pub fn same_length(lengths: &[usize]) -> PyResult<()> {
    if lengths.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err(PyValueError::new_err("the columns must have the same length"));
    }
    Ok(())
}

/// Element types for which every bit pattern is a value.
pub trait Plain: Element + Copy {}
impl Plain for f64 {}
impl Plain for i64 {}
impl Plain for u64 {}
impl Plain for u8 {}

/// A new array that the caller has to fill completely. Zeroing it first would cost as much as
/// filling it.
pub fn uninitialized<T: Plain>(py: Python<'_>, length: usize) -> Bound<'_, PyArray1<T>> {
    // SAFETY: the elements own nothing and are valid whatever their bits; nobody else can see
    // the array before the caller has filled it.
    unsafe { PyArray1::<T>::new(py, length, false) }
}

/// A new array, filled by a function that gets its memory and writes all of it.
pub fn build<'py, T: Plain>(
    py: Python<'py>,
    length: usize,
    fill: impl FnOnce(&mut [T]),
) -> Bound<'py, PyArray1<T>> {
    let array = uninitialized(py, length);
    debug_assert_eq!(array.len(), length);
    let mut writer = array.readwrite();
    // A new array is contiguous.
    if let Ok(slice) = writer.as_slice_mut() {
        fill(slice);
    }
    drop(writer);
    array
}

/// One column of rows as an array.
pub fn column<T, R>(py: Python<'_>, rows: &[R], value: impl Fn(&R) -> T) -> Py<PyArray1<T>>
where
    T: Plain,
{
    let array = build(py, rows.len(), |cells| {
        for (cell, row) in cells.iter_mut().zip(rows) {
            *cell = value(row);
        }
    });
    array.unbind()
}
