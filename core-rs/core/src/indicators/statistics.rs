//! Rolling statistics.

use super::window::{Ring, RollingMoments, RollingSum};
use super::{BadParameter, Indicator, chain, period_from};

/// Distance from the mean of the last `period` values in population standard deviations; 0 when
/// they are all the same.
#[derive(Clone, Debug)]
pub struct ZScore(RollingMoments);

impl ZScore {
    /// A score over `period` values (at least two).
    pub fn new(period: usize) -> Result<Self, BadParameter> {
        Ok(Self(RollingMoments::new(period_from(2, "period", period)?)))
    }
}

impl Indicator<1, 1> for ZScore {
    #[inline]
    fn update(&mut self, [value]: [f64; 1]) -> [f64; 1] {
        let (mean, variance) = self.0.push(value);
        let distance = value - mean;
        // Not a plain zero, so that a value that is not a number stays one.
        [if variance > 0.0 { distance / variance.sqrt() } else { distance * 0.0 }]
    }

    fn warm_up(&self) -> usize {
        self.0.period()
    }
}

/// Sums of two series over their last `period` pairs, around an anchor near the values.
#[derive(Clone, Debug)]
struct Pairs {
    x: Ring,
    y: Ring,
    anchor: Option<(f64, f64)>,
    sums: PairSums,
    since_resum: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct PairSums {
    x: f64,
    y: f64,
    xx: f64,
    yy: f64,
    xy: f64,
}

impl PairSums {
    #[inline]
    fn add(&mut self, x: f64, y: f64, sign: f64) {
        self.x += sign * x;
        self.y += sign * y;
        self.xx += sign * x * x;
        self.yy += sign * y * y;
        self.xy += sign * x * y;
    }

    /// Centred sums of squares and of products.
    #[inline]
    fn centred(&self, n: f64) -> (f64, f64, f64) {
        let xx = self.xx - self.x * self.x / n;
        (xx, self.yy - self.y * self.y / n, self.xy - self.x * self.y / n)
    }
}

impl Pairs {
    fn new(period: usize) -> Self {
        let (x, y) = (Ring::new(period), Ring::new(period));
        Self { x, y, anchor: None, sums: PairSums::default(), since_resum: 0 }
    }

    /// Adds a pair and returns the centred sums once there are `period` pairs.
    #[inline]
    fn push(&mut self, x: f64, y: f64) -> Option<(f64, f64, f64)> {
        let (ax, ay) = *self.anchor.get_or_insert((x, y));
        let left = self.x.push(x).zip(self.y.push(y));
        self.sums.add(x - ax, y - ay, 1.0);
        if let Some((old_x, old_y)) = left {
            self.sums.add(old_x - ax, old_y - ay, -1.0);
            self.since_resum += 1;
            if self.since_resum == super::window::RESUM_EVERY {
                self.resum();
            }
        }
        self.x.is_full().then(|| self.sums.centred(self.x.period() as f64))
    }

    #[cold]
    fn resum(&mut self) {
        self.since_resum = 0;
        if !self.sums.xy.is_finite() {
            return;
        }
        let (ax, ay) = (self.x.oldest(), self.y.oldest());
        self.anchor = Some((ax, ay));
        self.sums = PairSums::default();
        for (x, y) in self.x.iter().zip(self.y.iter()) {
            self.sums.add(x - ax, y - ay, 1.0);
        }
    }
}

/// Pearson's correlation of the last `period` pairs; 0 when one of them does not vary.
#[derive(Clone, Debug)]
pub struct Correlation(Pairs);

impl Correlation {
    /// Over `period` pairs (at least two).
    pub fn new(period: usize) -> Result<Self, BadParameter> {
        Ok(Self(Pairs::new(period_from(2, "period", period)?)))
    }
}

impl Indicator<2, 1> for Correlation {
    #[inline]
    fn update(&mut self, [x, y]: [f64; 2]) -> [f64; 1] {
        let Some((xx, yy, xy)) = self.0.push(x, y) else { return [f64::NAN] };
        let scale = xx * yy;
        [if scale > 0.0 { xy / scale.sqrt() } else { 0.0 }]
    }

    fn warm_up(&self) -> usize {
        self.0.x.period()
    }
}

/// Beta of the second price's returns against the first's over the last `period` returns.
#[derive(Clone, Debug)]
pub struct Beta {
    pairs: Pairs,
    previous: Option<(f64, f64)>,
}

impl Beta {
    /// Over `period` returns (at least two).
    pub fn new(period: usize) -> Result<Self, BadParameter> {
        Ok(Self { pairs: Pairs::new(period_from(2, "period", period)?), previous: None })
    }
}

impl Indicator<2, 1> for Beta {
    #[inline]
    fn update(&mut self, [x, y]: [f64; 2]) -> [f64; 1] {
        let Some((last_x, last_y)) = self.previous.replace((x, y)) else { return [f64::NAN] };
        let change = |new: f64, old: f64| if old == 0.0 { 0.0 } else { (new - old) / old };
        let sums = self.pairs.push(change(x, last_x), change(y, last_y));
        let Some((xx, _, xy)) = sums else { return [f64::NAN] };
        [if xx == 0.0 { 0.0 } else { xy / xx }]
    }

    fn warm_up(&self) -> usize {
        self.pairs.x.period() + 1
    }
}

/// Root of the mean squared log return over the last `period` returns, scaled to a year.
#[derive(Clone, Debug)]
pub struct RealizedVolatility {
    squares: RollingSum,
    previous: f64,
    periods_per_year: f64,
}

impl RealizedVolatility {
    /// Over `period` returns; one period per year leaves the figure unscaled.
    pub fn new(period: usize, periods_per_year: f64) -> Result<Self, BadParameter> {
        let squares = RollingSum::new(period_from(1, "period", period)?);
        Ok(Self { squares, previous: f64::NAN, periods_per_year })
    }
}

impl Indicator<1, 1> for RealizedVolatility {
    #[inline]
    fn update(&mut self, [price]: [f64; 1]) -> [f64; 1] {
        let change = (price / std::mem::replace(&mut self.previous, price)).ln();
        chain(change, |change| {
            let mean = self.squares.push(change * change) / self.squares.period() as f64;
            // Rounding may leave a sum of squares just below zero.
            [(if mean < 0.0 { 0.0 } else { mean } * self.periods_per_year).sqrt()]
        })
    }

    fn warm_up(&self) -> usize {
        self.squares.period() + 1
    }
}

/// Imbalance of displayed sizes, -1 (all asks) to 1 (all bids); 0 when there is nothing.
#[derive(Clone, Debug, Default)]
pub struct BookImbalance;

impl BookImbalance {
    /// Without parameters.
    pub fn new() -> Result<Self, BadParameter> {
        Ok(Self)
    }
}

impl Indicator<2, 1> for BookImbalance {
    #[inline]
    fn update(&mut self, [bid, ask]: [f64; 2]) -> [f64; 1] {
        let total = bid + ask;
        [if total == 0.0 { 0.0 } else { (bid - ask) / total }]
    }

    fn warm_up(&self) -> usize {
        1
    }
}
