//! Direction and strength of a trend.

use super::scan::{BLOCK, recur};
use super::volatility::{Atr, true_range};
use super::window::Smoother;
use super::{BadParameter, Indicator, chain, period_from};

/// The three sums of directional movement: up, down and true range.
#[derive(Clone, Debug)]
struct Movement {
    period: usize,
    previous: Option<[f64; 3]>,
    count: usize,
    sums: [f64; 3],
}

/// Up move, down move and true range of a bar after another.
#[inline]
fn moves([high, low, _]: [f64; 3], [last_high, last_low, last_close]: [f64; 3]) -> [f64; 3] {
    let (up, down) = (high - last_high, last_low - low);
    [
        if up > down && up > 0.0 { up } else { 0.0 },
        if down > up && down > 0.0 { down } else { 0.0 },
        true_range(high, low, last_close),
    ]
}

impl Movement {
    fn new(period: usize) -> Self {
        Self { period, previous: None, count: 0, sums: [0.0; 3] }
    }

    fn decay(&self) -> f64 {
        1.0 - 1.0 / self.period as f64
    }

    /// The sums once there are `period` of them: the first `period - 1` moves are summed, then
    /// each new one enters as a part of the sum leaves.
    #[inline]
    fn push(&mut self, bar: [f64; 3]) -> Option<[f64; 3]> {
        let previous = self.previous.replace(bar)?;
        let moves = moves(bar, previous);
        self.count += 1;
        let decay = if self.count < self.period { 1.0 } else { self.decay() };
        for (sum, value) in self.sums.iter_mut().zip(moves) {
            *sum = *sum * decay + value;
        }
        (self.count >= self.period).then_some(self.sums)
    }
}

/// Directional index of the sums, none when there is no range or no movement.
#[inline]
fn direction([up, down, range]: [f64; 3]) -> Option<f64> {
    let total = up + down;
    (range != 0.0 && total != 0.0).then(|| 100.0 * ((up - down).abs() / total))
}

/// Average directional index.
#[derive(Clone, Debug)]
pub struct Adx {
    movement: Movement,
    average: Smoother,
}

impl Adx {
    /// An index over `period` bars (at least two).
    pub fn new(period: usize) -> Result<Self, BadParameter> {
        let period = period_from(2, "period", period)?;
        let (movement, average) = (Movement::new(period), Smoother::wilder(period));
        Ok(Self { movement, average })
    }

    #[inline]
    fn average(&mut self, sums: [f64; 3]) -> f64 {
        match direction(sums) {
            Some(direction) => self.average.push(direction),
            // TA-Lib leaves the average alone where there is no direction.
            None if self.average.is_seeded() => self.average.value(),
            None => self.average.push(0.0),
        }
    }

    /// Blocks of the recurrences. False, with nothing written, when a bar has no direction:
    /// then the block goes through single updates.
    fn block(&mut self, bars: [&[f64]; 3], output: &mut [f64]) -> bool {
        let rows = output.len();
        let mut moved = [[0.0; BLOCK]; 3];
        for row in 0..rows {
            let bar = [bars[0][row + 1], bars[1][row + 1], bars[2][row + 1]];
            let values = moves(bar, [bars[0][row], bars[1][row], bars[2][row]]);
            for (column, value) in moved.iter_mut().zip(values) {
                column[row] = value;
            }
        }
        let mut sums = self.movement.sums;
        let mut summed = [[0.0; BLOCK]; 3];
        for k in 0..3 {
            let (input, out) = (&moved[k][..rows], &mut summed[k][..rows]);
            recur(self.movement.decay(), 1.0, &mut sums[k], input, out);
        }
        let mut directions = [0.0; BLOCK];
        let mut flat = false;
        for row in 0..rows {
            let (up, down) = (summed[0][row], summed[1][row]);
            let total = up + down;
            flat |= total == 0.0 || summed[2][row] == 0.0;
            directions[row] = 100.0 * ((up - down).abs() / total);
        }
        if flat {
            return false;
        }
        let weight = self.average.weight;
        let mut state = self.average.value();
        recur(1.0 - weight, weight, &mut state, &directions[..rows], output);
        self.average.set_value(state);
        self.movement.sums = sums;
        self.movement.previous = Some([bars[0][rows], bars[1][rows], bars[2][rows]]);
        true
    }
}

impl Indicator<3, 1> for Adx {
    #[inline]
    fn update(&mut self, bar: [f64; 3]) -> [f64; 1] {
        match self.movement.push(bar) {
            Some(sums) => [self.average(sums)],
            None => [f64::NAN],
        }
    }

    fn warm_up(&self) -> usize {
        2 * self.movement.period
    }

    fn batch(mut self, bars: [&[f64]; 3], [output]: [&mut [f64]; 1]) {
        let total = output.len();
        let seeded = self.warm_up().min(total);
        for row in 0..seeded {
            [output[row]] = self.update(bars.map(|column| column[row]));
        }
        for from in (seeded..total).step_by(BLOCK) {
            let rows = BLOCK.min(total - from);
            let block = bars.map(|column| &column[from - 1..from + rows]);
            let (written, _) = output[from..].split_at_mut(rows);
            if !self.block(block, written) {
                for (row, out) in written.iter_mut().enumerate() {
                    [*out] = self.update(block.map(|column| column[row + 1]));
                }
            }
        }
    }
}

/// Average directional index with its plus and minus indicators, which start earlier.
#[derive(Clone, Debug)]
pub struct Dmi(Adx);

impl Dmi {
    /// Over `period` bars (at least two).
    pub fn new(period: usize) -> Result<Self, BadParameter> {
        Ok(Self(Adx::new(period)?))
    }
}

impl Indicator<3, 3> for Dmi {
    #[inline]
    fn update(&mut self, bar: [f64; 3]) -> [f64; 3] {
        let Some(sums) = self.0.movement.push(bar) else { return [f64::NAN; 3] };
        let [up, down, range] = sums;
        let share = |part: f64| if range == 0.0 { 0.0 } else { 100.0 * (part / range) };
        [self.0.average(sums), share(up), share(down)]
    }

    fn warm_up(&self) -> usize {
        self.0.warm_up()
    }
}

/// Trailing band of so many average true ranges: its price and its direction (1 up, -1 down).
#[derive(Clone, Debug)]
pub struct SuperTrend {
    range: Atr,
    ranges: f64,
    bands: Option<(f64, f64)>,
    up: bool,
    previous_close: f64,
}

impl SuperTrend {
    /// Period of the true range and how many of them the band is away.
    pub fn new(period: usize, ranges: f64) -> Result<Self, BadParameter> {
        let range = Atr::new(period)?;
        Ok(Self { range, ranges, bands: None, up: true, previous_close: f64::NAN })
    }
}

impl Indicator<3, 2> for SuperTrend {
    #[inline]
    fn update(&mut self, [high, low, close]: [f64; 3]) -> [f64; 2] {
        let [range] = self.range.update([high, low, close]);
        let previous = std::mem::replace(&mut self.previous_close, close);
        chain(range, |range| {
            let middle = (high + low) / 2.0;
            let (mut upper, mut lower) =
                (middle + self.ranges * range, middle - self.ranges * range);
            if let Some((last_upper, last_lower)) = self.bands {
                // A band only comes nearer until the close before was beyond it.
                if upper > last_upper && previous <= last_upper {
                    upper = last_upper;
                }
                if lower < last_lower && previous >= last_lower {
                    lower = last_lower;
                }
                self.up = if self.up { close >= lower } else { close > upper };
            } else {
                self.up = close > middle;
            }
            self.bands = Some((upper, lower));
            if self.up { [lower, 1.0] } else { [upper, -1.0] }
        })
    }

    fn warm_up(&self) -> usize {
        self.range.warm_up()
    }
}

/// Wilder's parabolic stop and reverse.
#[derive(Clone, Debug)]
pub struct ParabolicSar {
    step: f64,
    limit: f64,
    state: Sar,
}

#[derive(Clone, Copy, Debug)]
enum Sar {
    Empty,
    First { high: f64, low: f64 },
    Running { long: bool, sar: f64, extreme: f64, acceleration: f64, high: f64, low: f64 },
}

impl ParabolicSar {
    /// Acceleration and its limit, both zero or more.
    pub fn new(step: f64, limit: f64) -> Result<Self, BadParameter> {
        if step.is_nan() || limit.is_nan() || step < 0.0 || limit < 0.0 {
            return Err(BadParameter("step and limit must not be negative".to_owned()));
        }
        Ok(Self { step: step.min(limit), limit, state: Sar::Empty })
    }

    fn start(&self, high: f64, low: f64, first_high: f64, first_low: f64) -> Sar {
        let (up, down) = (high - first_high, first_low - low);
        let long = !(down > up && down > 0.0);
        let (sar, extreme) = if long { (first_low, high) } else { (first_high, low) };
        Sar::Running { long, sar, extreme, acceleration: self.step, high, low }
    }

    fn accelerated(&self, acceleration: f64) -> f64 {
        (acceleration + self.step).min(self.limit)
    }
}

impl Indicator<2, 1> for ParabolicSar {
    #[inline]
    fn update(&mut self, [high, low]: [f64; 2]) -> [f64; 1] {
        if let Sar::Empty = self.state {
            self.state = Sar::First { high, low };
            return [f64::NAN];
        }
        if let Sar::First { high: first_high, low: first_low } = self.state {
            self.state = self.start(high, low, first_high, first_low);
            // The first running bar is its own predecessor.
        }
        let Sar::Running { long, sar, extreme, acceleration, high: last_high, low: last_low } =
            self.state
        else {
            return [f64::NAN];
        };
        // Seen from a short position everything is mirrored.
        let sign = if long { 1.0 } else { -1.0 };
        let (near, far) = if long { (low, high) } else { (-high, -low) };
        let last_near = if long { last_low } else { -last_high };
        let (mut sar, mut extreme) = (sar * sign, extreme * sign);
        let (output, next) = if near <= sar {
            // Stopped out: reverse at the extreme, not inside the last two bars.
            let last_far = if long { last_high } else { -last_low };
            let output = extreme.max(last_far).max(far);
            let sar = (output + self.step * (near - output)).max(last_far).max(far);
            (output, (!long, sar, near, self.step))
        } else {
            let output = sar;
            let mut acceleration = acceleration;
            if far > extreme {
                extreme = far;
                acceleration = self.accelerated(acceleration);
            }
            sar = (sar + acceleration * (extreme - sar)).min(last_near).min(near);
            (output, (long, sar, extreme, acceleration))
        };
        let (long, sar, extreme, acceleration) = next;
        let (sar, extreme) = (sar * sign, extreme * sign);
        self.state = Sar::Running { long, sar, extreme, acceleration, high, low };
        [output * sign]
    }

    fn warm_up(&self) -> usize {
        2
    }
}
