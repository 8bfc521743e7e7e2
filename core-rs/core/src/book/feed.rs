//! Whether the next message of a feed may be applied: right instrument, no gap, not old.

/// What to do with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Admission {
    /// Apply it.
    Apply = 0,
    /// It is older than what the book has: leave it.
    Old = 1,
    /// Messages are missing before it: the book is stale until its next snapshot.
    Gap = 2,
    /// It belongs to another instrument.
    WrongInstrument = 3,
}

/// The last sequence number of a feed and whether the book can be trusted.
#[derive(Clone, Copy, Debug, Default)]
pub struct FeedGate {
    instrument: Option<u64>,
    sequence: Option<u64>,
    stale: bool,
    gaps: u64,
}

impl FeedGate {
    /// A gate for one instrument, or for any.
    pub fn new(instrument: Option<u64>) -> Self {
        Self { instrument, ..Self::default() }
    }

    /// Judges the message with this number and remembers it when it is to be applied.
    pub fn admit(&mut self, sequence: u64, instrument: Option<u64>) -> Admission {
        if self.instrument.is_some() && instrument.is_some() && self.instrument != instrument {
            return Admission::WrongInstrument;
        }
        match self.sequence {
            Some(last) if sequence <= last => Admission::Old,
            Some(last) if sequence > last + 1 => {
                self.gaps += u64::from(!self.stale);
                self.stale = true;
                Admission::Gap
            }
            _ if self.stale => Admission::Gap,
            _ => {
                self.sequence = Some(sequence);
                Admission::Apply
            }
        }
    }

    /// A snapshot with this number makes the book trustworthy again.
    pub fn snapshot(&mut self, sequence: u64) {
        self.sequence = Some(sequence);
        self.stale = false;
    }

    /// True from a gap until the next snapshot.
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// How many gaps were seen.
    pub fn gaps(&self) -> u64 {
        self.gaps
    }

    /// Number of the last snapshot or applied message; zero before the first.
    pub fn sequence(&self) -> u64 {
        self.sequence.unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b12_old_messages_are_left_and_a_gap_lasts_until_the_snapshot() {
        let mut gate = FeedGate::new(None);
        gate.snapshot(10);
        assert_eq!(gate.admit(10, None), Admission::Old);
        assert_eq!(gate.admit(11, None), Admission::Apply);
        assert_eq!(gate.admit(13, None), Admission::Gap);
        assert_eq!(gate.admit(12, None), Admission::Gap);
        assert!(gate.is_stale());
        gate.snapshot(20);
        assert_eq!(
            (gate.admit(21, None), gate.is_stale(), gate.gaps()),
            (Admission::Apply, false, 1)
        );
    }

    #[test]
    fn b17_messages_of_another_instrument_are_refused() {
        let mut gate = FeedGate::new(Some(7));
        assert_eq!(gate.admit(1, Some(8)), Admission::WrongInstrument);
        assert_eq!(gate.admit(1, Some(7)), Admission::Apply);
    }
}
