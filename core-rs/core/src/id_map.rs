//! A map from 64-bit order ids to 32-bit slots: open addressing, linear probing and backward-shift
//! deletion, so there are no tombstones and a look-up touches one cache line most of the time.

/// Value that marks an empty cell, and therefore never a slot.
pub(crate) const NIL: u32 = u32::MAX;
const INITIAL_CELLS: usize = 64;

#[derive(Clone, Copy, Debug)]
struct Cell {
    id: u64,
    slot: u32,
}

const EMPTY: Cell = Cell { id: 0, slot: NIL };

/// Order id to slot.
#[derive(Clone, Debug)]
pub(crate) struct IdMap {
    cells: Vec<Cell>,
    mask: usize,
    len: usize,
}

/// Home of an id. Runs of four ids share a cache line, since ids often come in sequence; beyond
/// that every bit counts, as ids may also be sparse or carry a venue prefix.
#[inline]
fn spread(id: u64) -> usize {
    let run = id / 4;
    let product = u128::from(run ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
    let mixed = (product >> 64) as u64 ^ product as u64;
    (mixed.wrapping_mul(4) | (id % 4)) as usize
}

impl IdMap {
    pub(crate) fn new() -> Self {
        Self { cells: vec![EMPTY; INITIAL_CELLS], mask: INITIAL_CELLS - 1, len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn clear(&mut self) {
        self.cells.fill(EMPTY);
        self.len = 0;
    }

    /// Position of the id, or of the empty cell where it would go.
    #[inline]
    fn position(&self, id: u64) -> usize {
        let mut at = spread(id) & self.mask;
        loop {
            let cell = self.cells[at];
            if cell.id == id || cell.slot == NIL {
                return at;
            }
            at = (at + 1) & self.mask;
        }
    }

    /// Slot of the id, [`NIL`] when unknown.
    #[inline]
    pub(crate) fn get(&self, id: u64) -> u32 {
        self.cells[self.position(id)].slot
    }

    /// Sets the slot of an id that may or may not be known.
    #[inline]
    pub(crate) fn insert(&mut self, id: u64, slot: u32) {
        debug_assert_ne!(slot, NIL);
        let at = self.position(id);
        if self.cells[at].slot == NIL {
            self.len += 1;
        }
        self.cells[at] = Cell { id, slot };
        if self.len * 2 > self.cells.len() {
            self.grow();
        }
    }

    /// Forgets the id and returns its slot, [`NIL`] when unknown.
    #[inline]
    pub(crate) fn remove(&mut self, id: u64) -> u32 {
        let mut hole = self.position(id);
        let slot = self.cells[hole].slot;
        if slot == NIL {
            return NIL;
        }
        self.len -= 1;
        let mut at = hole;
        loop {
            at = (at + 1) & self.mask;
            let cell = self.cells[at];
            if cell.slot == NIL {
                break;
            }
            // Move back only what may legally live at the hole or before it.
            let home = spread(cell.id) & self.mask;
            if at.wrapping_sub(home) & self.mask >= at.wrapping_sub(hole) & self.mask {
                self.cells[hole] = cell;
                hole = at;
            }
        }
        self.cells[hole] = EMPTY;
        slot
    }

    #[cold]
    fn grow(&mut self) {
        let bigger = vec![EMPTY; self.cells.len() * 2];
        self.mask = bigger.len() - 1;
        for cell in std::mem::replace(&mut self.cells, bigger) {
            if cell.slot != NIL {
                let at = self.position(cell.id);
                self.cells[at] = cell;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn behaves_like_a_hash_map(ops in prop::collection::vec((0..3_u8, 0..40_u64, 0..1000_u32), 0..600)) {
            let (mut map, mut model) = (IdMap::new(), HashMap::new());
            for (op, id, slot) in ops {
                let id = id.wrapping_mul(0x1_0000_0000_0001);
                match op {
                    0 | 1 => { map.insert(id, slot); model.insert(id, slot); }
                    _ => prop_assert_eq!(map.remove(id), model.remove(&id).unwrap_or(NIL)),
                }
                prop_assert_eq!(map.len(), model.len());
            }
            for id in 0..40_u64 {
                let id = id.wrapping_mul(0x1_0000_0000_0001);
                prop_assert_eq!(map.get(id), model.get(&id).copied().unwrap_or(NIL));
            }
        }
    }

    #[test]
    fn the_largest_and_smallest_ids_are_ordinary_ids() {
        let mut map = IdMap::new();
        map.insert(u64::MAX, 1);
        map.insert(0, 2);
        assert_eq!((map.get(u64::MAX), map.get(0)), (1, 2));
        assert_eq!((map.remove(0), map.get(0), map.get(u64::MAX)), (2, NIL, 1));
    }
}
