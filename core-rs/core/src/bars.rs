//! Bars from ticks, and longer bars from shorter ones. Prices are ticks, sizes lots, times any
//! unit from any start; everything is exact.

/// When a bar is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BarRule {
    /// It covers a span of time; spans are counted from the session's start. A bar ends when the
    /// first tick of a later span comes, and spans without ticks have no bar.
    Time(i64),
    /// It has so many ticks.
    Ticks(u64),
    /// It has traded at least so many lots; a tick is not split.
    Volume(i64),
    /// It has traded at least so many tick·lots.
    Value(i128),
}

/// Hours in which ticks count: bars never reach over a session's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Time between the starts of two sessions, such as a day; the first one starts at `open`.
    pub every: i64,
    /// Start of a session.
    pub open: i64,
    /// How long it lasts; ticks after that are left out.
    pub length: i64,
}

impl Session {
    /// Start of the session that a time belongs to, none when it is outside of all.
    fn start(self, time: i64) -> Option<i64> {
        let into = time.checked_sub(self.open)?.rem_euclid(self.every.max(1));
        (into < self.length).then(|| time - into)
    }
}

/// One bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    /// Start of its span of time, or its first tick for other rules.
    pub start: i64,
    /// Time of its last tick.
    pub end: i64,
    /// First price.
    pub open: i64,
    /// Highest price.
    pub high: i64,
    /// Lowest price.
    pub low: i64,
    /// Last price.
    pub close: i64,
    /// Lots traded.
    pub volume: i64,
    /// Sum of price times lots.
    pub value: i128,
    /// Number of ticks.
    pub ticks: u64,
}

/// Builds bars from ticks in order of time.
#[derive(Clone, Debug)]
pub struct BarBuilder {
    rule: BarRule,
    session: Option<Session>,
    bar: Option<Bar>,
    session_start: i64,
    skipped: u64,
}

impl BarBuilder {
    /// A builder; without a session the day never ends and spans are counted from time zero.
    pub fn new(rule: BarRule, session: Option<Session>) -> Self {
        Self { rule, session, bar: None, session_start: 0, skipped: 0 }
    }

    /// Takes a tick and appends the bars that it completes, at most two.
    pub fn tick(&mut self, time: i64, price: i64, size: i64, bars: &mut Vec<Bar>) {
        let part = Bar {
            start: time,
            end: time,
            open: price,
            high: price,
            low: price,
            close: price,
            volume: size,
            value: i128::from(price) * i128::from(size),
            ticks: 1,
        };
        self.add(part, bars);
    }

    /// Takes a shorter bar as if it were one tick, and appends the bars that it completes.
    pub fn add(&mut self, part: Bar, bars: &mut Vec<Bar>) {
        let session_start = self.session.map_or(Some(0), |session| session.start(part.start));
        let Some(session_start) = session_start else {
            self.skipped += part.ticks;
            return;
        };
        let start = self.span_start(part.start, session_start);
        let other = self.bar.is_some_and(|bar| match self.rule {
            BarRule::Time(_) => bar.start != start,
            _ => session_start != self.session_start,
        });
        if other {
            self.flush(bars);
        }
        self.session_start = session_start;
        match &mut self.bar {
            Some(bar) => extend(bar, &part),
            None => self.bar = Some(Bar { start, ..part }),
        }
        if self.is_full() {
            self.flush(bars);
        }
    }

    fn span_start(&self, time: i64, session_start: i64) -> i64 {
        match self.rule {
            BarRule::Time(span) => time - (time - session_start).rem_euclid(span.max(1)),
            _ => time,
        }
    }

    fn is_full(&self) -> bool {
        self.bar.is_some_and(|bar| match self.rule {
            BarRule::Time(_) => false,
            BarRule::Ticks(count) => bar.ticks >= count,
            BarRule::Volume(lots) => bar.volume >= lots,
            BarRule::Value(value) => bar.value >= value,
        })
    }

    /// Ends the bar under way, if there is one: at the end of the data, or when a clock says that
    /// its time is over.
    pub fn flush(&mut self, bars: &mut Vec<Bar>) {
        bars.extend(self.bar.take());
    }

    /// The bar under way.
    pub fn current(&self) -> Option<&Bar> {
        self.bar.as_ref()
    }

    /// Ticks that were outside of every session.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }
}

fn extend(bar: &mut Bar, part: &Bar) {
    bar.end = part.end;
    bar.high = bar.high.max(part.high);
    bar.low = bar.low.min(part.low);
    bar.close = part.close;
    bar.volume = bar.volume.saturating_add(part.volume);
    bar.value = bar.value.saturating_add(part.value);
    bar.ticks += part.ticks;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn build(rule: BarRule, session: Option<Session>, ticks: &[(i64, i64, i64)]) -> Vec<Bar> {
        let (mut builder, mut bars) = (BarBuilder::new(rule, session), Vec::new());
        for &(time, price, size) in ticks {
            builder.tick(time, price, size, &mut bars);
        }
        builder.flush(&mut bars);
        bars
    }

    fn shape(bars: &[Bar]) -> Vec<[i64; 6]> {
        bars.iter().map(|b| [b.start, b.open, b.high, b.low, b.close, b.volume]).collect()
    }

    const TICKS: [(i64, i64, i64); 5] =
        [(3, 10, 1), (9, 14, 2), (12, 8, 3), (35, 9, 4), (39, 9, 1)];

    #[test]
    fn time_bars_start_on_their_span_and_empty_spans_have_none() {
        let bars = build(BarRule::Time(10), None, &TICKS);
        let expected = [[0, 10, 14, 10, 14, 3], [10, 8, 8, 8, 8, 3], [30, 9, 9, 9, 9, 5]];
        assert_eq!(shape(&bars), expected);
    }

    #[test]
    fn tick_volume_and_value_bars_end_with_the_tick_that_fills_them() {
        let counts = |rule| build(rule, None, &TICKS).iter().map(|b| b.ticks).collect::<Vec<_>>();
        assert_eq!(counts(BarRule::Ticks(2)), [2, 2, 1]);
        assert_eq!(counts(BarRule::Volume(3)), [2, 1, 1, 1]);
        assert_eq!(counts(BarRule::Value(38)), [2, 2, 1]);
    }

    #[test]
    fn a_session_leaves_out_what_is_outside_and_no_bar_reaches_over_its_end() {
        let session = Session { every: 20, open: 5, length: 10 };
        let bars = build(BarRule::Ticks(9), Some(session), &TICKS);
        assert_eq!(bars.iter().map(|b| (b.start, b.ticks)).collect::<Vec<_>>(), [(9, 2)]);
        let bars = build(BarRule::Time(4), Some(session), &[(5, 1, 1), (9, 1, 1), (26, 1, 1)]);
        assert_eq!(bars.iter().map(|b| b.start).collect::<Vec<_>>(), [5, 9, 25]);
    }

    proptest! {
        #[test]
        fn bars_of_bars_are_bars_of_ticks_and_nothing_is_lost(
            steps in prop::collection::vec((0..7_i64, 1..100_i64, 1..9_i64), 1..200)
        ) {
            let mut time = 0;
            let ticks: Vec<_> = steps.iter().map(|s| { time += s.0; (time, s.1, s.2) }).collect();
            let short = build(BarRule::Time(5), None, &ticks);
            let (mut builder, mut long) = (BarBuilder::new(BarRule::Time(20), None), Vec::new());
            for bar in short {
                builder.add(bar, &mut long);
            }
            builder.flush(&mut long);
            prop_assert_eq!(&long, &build(BarRule::Time(20), None, &ticks));
            let volume: i64 = ticks.iter().map(|t| t.2).sum();
            prop_assert_eq!(long.iter().map(|b| b.volume).sum::<i64>(), volume);
        }
    }
}
