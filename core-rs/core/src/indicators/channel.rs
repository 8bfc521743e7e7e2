//! Bands and channels around a price.

use super::average::Ema;
use super::scan::{BLOCK, accumulate, resummed};
use super::volatility::Atr;
use super::window::{RollingMoments, RollingRange, variance};
use super::{BadParameter, Indicator, leading_nans, period_from};

/// Upper, middle and lower band: the mean and so many population standard deviations around it.
#[derive(Clone, Debug)]
pub struct Bollinger {
    moments: RollingMoments,
    deviations: f64,
}

impl Bollinger {
    /// Bands over `period` values (at least two).
    pub fn new(period: usize, deviations: f64) -> Result<Self, BadParameter> {
        let moments = RollingMoments::new(period_from(2, "period", period)?);
        Ok(Self { moments, deviations })
    }
}

impl Indicator<1, 3> for Bollinger {
    #[inline]
    fn update(&mut self, [value]: [f64; 1]) -> [f64; 3] {
        let (mean, variance) = self.moments.push(value);
        let width = self.deviations * variance.sqrt();
        [mean + width, mean, mean - width]
    }

    fn warm_up(&self) -> usize {
        self.moments.period()
    }

    fn batch(self, [values]: [&[f64]; 1], outputs: [&mut [f64]; 3]) {
        let start = leading_nans(values);
        let [upper, middle, lower] = outputs.map(|column| {
            let warm = (start + self.moments.period() - 1).min(column.len());
            column[..warm].fill(f64::NAN);
            &mut column[start..]
        });
        bands(&values[start..], self.moments.period(), self.deviations, upper, middle, lower);
    }
}

/// The kernel: sums and squares around an anchor, made anew as often as in single updates.
fn bands(
    values: &[f64],
    period: usize,
    deviations: f64,
    upper: &mut [f64],
    middle: &mut [f64],
    lower: &mut [f64],
) {
    if values.len() < period {
        return;
    }
    let scale = 1.0 / period as f64;
    let (mut changes, mut square_changes) = ([0.0; BLOCK], [0.0; BLOCK]);
    let (mut sums, mut squares) = ([0.0; BLOCK], [0.0; BLOCK]);
    let mut finish = |at: usize, anchor: f64, sums: &[f64], squares: &[f64]| {
        let rows = sums.len();
        let outputs = upper[at..at + rows].iter_mut().zip(&mut middle[at..at + rows]);
        let outputs = outputs.zip(&mut lower[at..at + rows]);
        for (((upper, middle), lower), (sum, square)) in outputs.zip(sums.iter().zip(squares)) {
            let mean = sum * scale;
            let width = deviations * variance(square * scale, mean).sqrt();
            *middle = anchor + mean;
            *upper = anchor + mean + width;
            *lower = anchor + mean - width;
        }
    };
    resummed(period, values.len().max(period + 1), |from, to| {
        let window = &values[from - period..from];
        let anchor = window[0];
        let mut sum: f64 = window.iter().map(|x| x - anchor).sum();
        let mut square: f64 = window.iter().map(|x| (x - anchor) * (x - anchor)).sum();
        if from == period {
            finish(period - 1, anchor, &[sum], &[square]);
        }
        for at in (from..to.min(values.len())).step_by(BLOCK) {
            let rows = BLOCK.min(to.min(values.len()) - at);
            let pairs = values[at..at + rows].iter().zip(&values[at - period..at - period + rows]);
            let slots = changes.iter_mut().zip(&mut square_changes);
            for ((change, square_change), (new, old)) in slots.zip(pairs) {
                let (new, old) = (new - anchor, old - anchor);
                *change = new - old;
                *square_change = (new - old) * (new + old);
            }
            accumulate(&mut sum, &changes[..rows], &mut sums[..rows]);
            accumulate(&mut square, &square_changes[..rows], &mut squares[..rows]);
            finish(at, anchor, &sums[..rows], &squares[..rows]);
        }
    });
}

/// Highest high, middle and lowest low of the last `period` bars.
#[derive(Clone, Debug)]
pub struct Donchian {
    range: RollingRange,
    period: usize,
}

impl Donchian {
    /// A channel over `period` bars.
    pub fn new(period: usize) -> Result<Self, BadParameter> {
        let period = period_from(1, "period", period)?;
        Ok(Self { range: RollingRange::new(period), period })
    }
}

impl Indicator<2, 3> for Donchian {
    #[inline]
    fn update(&mut self, [high, low]: [f64; 2]) -> [f64; 3] {
        let (high, low) = self.range.push(high, low);
        [high, (high + low) / 2.0, low]
    }

    fn warm_up(&self) -> usize {
        self.period
    }
}

/// Upper, middle and lower: an exponential average of the close and so many average true ranges
/// around it.
#[derive(Clone, Debug)]
pub struct Keltner {
    average: Ema,
    range: Atr,
    ranges: f64,
}

impl Keltner {
    /// Periods of the average and of the true range, and how many ranges the bands are away.
    pub fn new(period: usize, range_period: usize, ranges: f64) -> Result<Self, BadParameter> {
        Ok(Self { average: Ema::new(period)?, range: Atr::new(range_period)?, ranges })
    }
}

impl Indicator<3, 3> for Keltner {
    #[inline]
    fn update(&mut self, bar: [f64; 3]) -> [f64; 3] {
        let ([middle], [range]) = (self.average.update([bar[2]]), self.range.update(bar));
        let width = self.ranges * range;
        // All three or none.
        let middle = if width.is_nan() { f64::NAN } else { middle };
        [middle + width, middle, middle - width]
    }

    fn warm_up(&self) -> usize {
        self.average.warm_up().max(self.range.warm_up())
    }
}

/// Conversion line, base line and the two leading spans, at the bar they are computed from: who
/// draws them shifts the spans forward.
#[derive(Clone, Debug)]
pub struct Ichimoku {
    conversion: Donchian,
    base: Donchian,
    span: Donchian,
}

impl Ichimoku {
    /// Periods of the conversion line, the base line and the second span.
    pub fn new(conversion: usize, base: usize, span: usize) -> Result<Self, BadParameter> {
        let (conversion, base) = (Donchian::new(conversion)?, Donchian::new(base)?);
        Ok(Self { conversion, base, span: Donchian::new(span)? })
    }
}

impl Indicator<2, 4> for Ichimoku {
    #[inline]
    fn update(&mut self, bar: [f64; 2]) -> [f64; 4] {
        let [_, conversion, _] = self.conversion.update(bar);
        let [_, base, _] = self.base.update(bar);
        let [_, span, _] = self.span.update(bar);
        [conversion, base, (conversion + base) / 2.0, span]
    }

    fn warm_up(&self) -> usize {
        self.conversion.period.max(self.base.period).max(self.span.period)
    }
}
