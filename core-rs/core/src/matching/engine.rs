//! The engine itself. Plain orders never look at what only some orders have: that lives in maps
//! which are empty most of the time.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use super::conditional::Conditionals;
use super::linked::{Group, Held};
use super::order::{
    EventKind, Fill, NewOrder, OrderEvent, OrderKind, Outcome, Phase, Reason, SelfTradePolicy,
    Status, TimeInForce,
};
use crate::Side;
use crate::book::{Node, OrderQueues};

/// What is fixed for the life of an engine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Config {
    /// What to do when a participant would trade with itself.
    pub self_trade: SelfTradePolicy,
    /// Keep every participant's position, which reduce-only orders need.
    pub track_positions: bool,
}

/// What an open order has beyond price, quantity and place.
#[derive(Clone, Debug, Default)]
pub(super) struct Attributes {
    pub(super) expire_at: Option<i64>,
    pub(super) day: bool,
    pub(super) reduce_only: bool,
    pub(super) display: i64,
    pub(super) hidden: i64,
    pub(super) group: Option<u64>,
    pub(super) children: Vec<Held>,
}

/// Matches orders of many participants in price-time priority.
#[derive(Clone, Debug)]
pub struct MatchingEngine {
    pub(super) queues: OrderQueues,
    pub(super) sequence: u64,
    pub(super) config: Config,
    pub(super) phase: Phase,
    pub(super) now: i64,
    pub(super) band: Option<(i64, i64)>,
    pub(super) last_price: Option<i64>,
    pub(super) positions: HashMap<u64, i128>,
    pub(super) attributes: BTreeMap<u64, Attributes>,
    pub(super) expiries: BTreeSet<(i64, u64)>,
    pub(super) conditionals: Conditionals,
    pub(super) groups: BTreeMap<u64, Group>,
    pub(super) groups_made: u64,
    pub(super) released: VecDeque<Held>,
    pub(super) events: Vec<OrderEvent>,
}

/// The part of an order that is still looking for the other side.
#[derive(Debug)]
pub(super) struct Taker {
    pub(super) id: u64,
    pub(super) participant: u64,
    pub(super) side: Side,
    /// Worst acceptable key on the other side.
    pub(super) limit_key: i64,
    pub(super) open: i64,
    pub(super) filled: i64,
    pub(super) reduce_only: bool,
}

impl Default for MatchingEngine {
    fn default() -> Self {
        Self::new(Config::default())
    }
}

impl MatchingEngine {
    /// An engine with an empty book, in continuous trading.
    pub fn new(config: Config) -> Self {
        Self {
            queues: OrderQueues::new(),
            sequence: 0,
            config,
            phase: Phase::Continuous,
            now: i64::MIN,
            band: None,
            last_price: None,
            positions: HashMap::new(),
            attributes: BTreeMap::new(),
            expiries: BTreeSet::new(),
            conditionals: Conditionals::default(),
            groups: BTreeMap::new(),
            groups_made: 0,
            released: VecDeque::new(),
            events: Vec::new(),
        }
    }

    /// Takes a new order: trades what crosses, then rests or cancels the remainder, then lets
    /// whatever that triggered happen. All fills are appended to `fills` in their order.
    #[inline]
    pub fn submit(&mut self, order: &NewOrder, fills: &mut Vec<Fill>) -> Outcome {
        self.events.clear();
        let from = fills.len();
        let outcome = self.accept(order, None, fills);
        if self.cascade(fills, from) {
            self.refreshed(order.id, outcome, &fills[from..])
        } else {
            outcome
        }
    }

    #[inline]
    pub(super) fn accept(
        &mut self,
        order: &NewOrder,
        group: Option<u64>,
        fills: &mut Vec<Fill>,
    ) -> Outcome {
        if order.quantity <= 0 {
            return Outcome::rejected(order.quantity, Reason::InvalidQuantity);
        }
        if self.is_open(order.id) {
            return Outcome::rejected(order.quantity, Reason::DuplicateOrderId);
        }
        if self.phase != Phase::Continuous
            && let Some(reason) = self.refused_in_phase(order)
        {
            return Outcome::rejected(order.quantity, reason);
        }
        if order.terms.is_some()
            || group.is_some()
            || order.kind.is_conditional()
            || !matches!(
                order.time_in_force,
                TimeInForce::Gtc | TimeInForce::Ioc | TimeInForce::Fok
            )
        {
            return self.accept_with_terms(order, group, fills);
        }
        self.execute(order, fills)
    }

    #[cold]
    fn accept_with_terms(
        &mut self,
        order: &NewOrder,
        group: Option<u64>,
        fills: &mut Vec<Fill>,
    ) -> Outcome {
        if !Self::terms_make_sense(order) {
            return Outcome::rejected(order.quantity, Reason::InvalidTerms);
        }
        let terms = order.terms_or_default();
        let expire_at = terms.expire_at.filter(|_| order.time_in_force == TimeInForce::Gtd);
        if expire_at.is_some_and(|time| time < self.now) {
            return Outcome::rejected(order.quantity, Reason::Expired);
        }
        let attributes = Attributes {
            expire_at,
            day: order.time_in_force == TimeInForce::Day,
            reduce_only: terms.reduce_only,
            display: terms.display_quantity.unwrap_or(0),
            group,
            ..Attributes::default()
        };
        if let Some(time) = expire_at {
            self.expiries.insert((time, order.id));
        }
        self.attributes.insert(order.id, attributes);
        if order.kind.is_conditional() { self.wait(order) } else { self.execute(order, fills) }
    }

    /// True when the id belongs to a resting, waiting or held order.
    #[inline]
    pub fn is_open(&self, id: u64) -> bool {
        self.queues.find(id).is_some()
            || !self.attributes.is_empty() && self.attributes.contains_key(&id)
    }

    /// Matches an order that is limit or market now.
    #[inline]
    pub(super) fn execute(&mut self, order: &NewOrder, fills: &mut Vec<Fill>) -> Outcome {
        let mut taker = self.taker(order);
        if let Some(outcome) = self.refused(order, &taker) {
            self.closed(order.id, 0, order.quantity);
            return outcome;
        }
        let stopped = self.take_if_trading(&mut taker, fills);
        let outcome = self.settle(order, &taker, stopped);
        if !matches!(outcome.status, Status::Resting | Status::PartiallyFilled) {
            self.closed(order.id, taker.filled, outcome.remaining);
        }
        outcome
    }

    /// The order as it meets the book.
    #[inline]
    fn taker(&self, order: &NewOrder) -> Taker {
        let opposite = order.side.opposite();
        let market = order.kind.triggered() == OrderKind::Market;
        let mut limit_key = if market { i64::MAX } else { opposite.key(order.price) };
        if let Some((low, high)) = self.band {
            let worst = if order.side == Side::Buy { high } else { low };
            limit_key = limit_key.min(opposite.key(worst));
        }
        Taker {
            id: order.id,
            participant: order.participant,
            side: order.side,
            limit_key,
            open: order.quantity,
            filled: 0,
            reduce_only: matches!(&order.terms, Some(terms) if terms.reduce_only),
        }
    }

    /// The outcome of an order that must not touch the book at all.
    #[inline]
    fn refused(&self, order: &NewOrder, taker: &Taker) -> Option<Outcome> {
        let refuse = |reason| Some(Outcome::rejected(order.quantity, reason));
        let market = order.kind.triggered() == OrderKind::Market;
        if let Some((low, high)) = self.band
            && !market
            && !(low..=high).contains(&order.price)
        {
            return refuse(Reason::PriceBand);
        }
        if self.phase == Phase::Auction {
            return None;
        }
        let crosses = self.crosses(taker);
        if market && !crosses {
            let empty = self.queues.best_key(order.side.opposite()).is_none();
            return refuse(if empty { Reason::NoLiquidity } else { Reason::PriceBand });
        }
        if order.post_only && crosses {
            return refuse(Reason::PostOnlyWouldCross);
        }
        if taker.reduce_only && self.reducible(taker.participant, taker.side) == 0 {
            return refuse(Reason::ReduceOnly);
        }
        if order.time_in_force == TimeInForce::Fok && !self.can_fill(taker) {
            return Some(Outcome::canceled(order.quantity, Reason::FillOrKill));
        }
        None
    }

    /// Rests or cancels what is left of an order.
    #[inline]
    pub(super) fn settle(
        &mut self,
        order: &NewOrder,
        taker: &Taker,
        stopped: Option<Reason>,
    ) -> Outcome {
        let open = taker.open;
        if let Some(reason) = stopped {
            return Outcome::canceled(open, reason);
        }
        if open == 0 {
            return Outcome { status: Status::Filled, remaining: 0, reason: None };
        }
        if order.kind.triggered() == OrderKind::Market {
            let ended_by_band = self.queues.best_key(taker.side.opposite()).is_some();
            let reason = if ended_by_band { Reason::PriceBand } else { Reason::NoLiquidity };
            return Outcome::canceled(open, reason);
        }
        if !order.time_in_force.rests() {
            return Outcome::canceled(open, Reason::ImmediateOrCancel);
        }
        let node = Node::new(order.id, order.participant, order.side, order.price, open);
        self.rest(Node { filled: taker.filled, ..node })
    }

    /// Puts the remainder in the book, an iceberg with only its first part showing.
    #[inline]
    pub(super) fn rest(&mut self, mut node: Node) -> Outcome {
        let remaining = node.quantity;
        if !self.attributes.is_empty()
            && let Some(attributes) = self.attributes.get_mut(&node.id)
            && attributes.display > 0
        {
            node.quantity = remaining.min(attributes.display);
            attributes.hidden = remaining - node.quantity;
        }
        let status = if node.filled > 0 { Status::PartiallyFilled } else { Status::Resting };
        match self.queues.insert(node) {
            Ok(_) => Outcome { status, remaining, reason: None },
            Err(_) if node.filled > 0 => Outcome::canceled(remaining, Reason::InvalidQuantity),
            Err(_) => Outcome::rejected(remaining, Reason::InvalidQuantity),
        }
    }

    /// Cancels an order and returns what was open of it; none when the id is unknown, which is
    /// safe. Children released by the cancel of a partly filled parent may trade.
    #[inline]
    pub fn cancel(&mut self, id: u64, fills: &mut Vec<Fill>) -> Option<i64> {
        self.events.clear();
        if self.attributes.is_empty() {
            let slot = self.queues.find(id)?;
            return Some(self.queues.remove(slot).quantity);
        }
        let open = self.remaining(id)?;
        self.drop_order(id, Reason::Requested);
        self.cascade(fills, fills.len());
        Some(open)
    }

    /// Cancels every order of a participant, or of everybody, with the orders that wait for
    /// them. Returns how many were open.
    pub fn cancel_all(&mut self, participant: Option<u64>) -> usize {
        self.events.clear();
        let ids = self.open_ids(participant);
        for &id in &ids {
            // One of them may be gone already: a linked order that went with an earlier one.
            self.drop_order(id, Reason::Requested);
        }
        while let Some(held) = self.released.pop_front() {
            self.note_held_canceled(held);
        }
        ids.len()
    }

    /// Ids of all open orders, oldest first within each level, bids before asks, waiting last.
    pub fn open_ids(&self, participant: Option<u64>) -> Vec<u64> {
        let wanted = |owner: u64| participant.is_none_or(|p| p == owner);
        let mut ids = Vec::new();
        for side in [Side::Buy, Side::Sell] {
            for (key, _) in self.queues.levels(side) {
                let queue = self.queues.queue(side, key);
                ids.extend(queue.filter(|(_, n)| wanted(n.participant)).map(|(_, n)| n.id));
            }
        }
        ids.extend(self.conditionals.ids(wanted));
        ids
    }

    /// Closes an open order for a reason and says so; nothing when it is not open.
    pub(super) fn drop_order(&mut self, id: u64, reason: Reason) {
        let Some(open) = self.remaining(id) else { return };
        let mut filled = 0;
        if let Some(slot) = self.queues.find(id) {
            filled = self.queues.remove(slot).filled;
        }
        self.conditionals.remove(id);
        self.note(EventKind::Canceled(reason), id, open);
        self.closed(id, filled, open);
    }

    pub(super) fn note(&mut self, kind: EventKind, order_id: u64, quantity: i64) {
        self.events.push(OrderEvent { kind, order_id, quantity, after_sequence: self.sequence });
    }

    /// What happened besides fills during the last call.
    pub fn events(&self) -> &[OrderEvent] {
        &self.events
    }

    /// Open quantity of an order, hidden part included.
    pub fn remaining(&self, id: u64) -> Option<i64> {
        let Some(slot) = self.queues.find(id) else { return self.conditionals.quantity(id) };
        let hidden = self.attributes.get(&id).map_or(0, |attributes| attributes.hidden);
        Some(self.queues.node(slot).quantity.saturating_add(hidden))
    }

    /// Quantity and number of orders that would be filled before this one.
    pub fn queue_ahead(&self, id: u64) -> Option<(i64, u32)> {
        self.queues.ahead_of(id)
    }

    /// Best price of a side.
    #[inline]
    pub fn best_price(&self, side: Side) -> Option<i64> {
        self.queues.best_price(side)
    }

    /// Levels of a side from the best on: price, displayed quantity, number of orders.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = (i64, i64, u32)> {
        self.queues
            .levels(side)
            .map(move |(key, level)| (side.price(key), level.total, level.count))
    }

    /// Number of resting orders.
    pub fn len(&self) -> usize {
        self.queues.len()
    }

    /// True when nothing rests.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of the last trade.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Price of the last trade.
    pub fn last_price(&self) -> Option<i64> {
        self.last_price
    }

    #[cfg(test)]
    pub(crate) fn verify(&self) {
        self.queues.verify();
        if let (Some(bid), Some(ask)) = (self.best_price(Side::Buy), self.best_price(Side::Sell)) {
            let gathers = self.phase != Phase::Continuous;
            assert!(bid < ask || gathers, "the book is crossed at rest");
        }
        for id in self.attributes.keys() {
            let known = self.remaining(*id).is_some();
            assert!(known, "attributes of {id} outlived their order");
        }
    }
}
