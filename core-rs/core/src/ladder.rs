//! Levels of one side of a book. Prices near the touch live in a dense window with a bitmap, so
//! setting a level and finding the next best are a few instructions; prices outside the window
//! live in a tree, so extreme or scattered prices cost memory only for what they hold.

use std::collections::BTreeMap;

const WORD: usize = 64;
const SLOTS_MIN: usize = WORD;
/// One summary word has a bit for each of 64 bitmap words of 64 slots.
const SLOTS_MAX: usize = WORD * WORD;

/// Levels sorted by key, the smallest key being the best.
#[derive(Clone, Debug)]
pub(crate) struct Ladder<L> {
    base: i64,
    slots: Vec<L>,
    words: [u64; WORD],
    summary: u64,
    outside: BTreeMap<i64, L>,
    best: i64,
    len: usize,
    misses: usize,
}

impl<L: Clone + Default> Ladder<L> {
    pub(crate) fn new() -> Self {
        Self {
            base: 0,
            slots: vec![L::default(); SLOTS_MIN],
            words: [0; WORD],
            summary: 0,
            outside: BTreeMap::new(),
            best: 0,
            len: 0,
            misses: 0,
        }
    }

    /// Number of levels.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Smallest key, or none when there are no levels.
    #[inline]
    pub(crate) fn best(&self) -> Option<i64> {
        (self.len > 0).then_some(self.best)
    }

    /// Slot of a key inside the window. The window never wraps, so one comparison is enough.
    #[inline]
    fn slot(&self, key: i64) -> Option<usize> {
        let offset = key.wrapping_sub(self.base) as u64;
        (offset < self.slots.len() as u64).then_some(offset as usize)
    }

    #[inline]
    fn occupied(&self, slot: usize) -> bool {
        self.words[slot / WORD] >> (slot % WORD) & 1 == 1
    }

    #[inline]
    pub(crate) fn get(&self, key: i64) -> Option<&L> {
        match self.slot(key) {
            Some(slot) => self.occupied(slot).then(|| &self.slots[slot]),
            None => self.outside.get(&key),
        }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: i64) -> Option<&mut L> {
        match self.slot(key) {
            Some(slot) => self.occupied(slot).then(|| &mut self.slots[slot]),
            None => self.outside.get_mut(&key),
        }
    }

    /// The level of a key, made empty when it was not there.
    #[inline]
    pub(crate) fn level(&mut self, key: i64) -> &mut L {
        let slot = match self.slot(key) {
            Some(slot) => slot,
            None => match self.admit(key) {
                Some(slot) => slot,
                None => return self.level_outside(key),
            },
        };
        let (word, bit) = (slot / WORD, 1 << (slot % WORD));
        if self.words[word] & bit == 0 {
            self.words[word] |= bit;
            self.summary |= 1 << word;
            self.note_new(key);
        }
        &mut self.slots[slot]
    }

    #[inline]
    fn note_new(&mut self, key: i64) {
        if self.len == 0 || key < self.best {
            self.best = key;
        }
        self.len += 1;
    }

    /// Moves the window when too many keys miss it; gives the key's slot if it is inside then.
    #[cold]
    fn admit(&mut self, key: i64) -> Option<usize> {
        self.misses += 1;
        if self.len == 0 {
            self.base = self.base_around(key);
        } else if self.misses > self.slots.len() / 4 {
            self.rebase();
        }
        self.slot(key)
    }

    fn level_outside(&mut self, key: i64) -> &mut L {
        if !self.outside.contains_key(&key) {
            self.note_new(key);
        }
        self.outside.entry(key).or_default()
    }

    /// Removes the level of a key; unknown keys are no concern.
    #[inline]
    pub(crate) fn remove(&mut self, key: i64) {
        match self.slot(key) {
            Some(slot) => {
                if !self.occupied(slot) {
                    return;
                }
                self.slots[slot] = L::default();
                let word = slot / WORD;
                self.words[word] &= !(1 << (slot % WORD));
                if self.words[word] == 0 {
                    self.summary &= !(1 << word);
                }
            }
            None => {
                if self.outside.remove(&key).is_none() {
                    return;
                }
            }
        }
        self.len -= 1;
        if key == self.best && self.len > 0 {
            self.best = self.first();
        }
    }

    /// Smallest key of a ladder that is not empty.
    #[inline]
    fn first(&self) -> i64 {
        let inside = self.first_inside();
        match self.outside.first_key_value() {
            None => inside.unwrap_or_default(),
            Some((&out, _)) => inside.map_or(out, |key| key.min(out)),
        }
    }

    #[inline]
    fn first_inside(&self) -> Option<i64> {
        if self.summary == 0 {
            return None;
        }
        let word = self.summary.trailing_zeros() as usize;
        let slot = word * WORD + self.words[word].trailing_zeros() as usize;
        Some(self.base + slot as i64)
    }

    /// First key of a window that has the given key a quarter in, without running past the end.
    fn base_around(&self, key: i64) -> i64 {
        let width = self.slots.len() as i64;
        key.saturating_sub(width / 4).min(i64::MAX - width + 1)
    }

    /// Puts the window around the best price, wider while keys keep missing it. Costs at most a
    /// few steps for each of the misses that led here.
    fn rebase(&mut self) {
        self.misses = 0;
        for slot in 0..self.slots.len() {
            if self.occupied(slot) {
                let level = std::mem::take(&mut self.slots[slot]);
                self.outside.insert(self.base + slot as i64, level);
            }
        }
        self.words = [0; WORD];
        self.summary = 0;
        let slots = (self.slots.len() * 8).min(SLOTS_MAX);
        self.slots.resize(slots, L::default());
        self.base = self.base_around(self.best);
        let last = self.base + (slots as i64 - 1);
        let inside: Vec<i64> = self.outside.range(self.base..=last).map(|(&key, _)| key).collect();
        for key in inside {
            let slot = (key - self.base) as usize;
            self.slots[slot] = self.outside.remove(&key).unwrap_or_default();
            self.words[slot / WORD] |= 1 << (slot % WORD);
            self.summary |= 1 << (slot / WORD);
        }
    }

    /// Levels from the best on.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, &L)> {
        let last = self.base + (self.slots.len() as i64 - 1);
        let before = self.outside.range(..self.base);
        let after = self.outside.range(last..).filter(move |(key, _)| **key > last);
        let inside = Bits { words: &self.words, summary: self.summary }
            .map(|slot| (self.base + slot as i64, &self.slots[slot]));
        before.map(|(&k, l)| (k, l)).chain(inside).chain(after.map(|(&k, l)| (k, l)))
    }

    pub(crate) fn clear(&mut self) {
        for word in 0..WORD {
            let mut bits = std::mem::take(&mut self.words[word]);
            while bits != 0 {
                self.slots[word * WORD + bits.trailing_zeros() as usize] = L::default();
                bits &= bits - 1;
            }
        }
        self.summary = 0;
        self.outside.clear();
        self.len = 0;
        self.misses = 0;
    }
}

/// Occupied slots in ascending order.
struct Bits<'a> {
    words: &'a [u64; WORD],
    summary: u64,
}

impl Bits<'_> {
    fn next_word(&mut self) -> Option<usize> {
        (self.summary != 0).then(|| self.summary.trailing_zeros() as usize)
    }

    fn map<T>(mut self, mut f: impl FnMut(usize) -> T) -> impl Iterator<Item = T> {
        let mut word = self.next_word();
        let mut bits = word.map_or(0, |w| self.words[w]);
        std::iter::from_fn(move || {
            let current = word?;
            let slot = current * WORD + bits.trailing_zeros() as usize;
            bits &= bits - 1;
            if bits == 0 {
                self.summary &= self.summary - 1;
                word = self.next_word();
                bits = word.map_or(0, |w| self.words[w]);
            }
            Some(f(slot))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> impl Strategy<Value = i64> {
        prop_oneof![
            8 => -50..50_i64,
            3 => -5_000..5_000_i64,
            1 => prop::sample::select(vec![i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX, 0]),
            1 => any::<i64>(),
        ]
    }

    proptest! {
        #[test]
        fn behaves_like_a_sorted_map(ops in prop::collection::vec((0..5_u8, key(), 1..100_i64), 0..900)) {
            let (mut ladder, mut model) = (Ladder::<i64>::new(), BTreeMap::new());
            for (op, key, value) in ops {
                if op < 3 {
                    *ladder.level(key) = value;
                    model.insert(key, value);
                } else {
                    ladder.remove(key);
                    model.remove(&key);
                }
                prop_assert_eq!(ladder.best(), model.keys().next().copied());
                prop_assert_eq!(ladder.len(), model.len());
                prop_assert_eq!(ladder.get(key), model.get(&key));
            }
            let levels: Vec<_> = ladder.iter().map(|(k, &v)| (k, v)).collect();
            prop_assert_eq!(levels, model.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_ladder_cleared_after_growth_is_empty_and_usable() {
        let mut ladder = Ladder::<i64>::new();
        (0..5_000).for_each(|key| *ladder.level(key * 3) = key);
        ladder.clear();
        assert_eq!((ladder.best(), ladder.iter().count()), (None, 0));
        *ladder.level(7) = 1;
        assert_eq!(ladder.iter().collect::<Vec<_>>(), vec![(7, &1)]);
    }
}
