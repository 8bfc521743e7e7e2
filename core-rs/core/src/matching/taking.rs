//! How an incoming order takes from the other side: what it may, in which order, and from whom.

use super::engine::{MatchingEngine, Taker};
use super::order::{EventKind, Fill, Phase, Reason, SelfTradePolicy};
use crate::Side;
use crate::book::Node;

/// Whether a trade that the book offers may happen.
enum Permission {
    Trade(i64),
    MakerGone,
    TakerDone(Reason),
}

#[inline]
fn fill(taker: &Taker, maker: &Node, quantity: i64, sequence: u64) -> Fill {
    Fill {
        maker_id: maker.id,
        taker_id: taker.id,
        maker_participant: maker.participant,
        taker_participant: taker.participant,
        price: maker.price(),
        quantity,
        taker_side: taker.side,
        sequence,
    }
}

impl MatchingEngine {
    #[inline]
    pub(super) fn crosses(&self, taker: &Taker) -> bool {
        self.queues.best_key(taker.side.opposite()).is_some_and(|best| best <= taker.limit_key)
    }

    /// Whether a fill-or-kill order is sure to trade completely.
    pub(super) fn can_fill(&self, taker: &Taker) -> bool {
        let side = taker.side.opposite();
        if taker.reduce_only && self.reducible(taker.participant, taker.side) < taker.open {
            return false;
        }
        let plain = self.is_plain();
        let mut open = taker.open;
        for (key, level) in self.queues.levels(side).take_while(|(key, _)| *key <= taker.limit_key)
        {
            if plain {
                open = open.saturating_sub(level.total);
            } else {
                // What icebergs hide comes after everything that the level shows.
                let mut hidden = 0_i64;
                for (_, maker) in self.queues.queue(side, key) {
                    let Some((shown, behind)) = self.offered(taker, maker) else {
                        return open <= 0;
                    };
                    open = open.saturating_sub(shown);
                    hidden = hidden.saturating_add(behind);
                }
                open = open.saturating_sub(hidden);
            }
            if open <= 0 {
                return true;
            }
        }
        false
    }

    /// What a resting order is sure to trade, shown and hidden: nothing of an order that other
    /// trades may take away. None when the taker would have to stop at it.
    pub(super) fn offered(&self, taker: &Taker, maker: &Node) -> Option<(i64, i64)> {
        let own = maker.participant == taker.participant;
        match self.config.self_trade {
            SelfTradePolicy::CancelOldest if own => return Some((0, 0)),
            SelfTradePolicy::Allow if own && taker.reduce_only => return None,
            SelfTradePolicy::Allow | SelfTradePolicy::CancelOldest => {}
            _ if own => return None,
            _ => {}
        }
        let Some(attributes) = self.attributes.get(&maker.id) else {
            return Some((maker.quantity, 0));
        };
        let uncertain = attributes.reduce_only || attributes.group.is_some();
        Some(if uncertain { (0, 0) } else { (maker.quantity, attributes.hidden) })
    }

    /// True while no trade needs a second look.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        self.config.self_trade == SelfTradePolicy::Allow
            && !self.config.track_positions
            && self.attributes.is_empty()
    }

    /// In an auction orders only gather.
    #[inline]
    pub(super) fn take_if_trading(
        &mut self,
        taker: &mut Taker,
        fills: &mut Vec<Fill>,
    ) -> Option<Reason> {
        if self.phase == Phase::Auction { None } else { self.take(taker, fills) }
    }

    /// Trades with the best levels while they are good enough, oldest order first. Returns why
    /// the taker had to stop, if something other than price or quantity stopped it.
    #[inline]
    pub(super) fn take(&mut self, taker: &mut Taker, fills: &mut Vec<Fill>) -> Option<Reason> {
        let opposite = taker.side.opposite();
        while taker.open > 0 {
            let key = self.queues.best_key(opposite).filter(|&k| k <= taker.limit_key)?;
            let slot = self.queues.front(opposite, key);
            if !self.is_plain() {
                if let Some(reason) = self.take_carefully(taker, slot, fills) {
                    return Some(reason);
                }
                continue;
            }
            let maker = self.queues.node(slot);
            let (quantity, all) = (taker.open.min(maker.quantity), maker.quantity);
            self.sequence += 1;
            fills.push(fill(taker, maker, quantity, self.sequence));
            taker.open -= quantity;
            taker.filled += quantity;
            self.queues.fill(slot, quantity, quantity == all);
        }
        None
    }

    /// One trade when something has to be looked at before or after it.
    #[cold]
    pub(super) fn take_carefully(
        &mut self,
        taker: &mut Taker,
        slot: u32,
        fills: &mut Vec<Fill>,
    ) -> Option<Reason> {
        let maker = *self.queues.node(slot);
        let wanted = taker.open.min(maker.quantity);
        let quantity = match self.permission(taker, slot, &maker, wanted) {
            Permission::Trade(quantity) => quantity,
            Permission::MakerGone => return None,
            Permission::TakerDone(reason) => return Some(reason),
        };
        self.sequence += 1;
        fills.push(fill(taker, &maker, quantity, self.sequence));
        taker.open -= quantity;
        taker.filled += quantity;
        self.queues.fill(slot, quantity, quantity == maker.quantity);
        self.after_trade(taker, &maker, quantity)
    }

    /// Looks at self-trades and reduce-only orders before a trade.
    fn permission(
        &mut self,
        taker: &mut Taker,
        slot: u32,
        maker: &Node,
        quantity: i64,
    ) -> Permission {
        let policy = self.config.self_trade;
        if policy != SelfTradePolicy::Allow && maker.participant == taker.participant {
            return self.prevent_self_trade(policy, taker, slot, maker, quantity);
        }
        let mut allowed = quantity;
        // A trade with oneself brings no position nearer to zero.
        let own = maker.participant == taker.participant;
        if taker.reduce_only {
            let reducible = self.reducible(taker.participant, taker.side);
            if reducible == 0 || own {
                return Permission::TakerDone(Reason::ReduceOnly);
            }
            allowed = allowed.min(reducible);
        }
        if self.attributes.get(&maker.id).is_some_and(|a| a.reduce_only) {
            let reducible = self.reducible(maker.participant, maker.side);
            if reducible == 0 || own {
                self.drop_order(maker.id, Reason::ReduceOnly);
                return Permission::MakerGone;
            }
            allowed = allowed.min(reducible);
        }
        Permission::Trade(allowed)
    }

    fn prevent_self_trade(
        &mut self,
        policy: SelfTradePolicy,
        taker: &mut Taker,
        slot: u32,
        maker: &Node,
        quantity: i64,
    ) -> Permission {
        match policy {
            SelfTradePolicy::CancelOldest => self.drop_order(maker.id, Reason::SelfTrade),
            SelfTradePolicy::CancelBoth => {
                self.drop_order(maker.id, Reason::SelfTrade);
                return Permission::TakerDone(Reason::SelfTrade);
            }
            SelfTradePolicy::Decrement => {
                taker.open -= quantity;
                if quantity == maker.quantity {
                    self.drop_order(maker.id, Reason::SelfTrade);
                } else {
                    self.queues.reduce(slot, quantity);
                    self.note(EventKind::Reduced, maker.id, maker.quantity - quantity);
                }
                if taker.open == 0 {
                    return Permission::TakerDone(Reason::SelfTrade);
                }
            }
            SelfTradePolicy::Allow | SelfTradePolicy::CancelNewest => {
                return Permission::TakerDone(Reason::SelfTrade);
            }
        }
        Permission::MakerGone
    }

    /// Positions, icebergs and linked orders after a trade; a reason when the taker was canceled
    /// by it.
    pub(super) fn after_trade(
        &mut self,
        taker: &Taker,
        maker: &Node,
        quantity: i64,
    ) -> Option<Reason> {
        if self.config.track_positions {
            let signed = if taker.side == Side::Buy { quantity } else { -quantity };
            let signed = i128::from(signed);
            *self.positions.entry(taker.participant).or_default() += signed;
            *self.positions.entry(maker.participant).or_default() -= signed;
        }
        let filled = maker.filled + quantity;
        let maker_done = quantity == maker.quantity && !self.replenish(maker, filled);
        // The taker is in no queue while it trades, so its caller has to stop it.
        let taker_canceled = self.linked_fill(maker.id, quantity, taker.id);
        if maker_done {
            self.closed(maker.id, filled, 0);
        }
        self.linked_fill(taker.id, quantity, taker.id);
        taker_canceled.then_some(Reason::LinkedOrder)
    }

    /// Shows the next part of an iceberg at the back of its level; false when there is none.
    pub(super) fn replenish(&mut self, maker: &Node, filled: i64) -> bool {
        let Some(attributes) = self.attributes.get_mut(&maker.id).filter(|a| a.hidden > 0) else {
            return false;
        };
        let shown = attributes.display.min(attributes.hidden);
        attributes.hidden -= shown;
        let node = Node::new(maker.id, maker.participant, maker.side, maker.price(), shown);
        let added = self.queues.insert(Node { filled, ..node }).is_ok();
        self.note(EventKind::Replenished, maker.id, shown);
        added
    }
}
