//! Call auctions: one price at which most trades.

use super::engine::{MatchingEngine, Taker};
use super::order::{Fill, Reason};
use crate::Side;

impl MatchingEngine {
    /// The price at which an uncross would trade now and how much: most volume, then the
    /// smallest surplus, then nearest to the last trade, then the lowest. None when nothing
    /// crosses.
    pub fn indicative_price(&self) -> Option<(i64, i64)> {
        let (bid, ask) = (self.best_price(Side::Buy)?, self.best_price(Side::Sell)?);
        if bid < ask {
            return None;
        }
        let bids = self.crossing(Side::Buy, ask);
        let asks = self.crossing(Side::Sell, bid);
        let mut prices: Vec<i64> = bids.iter().chain(&asks).map(|level| level.0).collect();
        prices.sort_unstable();
        prices.dedup();
        let demand =
            |price: i64| -> i128 { bids.iter().filter(|l| l.0 >= price).map(|l| l.1).sum() };
        let supply =
            |price: i64| -> i128 { asks.iter().filter(|l| l.0 <= price).map(|l| l.1).sum() };
        let reference = self.last_price;
        let rank = |&price: &i64| {
            let (demand, supply) = (demand(price), supply(price));
            let distance = reference.map_or(0, |last| price.abs_diff(last));
            (-demand.min(supply), (demand - supply).abs(), distance, price)
        };
        let (volume, _, _, price) = prices.iter().map(rank).min()?;
        Some((price, i64::try_from(-volume).unwrap_or(i64::MAX)))
    }

    /// Prices of a side up to a limit with their whole quantity, what icebergs hide included.
    fn crossing(&self, side: Side, limit: i64) -> Vec<(i64, i128)> {
        let worst = side.key(limit);
        let levels = self.queues.levels(side).take_while(|(key, _)| *key <= worst);
        let whole = |key: i64| {
            let queue = self.queues.queue(side, key);
            let hidden = queue.filter_map(|(_, node)| self.attributes.get(&node.id));
            hidden.map(|attributes| i128::from(attributes.hidden)).sum::<i128>()
        };
        levels.map(|(key, level)| (side.price(key), i128::from(level.total) + whole(key))).collect()
    }

    /// Trades everything that crosses at the indicative price, best orders first. Orders that go
    /// because of a trade may leave others crossed, which then trade at a price of their own.
    pub(super) fn uncross(&mut self, fills: &mut Vec<Fill>) {
        while let Some((price, _)) = self.indicative_price() {
            self.uncross_at(price, fills);
        }
    }

    fn uncross_at(&mut self, price: i64, fills: &mut Vec<Fill>) {
        let (bid_key, ask_key) = (Side::Buy.key(price), Side::Sell.key(price));
        while let (Some(bid), Some(ask)) =
            (self.queues.best_key(Side::Buy), self.queues.best_key(Side::Sell))
        {
            if bid > bid_key || ask > ask_key {
                break;
            }
            self.trade_pair(bid, ask, price, fills);
        }
    }

    fn trade_pair(&mut self, bid: i64, ask: i64, price: i64, fills: &mut Vec<Fill>) {
        let slots = (self.queues.front(Side::Buy, bid), self.queues.front(Side::Sell, ask));
        let (buy, sell) = (*self.queues.node(slots.0), *self.queues.node(slots.1));
        let mut quantity = buy.quantity.min(sell.quantity);
        for node in [&buy, &sell] {
            if self.attributes.get(&node.id).is_some_and(|a| a.reduce_only) {
                quantity = quantity.min(self.reducible(node.participant, node.side));
                if quantity == 0 || buy.participant == sell.participant {
                    self.drop_order(node.id, Reason::ReduceOnly);
                    return;
                }
            }
        }
        self.sequence += 1;
        fills.push(Fill {
            maker_id: sell.id,
            taker_id: buy.id,
            maker_participant: sell.participant,
            taker_participant: buy.participant,
            price,
            quantity,
            taker_side: Side::Buy,
            sequence: self.sequence,
        });
        for (slot, node) in [(slots.0, &buy), (slots.1, &sell)] {
            self.queues.fill(slot, quantity, quantity == node.quantity);
        }
        let taker = Taker {
            id: buy.id,
            participant: buy.participant,
            side: Side::Buy,
            limit_key: 0,
            open: buy.quantity - quantity,
            filled: buy.filled + quantity,
            reduce_only: false,
        };
        self.after_trade(&taker, &sell, quantity);
        if quantity == buy.quantity && !self.replenish(&buy, buy.filled + quantity) {
            self.closed(buy.id, buy.filled + quantity, 0);
        }
    }
}
