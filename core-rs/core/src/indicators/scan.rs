//! Kernels for whole arrays. A recurrence is a chain of dependent operations; looking four steps
//! ahead leaves one dependent step for four values, and the rest can overlap.

use super::window::RESUM_EVERY;

/// Values that a kernel works on at a time, small enough for the fastest cache.
pub(super) const BLOCK: usize = 512;

/// `y = decay * y + gain * x` for every x.
#[inline]
pub(super) fn recur(decay: f64, gain: f64, state: &mut f64, input: &[f64], output: &mut [f64]) {
    let input = &input[..output.len()];
    recur_from(decay, gain, state, |at| input[at], output);
}

/// The same with inputs that are made as they are needed.
#[inline]
pub(super) fn recur_from(
    decay: f64,
    gain: f64,
    state: &mut f64,
    input: impl Fn(usize) -> f64,
    output: &mut [f64],
) {
    let (d2, d3, d4) = (decay * decay, decay * decay * decay, (decay * decay) * (decay * decay));
    let mut y = *state;
    let mut at = 0;
    let mut blocks = output.chunks_exact_mut(4);
    for out in &mut blocks {
        let t0 = gain * input(at);
        let t1 = gain * input(at + 1) + decay * t0;
        let t2 = gain * input(at + 2) + decay * t1;
        let t3 = gain * input(at + 3) + decay * t2;
        out[0] = t0 + decay * y;
        out[1] = t1 + d2 * y;
        out[2] = t2 + d3 * y;
        y = t3 + d4 * y;
        out[3] = y;
        at += 4;
    }
    for out in blocks.into_remainder() {
        y = decay * y + gain * input(at);
        *out = y;
        at += 1;
    }
    *state = y;
}

/// Running totals: `y = y + x` for every x.
#[inline]
pub(super) fn accumulate(state: &mut f64, input: &[f64], output: &mut [f64]) {
    let mut y = *state;
    let blocks = input.chunks_exact(4);
    let rest = blocks.remainder();
    let (body, tail) = output.split_at_mut(input.len() - rest.len());
    for (x, out) in blocks.zip(body.chunks_exact_mut(4)) {
        let (a, b) = (x[0] + x[1], x[2] + x[3]);
        out[0] = y + x[0];
        out[1] = y + a;
        out[2] = y + (a + x[2]);
        y += a + b;
        out[3] = y;
    }
    for (x, out) in rest.iter().zip(tail) {
        y += x;
        *out = y;
    }
    *state = y;
}

/// Splits `start..end` so that sums are made anew at the same places as in single updates, and
/// calls the function with each part.
pub(super) fn resummed(start: usize, end: usize, mut part: impl FnMut(usize, usize)) {
    let mut from = start;
    while from < end {
        let to = (from + RESUM_EVERY).min(end);
        part(from, to);
        from = to;
    }
}

/// Means of the last `period` values; the caller has dealt with leading NaN.
pub(super) fn rolling_mean(values: &[f64], period: usize, output: &mut [f64]) {
    let first = (period - 1).min(values.len());
    output[..first].fill(f64::NAN);
    if values.len() < period {
        return;
    }
    let scale = 1.0 / period as f64;
    let mut changes = [0.0; BLOCK];
    let mut sum: f64 = values[..period].iter().sum();
    output[first] = sum * scale;
    resummed(period, values.len(), |from, to| {
        if from > period && sum.is_finite() {
            sum = values[from - period..from].iter().sum();
        }
        for at in (from..to).step_by(BLOCK) {
            let rows = BLOCK.min(to - at);
            let (new, old) = (&values[at..at + rows], &values[at - period..at - period + rows]);
            for ((change, new), old) in changes.iter_mut().zip(new).zip(old) {
                *change = new - old;
            }
            let out = &mut output[at..at + rows];
            accumulate(&mut sum, &changes[..rows], out);
            for value in out {
                *value *= scale;
            }
        }
    });
}

/// Largest (or with `pick` the smallest) of the last `period` values at each index from
/// `period - 1` on, by doubling: four passes for a period of 14, all of them parallel.
pub(super) fn rolling_pick(
    values: &[f64],
    period: usize,
    buffer: &mut [f64],
    pick: impl Fn(f64, f64) -> f64 + Copy,
) {
    buffer.copy_from_slice(values);
    let mut width = 1;
    let mut valid = 0;
    while width < period {
        let step = width.min(period - width);
        // From the end down, so that a value is read before it is replaced.
        pick_backwards(&mut buffer[valid..], step, pick);
        valid += step;
        width += step;
    }
}

#[inline]
fn pick_backwards(buffer: &mut [f64], step: usize, pick: impl Fn(f64, f64) -> f64) {
    let mut end = buffer.len();
    // Whole vectors first: a copy of the older values frees the loop from overlap.
    let mut older = [0.0; 64];
    while end > step {
        let rows = older.len().min(end - step);
        let start = end - rows;
        older[..rows].copy_from_slice(&buffer[start - step..end - step]);
        for (new, old) in buffer[start..end].iter_mut().zip(&older[..rows]) {
            *new = pick(*new, *old);
        }
        end = start;
    }
}

#[inline]
pub(super) fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

#[inline]
pub(super) fn smaller(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// Two recurrences side by side, so that the machine can do both with one instruction.
#[derive(Clone, Copy)]
pub(super) struct Pair(pub(super) [f64; 2]);

impl Pair {
    #[inline]
    fn scaled(self, by: Self) -> Self {
        Self([self.0[0] * by.0[0], self.0[1] * by.0[1]])
    }

    #[inline]
    fn plus(self, other: Self) -> Self {
        Self([self.0[0] + other.0[0], self.0[1] + other.0[1]])
    }
}

/// `y = (1 - weight) * y + weight * x` for both; `out` gets what `finish` makes of the two.
#[inline]
pub(super) fn recur_pair(
    weights: [f64; 2],
    state: &mut [f64; 2],
    input: impl Fn(usize) -> [f64; 2],
    output: &mut [f64],
    finish: impl Fn([f64; 2]) -> f64,
) {
    let gain = Pair(weights);
    let d1 = Pair(weights.map(|weight| 1.0 - weight));
    let d2 = d1.scaled(d1);
    let (d3, d4) = (d2.scaled(d1), d2.scaled(d2));
    let mut y = Pair(*state);
    let mut at = 0;
    let mut blocks = output.chunks_exact_mut(4);
    for out in &mut blocks {
        let t0 = gain.scaled(Pair(input(at)));
        let t1 = gain.scaled(Pair(input(at + 1))).plus(d1.scaled(t0));
        let t2 = gain.scaled(Pair(input(at + 2))).plus(d1.scaled(t1));
        let t3 = gain.scaled(Pair(input(at + 3))).plus(d1.scaled(t2));
        out[0] = finish(t0.plus(d1.scaled(y)).0);
        out[1] = finish(t1.plus(d2.scaled(y)).0);
        out[2] = finish(t2.plus(d3.scaled(y)).0);
        y = t3.plus(d4.scaled(y));
        out[3] = finish(y.0);
        at += 4;
    }
    for out in blocks.into_remainder() {
        y = d1.scaled(y).plus(gain.scaled(Pair(input(at))));
        *out = finish(y.0);
        at += 1;
    }
    *state = y.0;
}
