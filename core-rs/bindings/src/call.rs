//! Calling Python with one argument and no tuple around it, which is half of the cost of a call.

use pyo3::ffi;
use pyo3::prelude::*;

#[inline]
pub fn call_with_one(
    py: Python<'_>,
    callable: &Py<PyAny>,
    argument: &Bound<'_, PyAny>,
) -> PyResult<()> {
    // SAFETY: both pointers are live objects for the time of the call, the argument list ends
    // with a null pointer, and the result is a new reference or null with an error set.
    unsafe {
        let end = std::ptr::null_mut::<ffi::PyObject>();
        let result = ffi::PyObject_CallFunctionObjArgs(callable.as_ptr(), argument.as_ptr(), end);
        Bound::from_owned_ptr_or_err(py, result).map(drop)
    }
}
