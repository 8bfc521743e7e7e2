//! Streams of history merged by time. At one time, streams come in the order in which they were
//! added, and rows of one stream in their own order, so a replay is the same every time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What a row of a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum EventKind {
    /// Open, high, low, close, volume; its time is its end.
    Bar = 0,
    /// Bid, ask, bid size, ask size.
    Quote = 1,
    /// Price, size, side of the aggressor (0 buy, 1 sell, 2 unknown).
    Trade = 2,
}

impl EventKind {
    /// Number of columns beside the time.
    pub const fn width(self) -> usize {
        match self {
            Self::Bar => 5,
            Self::Quote => 4,
            Self::Trade => 3,
        }
    }
}

/// Values of a row, in the order of [`EventKind`]; what the kind does not have is zero.
pub type Row = [i64; 5];

/// One row of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// What it is.
    pub kind: EventKind,
    /// Whose it is: the index of the instrument.
    pub instrument: usize,
    /// When it was known.
    pub time: i64,
    /// Its values.
    pub row: Row,
}

#[derive(Clone, Debug)]
struct Stream {
    kind: EventKind,
    instrument: usize,
    times: Vec<i64>,
    columns: Vec<Vec<i64>>,
    next: usize,
}

/// All streams of a replay.
#[derive(Clone, Debug, Default)]
pub struct Streams {
    streams: Vec<Stream>,
    heads: BinaryHeap<Reverse<(i64, usize)>>,
}

impl Streams {
    /// Adds a stream; false, and nothing changes, when its columns differ in length or number or
    /// its times run backwards.
    pub fn add(
        &mut self,
        kind: EventKind,
        instrument: usize,
        times: Vec<i64>,
        columns: Vec<Vec<i64>>,
    ) -> bool {
        let shaped = columns.len() == kind.width()
            && columns.iter().all(|column| column.len() == times.len());
        if !shaped || !times.is_sorted() {
            return false;
        }
        if let Some(&time) = times.first() {
            self.heads.push(Reverse((time, self.streams.len())));
        }
        self.streams.push(Stream { kind, instrument, times, columns, next: 0 });
        true
    }

    /// The next event by time, stream and row.
    #[inline]
    pub fn next_event(&mut self) -> Option<Event> {
        if let [stream] = &mut self.streams[..] {
            return stream.take().map(|(event, _)| event);
        }
        let Reverse((_, index)) = self.heads.pop()?;
        let (event, following) = self.streams[index].take()?;
        if let Some(time) = following {
            self.heads.push(Reverse((time, index)));
        }
        Some(event)
    }

    /// Time of the next event.
    pub fn next_time(&self) -> Option<i64> {
        let times = self.streams.iter().filter_map(|stream| stream.times.get(stream.next));
        times.min().copied()
    }
}

impl Stream {
    /// The next row and the time of the one after it.
    #[inline]
    fn take(&mut self) -> Option<(Event, Option<i64>)> {
        let at = self.next;
        let time = *self.times.get(at)?;
        self.next += 1;
        let mut row = Row::default();
        for (cell, column) in row.iter_mut().zip(&self.columns) {
            *cell = column[at];
        }
        let event = Event { kind: self.kind, instrument: self.instrument, time, row };
        Some((event, self.times.get(at + 1).copied()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_merge_by_time_and_at_one_time_in_the_order_they_were_added() {
        let mut streams = Streams::default();
        let trade = |times: Vec<i64>| {
            let rows = times.len();
            (times, vec![vec![1; rows], vec![1; rows], vec![2; rows]])
        };
        for (instrument, times) in [(7, vec![1, 3, 3]), (8, vec![0, 3, 9])] {
            let (times, columns) = trade(times);
            assert!(streams.add(EventKind::Trade, instrument, times, columns));
        }
        let order: Vec<_> =
            std::iter::from_fn(|| streams.next_event()).map(|e| (e.time, e.instrument)).collect();
        assert_eq!(order, [(0, 8), (1, 7), (3, 7), (3, 7), (3, 8), (9, 8)]);
        let (_, columns) = trade(vec![0, 0]);
        assert!(!streams.add(EventKind::Trade, 0, vec![2, 1], columns));
    }
}
