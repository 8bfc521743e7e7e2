//! Many indicators updated by one call with a bar.

use super::{
    Adx, Aroon, Atr, BadParameter, Bollinger, Cci, Dema, Dmi, Donchian, Ema, Hma, Ichimoku,
    Indicator, Kama, Keltner, Macd, Mfi, Momentum, Obv, ParabolicSar, RealizedVolatility, Roc,
    RollingVwap, Rsi, Sma, Stochastic, StochasticRsi, SuperTrend, Tema, Vwap, WilliamsR, Wma,
    ZScore,
};

/// Columns of a bar: open, high, low, close, volume.
pub const BAR_COLUMNS: usize = 5;
const HIGH: usize = 1;
const LOW: usize = 2;
const CLOSE: usize = 3;
const VOLUME: usize = 4;

/// An indicator that knows which columns of a bar it reads.
pub trait Step: Send + Sync {
    /// Takes a bar and writes the outputs.
    fn step(&mut self, bar: &[f64; BAR_COLUMNS], outputs: &mut [f64]);

    /// Number of outputs.
    fn width(&self) -> usize;

    /// Bars until every output has a value.
    fn warm_up(&self) -> usize;
}

struct Bound<T, const I: usize> {
    indicator: T,
    columns: [usize; I],
}

/// Ties the number of outputs to the type, which one blanket implementation cannot do.
struct Wide<T, const I: usize, const O: usize>(Bound<T, I>);

impl<T: Indicator<I, O> + Sync, const I: usize, const O: usize> Step for Wide<T, I, O> {
    #[inline]
    fn step(&mut self, bar: &[f64; BAR_COLUMNS], outputs: &mut [f64]) {
        let input = self.0.columns.map(|column| bar[column]);
        outputs.copy_from_slice(&self.0.indicator.update(input));
    }

    fn width(&self) -> usize {
        O
    }

    fn warm_up(&self) -> usize {
        self.0.indicator.warm_up()
    }
}

fn bind<T, const I: usize, const O: usize>(
    indicator: Result<T, BadParameter>,
    columns: [usize; I],
) -> Result<Box<dyn Step>, BadParameter>
where
    T: Indicator<I, O> + Sync + 'static,
{
    Ok(Box::new(Wide::<T, I, O>(Bound { indicator: indicator?, columns })))
}

/// Parameters by position; those left out have the usual value.
struct Parameters<'a>(&'a [f64]);

impl Parameters<'_> {
    fn number(&self, at: usize, usual: f64) -> f64 {
        self.0.get(at).copied().unwrap_or(usual)
    }

    /// A whole number; anything else becomes zero, which every period refuses.
    fn period(&self, at: usize, usual: usize) -> usize {
        let value = self.number(at, usual as f64);
        if value.fract() == 0.0 && value >= 0.0 { value as usize } else { 0 }
    }
}

/// An indicator by the name of its function. `source` is the column (0 open to 4 volume) that
/// indicators of one value read.
pub fn make(name: &str, parameters: &[f64], source: usize) -> Result<Box<dyn Step>, BadParameter> {
    if source >= BAR_COLUMNS {
        return Err(BadParameter("source must be from 0 (open) to 4 (volume)".to_owned()));
    }
    let p = Parameters(parameters);
    let (one, range, bar) = ([source], [HIGH, LOW], [HIGH, LOW, CLOSE]);
    let all = [HIGH, LOW, CLOSE, VOLUME];
    match name {
        "sma" => bind(Sma::new(p.period(0, 20)), one),
        "ema" => bind(Ema::new(p.period(0, 20)), one),
        "wma" => bind(Wma::new(p.period(0, 20)), one),
        "dema" => bind(Dema::new(p.period(0, 20)), one),
        "tema" => bind(Tema::new(p.period(0, 20)), one),
        "hma" => bind(Hma::new(p.period(0, 20)), one),
        "kama" => bind(Kama::new(p.period(0, 30)), one),
        "rsi" => bind(Rsi::new(p.period(0, 14)), one),
        "macd" => bind(Macd::new(p.period(0, 12), p.period(1, 26), p.period(2, 9)), one),
        "roc" => bind(Roc::new(p.period(0, 10)), one),
        "momentum" => bind(Momentum::new(p.period(0, 10)), one),
        "bollinger" => bind(Bollinger::new(p.period(0, 20), p.number(1, 2.0)), one),
        "z_score" => bind(ZScore::new(p.period(0, 20)), one),
        "realized_volatility" => {
            bind(RealizedVolatility::new(p.period(0, 20), p.number(1, 1.0)), one)
        }
        "stochastic_rsi" => {
            bind(StochasticRsi::new(p.period(0, 14), p.period(1, 5), p.period(2, 3)), one)
        }
        "donchian" => bind(Donchian::new(p.period(0, 20)), range),
        "ichimoku" => bind(Ichimoku::new(p.period(0, 9), p.period(1, 26), p.period(2, 52)), range),
        "aroon" => bind(Aroon::new(p.period(0, 14)), range),
        "parabolic_sar" => bind(ParabolicSar::new(p.number(0, 0.02), p.number(1, 0.2)), range),
        "atr" => bind(Atr::new(p.period(0, 14)), bar),
        "adx" => bind(Adx::new(p.period(0, 14)), bar),
        "dmi" => bind(Dmi::new(p.period(0, 14)), bar),
        "cci" => bind(Cci::new(p.period(0, 14)), bar),
        "williams_r" => bind(WilliamsR::new(p.period(0, 14)), bar),
        "stochastic" => bind(Stochastic::new(p.period(0, 14), p.period(1, 3), p.period(2, 3)), bar),
        "keltner" => bind(Keltner::new(p.period(0, 20), p.period(1, 10), p.number(2, 2.0)), bar),
        "supertrend" => bind(SuperTrend::new(p.period(0, 10), p.number(1, 3.0)), bar),
        "obv" => bind(Obv::new(), [CLOSE, VOLUME]),
        "mfi" => bind(Mfi::new(p.period(0, 14)), all),
        "vwap" => bind(Vwap::new(), all),
        "rolling_vwap" => bind(RollingVwap::new(p.period(0, 20)), all),
        _ => Err(BadParameter(format!("there is no indicator {name:?} for a pipeline"))),
    }
}

/// Indicators in the order in which they were added, with all their outputs in one row.
#[derive(Default)]
pub struct Pipeline {
    steps: Vec<(usize, Box<dyn Step>)>,
    values: Vec<f64>,
}

impl Pipeline {
    /// Without indicators.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an indicator and returns where its first output is.
    pub fn add(&mut self, step: Box<dyn Step>) -> usize {
        let at = self.values.len();
        self.values.resize(at + step.width(), f64::NAN);
        self.steps.push((at, step));
        at
    }

    /// Updates every indicator with a bar.
    #[inline]
    pub fn update(&mut self, bar: &[f64; BAR_COLUMNS]) {
        for (at, step) in &mut self.steps {
            let width = step.width();
            step.step(bar, &mut self.values[*at..*at + width]);
        }
    }

    /// All outputs.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Bars until every output has a value.
    pub fn warm_up(&self) -> usize {
        self.steps.iter().map(|(_, step)| step.warm_up()).max().unwrap_or(0)
    }
}
