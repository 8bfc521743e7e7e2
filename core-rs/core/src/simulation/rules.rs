//! Whole arrays at once. A decision at row `i` trades at the prices of row `i`, which the caller
//! aligns: the close itself, or the next row's open.

use super::account::{Account, Costs};
use crate::Side;

/// Prices of one instrument in ticks, all of one length.
#[derive(Clone, Copy, Debug)]
pub struct Prices<'a> {
    /// What rules look at.
    pub signal: &'a [i64],
    /// What a buy decided in this row pays.
    pub buy: &'a [i64],
    /// What a sale decided in this row gets.
    pub sell: &'a [i64],
    /// What a position is worth.
    pub mark: &'a [i64],
}

/// How much a rule trades.
#[derive(Clone, Copy, Debug)]
pub struct Sizing {
    /// Lots held while the rule is in the market.
    pub quantity: i64,
    /// Sell short instead of staying out.
    pub short: bool,
    /// Cash at the start, in units of account.
    pub cash: i128,
    /// Fees and slippage.
    pub costs: Costs,
}

/// Input that the arithmetic cannot carry exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleError {
    /// The arrays differ in length.
    Lengths,
    /// Periods must be above zero and the fast one shorter than the slow one.
    Periods,
    /// Prices times periods pass 53 bits.
    Range,
}

impl RuleError {
    /// What to tell the caller.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Lengths => "the columns must have the same length",
            Self::Periods => "periods must be above zero, the fast one shorter than the slow one",
            Self::Range => "price moves times periods must stay below 2**53 ticks",
        }
    }
}

/// Trades and result of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Row of each fill.
    pub rows: Vec<u64>,
    /// Price of each fill after slippage.
    pub prices: Vec<i64>,
    /// Lots of each fill, negative for sales.
    pub quantities: Vec<i64>,
    /// Cash and fees at the end.
    pub account: Account,
    /// Position at the end.
    pub position: i64,
    /// Number of fills, also where they are not kept.
    pub fills: u64,
    /// Equity at the end, in units of account.
    pub equity: i128,
}

impl<'a> Prices<'a> {
    fn check(&self) -> Result<(), RuleError> {
        let rows = self.signal.len();
        let same = [self.buy, self.sell, self.mark].iter().all(|column| column.len() == rows);
        if same { Ok(()) } else { Err(RuleError::Lengths) }
    }

    fn finish(&self, mut run: Run) -> Run {
        run.equity = match self.mark.last() {
            Some(&price) => run.account.equity(run.position, price),
            None => run.account.cash,
        };
        run
    }

    fn rows(&self) -> &'a [i64] {
        self.signal
    }
}

/// Brings the position to a target in one trade.
#[inline]
fn trade(run: &mut Run, prices: &Prices<'_>, row: usize, target: i64, costs: &Costs, log: bool) {
    let change = target - run.position;
    let (side, price) = if change > 0 {
        (Side::Buy, costs.slipped(Side::Buy, prices.buy[row]))
    } else {
        (Side::Sell, costs.slipped(Side::Sell, prices.sell[row]))
    };
    let quantity = change.abs();
    run.account.book(side, price, quantity, costs.fee(price, quantity, false));
    run.position = target;
    run.fills += 1;
    if log {
        run.rows.push(row as u64);
        run.prices.push(price);
        run.quantities.push(change);
    }
}

/// Holds the target position of each row from that row on.
pub fn run_targets(
    targets: &[i64],
    prices: &Prices<'_>,
    sizing: &Sizing,
) -> Result<Run, RuleError> {
    prices.check()?;
    if targets.len() != prices.signal.len() {
        return Err(RuleError::Lengths);
    }
    let account = Account { cash: sizing.cash, fees: 0 };
    let mut run = Run { account, ..Run::default() };
    for (row, &target) in targets.iter().enumerate() {
        if target != run.position {
            trade(&mut run, prices, row, target, &sizing.costs, true);
        }
    }
    Ok(prices.finish(run))
}

/// Running totals of price moves since the first price: differences of two of them are sums of
/// any period, exactly, and a comparison of averages does not see what all prices have in common.
struct Totals(Vec<f64>);

impl Totals {
    fn new(signal: &[i64], periods_max: u64) -> Result<Self, RuleError> {
        const EXACT: i128 = 1 << 53;
        let first = signal.first().copied().unwrap_or(0);
        let mut totals = Vec::with_capacity(signal.len() + 1);
        let (mut total, mut low, mut high) = (0_i128, 0_i128, 0_i128);
        totals.push(0.0);
        for &price in signal {
            let moved = i128::from(price) - i128::from(first);
            (low, high) = (low.min(moved), high.max(moved));
            total += moved;
            totals.push(total as f64);
        }
        let widest = high.max(-low);
        let periods = i128::from(periods_max);
        let exact = widest.saturating_mul(signal.len() as i128) < EXACT
            && widest.saturating_mul(periods).saturating_mul(periods) < EXACT;
        if exact { Ok(Self(totals)) } else { Err(RuleError::Range) }
    }

    /// Bits of up to 64 rows in which the fast average is above the slow one.
    #[inline]
    fn above(&self, from: usize, rows: usize, fast: usize, slow: usize) -> u64 {
        let now = &self.0[from + 1..][..rows];
        let before_fast = &self.0[from + 1 - fast..][..rows];
        let before_slow = &self.0[from + 1 - slow..][..rows];
        let (fast, slow) = (fast as f64, slow as f64);
        let mut flags = [0_u8; 64];
        let columns = now.iter().zip(before_fast).zip(before_slow);
        for (flag, ((now, before_fast), before_slow)) in flags.iter_mut().zip(columns) {
            *flag = u8::from((now - before_fast) * slow > (now - before_slow) * fast);
        }
        pack(&flags)
    }
}

/// One bit for each byte that is 0 or 1: the multiplication gathers eight of them.
#[inline]
fn pack(flags: &[u8; 64]) -> u64 {
    let mut bits = 0;
    for (at, eight) in flags.chunks_exact(8).enumerate() {
        let bytes = eight.iter().rev().fold(0_u64, |word, &byte| word << 8 | u64::from(byte));
        bits |= (bytes.wrapping_mul(0x0102_0408_1020_4080) >> 56) << (at * 8);
    }
    bits
}

fn check_periods(fast: usize, slow: usize) -> Result<(), RuleError> {
    if fast == 0 || fast >= slow { Err(RuleError::Periods) } else { Ok(()) }
}

fn cross(
    totals: &Totals,
    prices: &Prices<'_>,
    (fast, slow): (usize, usize),
    sizing: &Sizing,
    log: bool,
) -> Run {
    let rows = prices.rows().len();
    let account = Account { cash: sizing.cash, fees: 0 };
    let mut run = Run { account, ..Run::default() };
    let out = if sizing.short { -sizing.quantity } else { 0 };
    let mut row = slow - 1;
    // Before the first decision the position is flat, whichever side the first one takes.
    let mut last = None;
    while row < rows {
        let count = (rows - row).min(64);
        let bits = totals.above(row, count, fast, slow);
        let first = bits & 1 == 1;
        let before = last.unwrap_or(first);
        if last.is_none() {
            let target = if first { sizing.quantity } else { out };
            if target != 0 {
                trade(&mut run, prices, row, target, &sizing.costs, log);
            }
        }
        let valid = u64::MAX >> (64 - count);
        let mut changes = (bits ^ (bits << 1 | u64::from(before))) & valid;
        while changes != 0 {
            let at = changes.trailing_zeros() as usize;
            changes &= changes - 1;
            let target = if bits >> at & 1 == 1 { sizing.quantity } else { out };
            trade(&mut run, prices, row + at, target, &sizing.costs, log);
        }
        last = Some(bits >> (count - 1) & 1 == 1);
        row += count;
    }
    prices.finish(run)
}

/// In the market while the fast simple average of the signal is above the slow one.
pub fn run_sma_cross(
    prices: &Prices<'_>,
    fast: usize,
    slow: usize,
    sizing: &Sizing,
) -> Result<Run, RuleError> {
    prices.check()?;
    check_periods(fast, slow)?;
    let totals = Totals::new(prices.signal, slow as u64)?;
    Ok(cross(&totals, prices, (fast, slow), sizing, true))
}

/// The rule for many pairs of periods, over `threads` threads. Runs come back in the order of the
/// pairs, without their trades.
pub fn sweep_sma_cross(
    prices: &Prices<'_>,
    pairs: &[(usize, usize)],
    sizing: &Sizing,
    threads: usize,
) -> Result<Vec<Run>, RuleError> {
    prices.check()?;
    pairs.iter().try_for_each(|&(fast, slow)| check_periods(fast, slow))?;
    let slowest = pairs.iter().map(|pair| pair.1).max().unwrap_or(1);
    let totals = Totals::new(prices.signal, slowest as u64)?;
    let one = |&pair: &(usize, usize)| cross(&totals, prices, pair, sizing, false);
    if threads <= 1 {
        return Ok(pairs.iter().map(one).collect());
    }
    let share = pairs.len().div_ceil(threads).max(1);
    Ok(std::thread::scope(|scope| {
        let parts: Vec<_> = pairs
            .chunks(share)
            .map(|part| scope.spawn(|| part.iter().map(one).collect::<Vec<Run>>()))
            .collect();
        parts.into_iter().flat_map(|part| part.join().unwrap_or_default()).collect()
    }))
}
