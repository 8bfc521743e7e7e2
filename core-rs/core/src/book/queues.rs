//! Orders resting in price-time priority, shared by the L3 book and the matching engine: levels
//! with kept totals, first-in-first-out lists through a slab, and an index by order id.

use crate::Side;
use crate::id_map::{IdMap, NIL};
use crate::ladder::Ladder;

/// One resting order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub(crate) id: u64,
    pub(crate) participant: u64,
    pub(crate) key: i64,
    pub(crate) quantity: i64,
    pub(crate) filled: i64,
    pub(crate) previous: u32,
    pub(crate) next: u32,
    pub(crate) side: Side,
}

impl Node {
    pub(crate) fn new(id: u64, participant: u64, side: Side, price: i64, quantity: i64) -> Self {
        let key = side.key(price);
        Self { id, participant, key, quantity, filled: 0, previous: NIL, next: NIL, side }
    }

    pub(crate) fn price(&self) -> i64 {
        self.side.price(self.key)
    }
}

/// All orders at one price.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level {
    pub(crate) total: i64,
    pub(crate) count: u32,
    head: u32,
    tail: u32,
}

impl Default for Level {
    fn default() -> Self {
        Self { total: 0, count: 0, head: NIL, tail: NIL }
    }
}

/// Why an order could not be put in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QueueError {
    /// The level's total quantity would leave the range of 64 bits.
    Overflow,
}

/// Resting orders of both sides.
#[derive(Clone, Debug)]
pub(crate) struct OrderQueues {
    sides: [Ladder<Level>; 2],
    nodes: Vec<Node>,
    free: u32,
    index: IdMap,
}

impl OrderQueues {
    pub(crate) fn new() -> Self {
        let sides = [Ladder::new(), Ladder::new()];
        Self { sides, nodes: Vec::new(), free: NIL, index: IdMap::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    pub(crate) fn clear(&mut self) {
        self.sides.iter_mut().for_each(Ladder::clear);
        self.nodes.clear();
        self.free = NIL;
        self.index.clear();
    }

    #[inline]
    pub(crate) fn find(&self, id: u64) -> Option<u32> {
        let slot = self.index.get(id);
        (slot != NIL).then_some(slot)
    }

    #[inline]
    pub(crate) fn node(&self, slot: u32) -> &Node {
        &self.nodes[slot as usize]
    }

    #[inline]
    pub(crate) fn best_key(&self, side: Side) -> Option<i64> {
        self.sides[side as usize].best()
    }

    #[inline]
    pub(crate) fn best_price(&self, side: Side) -> Option<i64> {
        self.best_key(side).map(|key| side.price(key))
    }

    #[inline]
    pub(crate) fn level(&self, side: Side, key: i64) -> Option<&Level> {
        self.sides[side as usize].get(key)
    }

    pub(crate) fn levels(&self, side: Side) -> impl Iterator<Item = (i64, &Level)> {
        self.sides[side as usize].iter()
    }

    pub(crate) fn level_count(&self, side: Side) -> usize {
        self.sides[side as usize].len()
    }

    /// Order at the front of the best level.
    #[inline]
    pub(crate) fn front(&self, side: Side, key: i64) -> u32 {
        self.level(side, key).map_or(NIL, |level| level.head)
    }

    /// Orders of one level, first in first out.
    pub(crate) fn queue(&self, side: Side, key: i64) -> impl Iterator<Item = (u32, &Node)> {
        let mut at = self.front(side, key);
        std::iter::from_fn(move || {
            (at != NIL).then(|| {
                let slot = at;
                let node = self.node(slot);
                at = node.next;
                (slot, node)
            })
        })
    }

    /// Quantity and number of orders before this one in its level.
    pub(crate) fn ahead_of(&self, id: u64) -> Option<(i64, u32)> {
        let node = self.node(self.find(id)?);
        let ahead = self.queue(node.side, node.key).take_while(|(_, other)| other.id != id);
        Some(ahead.fold((0, 0), |(sum, count), (_, other)| (sum + other.quantity, count + 1)))
    }

    /// Puts an order with an unknown id at the back of its level.
    #[inline]
    pub(crate) fn insert(&mut self, node: Node) -> Result<u32, QueueError> {
        debug_assert!(node.quantity > 0);
        let slot = if self.free == NIL { self.nodes.len() as u32 } else { self.free };
        let level = self.sides[node.side as usize].level(node.key);
        let Some(total) = level.total.checked_add(node.quantity) else {
            return Err(QueueError::Overflow);
        };
        level.total = total;
        level.count += 1;
        let previous = std::mem::replace(&mut level.tail, slot);
        if level.head == NIL {
            level.head = slot;
        }
        self.index.insert(node.id, slot);
        let node = Node { previous, next: NIL, ..node };
        if self.free == NIL {
            self.nodes.push(node);
        } else {
            self.free = std::mem::replace(&mut self.nodes[slot as usize], node).next;
        }
        if previous != NIL {
            self.nodes[previous as usize].next = slot;
        }
        Ok(slot)
    }

    /// Takes an order out; its level goes with its last order.
    #[inline]
    pub(crate) fn remove(&mut self, slot: u32) -> Node {
        let node = self.nodes[slot as usize];
        self.unlink(&node);
        self.index.remove(node.id);
        self.nodes[slot as usize].next = self.free;
        self.free = slot;
        node
    }

    #[inline]
    fn unlink(&mut self, node: &Node) {
        if node.previous != NIL {
            self.nodes[node.previous as usize].next = node.next;
        }
        if node.next != NIL {
            self.nodes[node.next as usize].previous = node.previous;
        }
        let ladder = &mut self.sides[node.side as usize];
        if let Some(level) = ladder.get_mut(node.key) {
            if level.count == 1 {
                ladder.remove(node.key);
                return;
            }
            level.total -= node.quantity;
            level.count -= 1;
            if node.previous == NIL {
                level.head = node.next;
            }
            if node.next == NIL {
                level.tail = node.previous;
            }
        }
    }

    /// Takes a traded quantity off an order, and the order out when that was all of it.
    #[inline]
    pub(crate) fn fill(&mut self, slot: u32, quantity: i64, all: bool) {
        if all {
            self.remove(slot);
        } else {
            self.reduce(slot, quantity);
            self.nodes[slot as usize].filled += quantity;
        }
    }

    /// Lowers an order's quantity where it stands; the caller keeps it above zero.
    #[inline]
    pub(crate) fn reduce(&mut self, slot: u32, by: i64) {
        let node = &mut self.nodes[slot as usize];
        debug_assert!(by >= 0 && by < node.quantity);
        node.quantity -= by;
        let (side, key) = (node.side, node.key);
        if let Some(level) = self.sides[side as usize].get_mut(key) {
            level.total -= by;
        }
    }

    /// Checks every invariant by counting again; for tests.
    #[cfg(test)]
    pub(crate) fn verify(&self) {
        let mut orders = 0;
        for side in [Side::Buy, Side::Sell] {
            let keys: Vec<i64> = self.levels(side).map(|(key, _)| key).collect();
            assert!(keys.is_sorted_by(|a, b| a < b));
            for (key, level) in self.levels(side) {
                let queue: Vec<&Node> = self.queue(side, key).map(|(_, node)| node).collect();
                assert_eq!(queue.len(), level.count as usize);
                assert_eq!(queue.iter().map(|node| node.quantity).sum::<i64>(), level.total);
                assert!(queue.iter().all(|node| node.quantity > 0 && node.key == key));
                assert!(queue.iter().all(|node| self.find(node.id).is_some()));
                orders += queue.len();
            }
        }
        assert_eq!(orders, self.len());
    }
}
