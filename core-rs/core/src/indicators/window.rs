//! The last `n` values and their sum, without drift.

/// How many updates a running sum goes on before it is summed anew; error cannot pile up beyond
/// that many roundings.
const RESUM_EVERY: u32 = 4096;

/// A ring of the last `period` values with their sum.
#[derive(Clone, Debug)]
pub(crate) struct RollingSum {
    values: Box<[f64]>,
    next: usize,
    count: usize,
    sum: f64,
    since_resum: u32,
}

impl RollingSum {
    pub(crate) fn new(period: usize) -> Self {
        let values = vec![0.0; period.max(1)].into_boxed_slice();
        Self { values, next: 0, count: 0, sum: 0.0, since_resum: 0 }
    }

    pub(crate) fn period(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.count == self.values.len()
    }

    /// Adds a value and returns the sum of the last `period`, NaN until there are so many.
    #[inline]
    pub(crate) fn push(&mut self, value: f64) -> f64 {
        let old = std::mem::replace(&mut self.values[self.next], value);
        self.next += 1;
        if self.next == self.values.len() {
            self.next = 0;
        }
        if self.is_full() {
            self.sum += value - old;
            self.since_resum += 1;
            if self.since_resum >= RESUM_EVERY {
                self.resum();
            }
            return self.sum;
        }
        self.sum += value;
        self.count += 1;
        if self.is_full() { self.sum } else { f64::NAN }
    }

    #[cold]
    fn resum(&mut self) {
        self.since_resum = 0;
        // A value that is not a number stays in the sum for good, as in TA-Lib.
        if self.sum.is_finite() {
            let (newer, older) = self.values.split_at(self.next);
            self.sum = older.iter().chain(newer).sum();
        }
    }
}
