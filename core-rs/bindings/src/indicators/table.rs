//! The table: class, function, parameters with their usual values, inputs, number of outputs.

use numpy::PyArray1;
use pi5_core::indicators::{self as core, Indicator};
use pyo3::prelude::*;

use super::batch::{Column, run};
use super::refused;

/// What an update answers: a float, or a tuple of floats.
macro_rules! answer {
    (1, $values:expr) => {{
        let [value] = $values;
        value
    }};
    ($width:tt, $values:expr) => {{
        let values: [f64; $width] = $values;
        <[f64; $width] as Into<_>>::into(values)
    }};
}

macro_rules! output {
    (1, $type:ty) => {
        $type
    };
    (2, $type:ty) => {
        ($type, $type)
    };
    (3, $type:ty) => {
        ($type, $type, $type)
    };
    (4, $type:ty) => {
        ($type, $type, $type, $type)
    };
}

macro_rules! indicator {
    ($name:ident, $function:ident, ($($parameter:ident: $type:ty = $usual:tt),*),
     [$($input:ident),+], $width:tt) => {
        #[pyclass(module = "pi5_core")]
        pub struct $name {
            fresh: core::$name,
            inner: core::$name,
            last: [f64; $width],
        }

        #[pymethods]
        impl $name {
            #[new]
            #[pyo3(signature = ($($parameter = $usual),*))]
            fn new($($parameter: $type),*) -> PyResult<Self> {
                let fresh = core::$name::new($($parameter),*).map_err(refused)?;
                let inner = fresh.clone();
                Ok(Self { fresh, inner, last: [f64::NAN; $width] })
            }

            fn update(&mut self, $($input: f64),+) -> output!($width, f64) {
                self.last = self.inner.update([$($input),+]);
                answer!($width, self.last)
            }

            #[getter]
            fn value(&self) -> output!($width, f64) {
                answer!($width, self.last)
            }

            #[getter]
            fn ready(&self) -> bool {
                !self.last.iter().any(|value| value.is_nan())
            }

            #[getter]
            fn warm_up(&self) -> usize {
                self.inner.warm_up()
            }

            fn reset(&mut self) {
                self.inner = self.fresh.clone();
                self.last = [f64::NAN; $width];
            }
        }

        #[pyfunction]
        #[pyo3(signature = ($($input),+, $($parameter = $usual),*))]
        fn $function<'py>(
            py: Python<'py>,
            $($input: Column<'py>,)+
            $($parameter: $type),*
        ) -> PyResult<output!($width, Bound<'py, PyArray1<f64>>)> {
            let indicator = core::$name::new($($parameter),*).map_err(refused)?;
            let outputs = run::<_, _, $width>(py, indicator, &[$($input),+])?;
            Ok(arrays!($width, outputs))
        }
    };
}

macro_rules! arrays {
    (1, $outputs:expr) => {{
        let [first] = $outputs;
        first
    }};
    ($width:tt, $outputs:expr) => {
        $outputs.into()
    };
}

macro_rules! table {
    ($($name:ident $function:ident $parameters:tt $inputs:tt $width:tt;)+) => {
        $(indicator!($name, $function, $parameters, $inputs, $width);)+

        pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
            $(
                module.add_class::<$name>()?;
                module.add_function(wrap_pyfunction!($function, module)?)?;
            )+
            Ok(())
        }
    };
}

table! {
    Sma sma (period: usize = 20) [values] 1;
    Ema ema (period: usize = 20) [values] 1;
    Wma wma (period: usize = 20) [values] 1;
    Dema dema (period: usize = 20) [values] 1;
    Tema tema (period: usize = 20) [values] 1;
    Hma hma (period: usize = 20) [values] 1;
    Kama kama (period: usize = 30) [values] 1;
    Rsi rsi (period: usize = 14) [values] 1;
    Macd macd (fast: usize = 12, slow: usize = 26, signal: usize = 9) [values] 3;
    Roc roc (period: usize = 10) [values] 1;
    Momentum momentum (period: usize = 10) [values] 1;
    Bollinger bollinger (period: usize = 20, deviations: f64 = 2.0) [values] 3;
    ZScore z_score (period: usize = 20) [values] 1;
    RealizedVolatility realized_volatility
        (period: usize = 20, periods_per_year: f64 = 1.0) [values] 1;
    StochasticRsi stochastic_rsi
        (period: usize = 14, fast_k: usize = 5, fast_d: usize = 3) [values] 2;
    Donchian donchian (period: usize = 20) [high, low] 3;
    Ichimoku ichimoku
        (conversion: usize = 9, base: usize = 26, span: usize = 52) [high, low] 4;
    Aroon aroon (period: usize = 14) [high, low] 2;
    ParabolicSar parabolic_sar (step: f64 = 0.02, limit: f64 = 0.2) [high, low] 1;
    Atr atr (period: usize = 14) [high, low, close] 1;
    Adx adx (period: usize = 14) [high, low, close] 1;
    Dmi dmi (period: usize = 14) [high, low, close] 3;
    Cci cci (period: usize = 14) [high, low, close] 1;
    WilliamsR williams_r (period: usize = 14) [high, low, close] 1;
    Stochastic stochastic
        (period: usize = 14, slow_k: usize = 3, slow_d: usize = 3) [high, low, close] 2;
    Keltner keltner
        (period: usize = 20, range_period: usize = 10, ranges: f64 = 2.0) [high, low, close] 3;
    SuperTrend supertrend (period: usize = 10, ranges: f64 = 3.0) [high, low, close] 2;
    Obv obv () [close, volume] 1;
    Mfi mfi (period: usize = 14) [high, low, close, volume] 1;
    Vwap vwap () [high, low, close, volume] 1;
    RollingVwap rolling_vwap (period: usize = 20) [high, low, close, volume] 1;
    Correlation correlation (period: usize = 30) [x, y] 1;
    Beta beta (period: usize = 5) [x, y] 1;
    BookImbalance book_imbalance () [bid, ask] 1;
}
