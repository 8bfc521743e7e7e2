//! Orders that depend on each other: one-cancels-other, one-updates-other, and orders that wait
//! for a parent (one-triggers-other). A bracket is a parent with two linked children.

use super::engine::{Attributes, MatchingEngine};
use super::order::{EventKind, Fill, Link, NewOrder, Outcome, Reason};

/// Orders linked with each other.
#[derive(Clone, Debug)]
pub(super) struct Group {
    link: Link,
    members: Vec<u64>,
    /// Something of an OCO group has traded or was canceled: nobody else may start.
    done: bool,
}

/// An order that waits for its parent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    order: NewOrder,
    group: Option<u64>,
}

impl MatchingEngine {
    fn add_group(&mut self, link: Link, members: Vec<u64>) -> u64 {
        self.groups_made += 1;
        self.groups.insert(self.groups_made, Group { link, members, done: false });
        self.groups_made
    }

    /// Links open orders; false, and nothing changes, when one is unknown or already linked.
    pub fn link(&mut self, ids: &[u64], link: Link) -> bool {
        let free = |id: &u64| {
            self.is_open(*id) && self.attributes.get(id).is_none_or(|a| a.group.is_none())
        };
        if ids.len() < 2 || !ids.iter().all(free) {
            return false;
        }
        let group = self.add_group(link, ids.to_vec());
        for id in ids {
            self.attributes.entry(*id).or_default().group = Some(group);
        }
        true
    }

    /// Holds orders until an open parent has traded: completely, or in part when it is canceled
    /// then (each child is at most what traded). They go with a parent that closes untraded.
    /// With a link the children are linked with each other. False, and nothing changes, when the
    /// parent is unknown or a child's id is taken.
    pub fn attach(&mut self, parent: u64, children: &[NewOrder], link: Option<Link>) -> bool {
        let taken = children.iter().any(|child| self.is_open(child.id) || child.quantity <= 0);
        if !self.is_open(parent) || taken || children.is_empty() {
            return false;
        }
        let ids = children.iter().map(|child| child.id).collect();
        let group = link.map(|link| self.add_group(link, ids));
        let held = children.iter().map(|&order| Held { order, group });
        self.attributes.entry(parent).or_default().children.extend(held);
        true
    }

    /// Sends an order whose parent is done to the market.
    pub(super) fn release(&mut self, held: Held, fills: &mut Vec<Fill>) {
        let Held { order, group } = held;
        if group.is_some_and(|g| self.groups.get(&g).is_none_or(|group| group.done)) {
            self.note_held_canceled(held);
            return;
        }
        self.note(EventKind::Released, order.id, order.quantity);
        let outcome = self.accept_child(&order, group, fills);
        if let Some(reason) = outcome.reason {
            self.note(EventKind::Canceled(reason), order.id, outcome.remaining);
        }
    }

    /// Applies a fill to the order's group. True when `taker` was canceled by it: it is in no
    /// queue while it trades, so its caller has to stop it.
    pub(super) fn linked_fill(&mut self, id: u64, quantity: i64, taker: u64) -> bool {
        let Some(group_id) = self.attributes.get(&id).and_then(|a| a.group) else { return false };
        let Some(group) = self.groups.get_mut(&group_id) else { return false };
        let others: Vec<u64> = group.members.iter().copied().filter(|&m| m != id).collect();
        let link = group.link;
        group.done |= link == Link::Oco;
        let mut taker_canceled = false;
        for other in others {
            match link {
                Link::Oco if other == taker => taker_canceled = true,
                Link::Oco => {
                    self.unlink(other);
                    self.drop_order(other, Reason::LinkedOrder);
                }
                Link::Ouo => self.reduce_linked(other, quantity),
            }
        }
        taker_canceled
    }

    fn reduce_linked(&mut self, id: u64, by: i64) {
        let Some(open) = self.remaining(id) else { return };
        if open <= by {
            self.unlink(id);
            self.drop_order(id, Reason::LinkedOrder);
            return;
        }
        if let Some(slot) = self.queues.find(id) {
            let hidden = self.attributes.get_mut(&id).map(|attributes| {
                let taken = attributes.hidden.min(by);
                attributes.hidden -= taken;
                taken
            });
            let shown = by - hidden.unwrap_or(0);
            self.queues.reduce(slot, shown);
        } else {
            self.conditionals.reduce(id, by);
        }
        self.note(EventKind::Reduced, id, open - by);
    }

    fn unlink(&mut self, id: u64) {
        if let Some(attributes) = self.attributes.get_mut(&id) {
            attributes.group = None;
        }
    }

    /// Forgets what only open orders have, and settles what depended on the order. Called once
    /// for each order that closes.
    #[inline]
    pub(super) fn closed(&mut self, id: u64, filled: i64, open: i64) {
        if !self.attributes.is_empty()
            && let Some(attributes) = self.attributes.remove(&id)
        {
            self.settle_dependents(id, attributes, filled, open);
        }
    }

    #[cold]
    fn settle_dependents(&mut self, id: u64, attributes: Attributes, filled: i64, open: i64) {
        if let Some(time) = attributes.expire_at {
            self.expiries.remove(&(time, id));
        }
        for held in attributes.children {
            if filled == 0 {
                self.note_held_canceled(held);
                continue;
            }
            let quantity =
                if open > 0 { held.order.quantity.min(filled) } else { held.order.quantity };
            self.released.push_back(Held { order: NewOrder { quantity, ..held.order }, ..held });
        }
        if let Some(group_id) = attributes.group {
            self.leave_group(group_id, id, open);
        }
    }

    /// A member that closes with something open takes its group with it.
    fn leave_group(&mut self, group_id: u64, id: u64, open: i64) {
        let Some(group) = self.groups.get_mut(&group_id) else { return };
        group.members.retain(|&member| member != id);
        group.done |= open > 0;
        let others = if open > 0 { group.members.clone() } else { Vec::new() };
        if group.members.is_empty() {
            self.groups.remove(&group_id);
        }
        for other in others {
            self.unlink(other);
            self.drop_order(other, Reason::LinkedOrder);
        }
    }

    fn accept_child(
        &mut self,
        order: &NewOrder,
        group: Option<u64>,
        fills: &mut Vec<Fill>,
    ) -> Outcome {
        let outcome = self.accept(order, group, fills);
        if let Some(group_id) = group
            && !self.is_open(order.id)
            && let Some(group) = self.groups.get_mut(&group_id)
        {
            group.members.retain(|&member| member != order.id);
        }
        outcome
    }

    pub(super) fn note_held_canceled(&mut self, held: Held) {
        self.note(EventKind::Canceled(Reason::LinkedOrder), held.order.id, held.order.quantity);
    }
}
