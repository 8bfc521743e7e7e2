//! Time, sessions, halts, price bands and positions.

use super::engine::MatchingEngine;
use super::order::{Fill, NewOrder, OrderKind, Phase, Reason, TimeInForce};
use crate::Side;

impl MatchingEngine {
    /// Moves the clock forward and expires GTD orders whose last moment has passed. An order is
    /// still good at exactly its expiry time. Returns how many expired.
    pub fn advance(&mut self, now: i64, fills: &mut Vec<Fill>) -> usize {
        self.events.clear();
        self.now = self.now.max(now);
        let mut expired = 0;
        while let Some(&(time, id)) = self.expiries.first()
            && time < self.now
        {
            self.expiries.remove(&(time, id));
            self.drop_order(id, Reason::Expired);
            expired += 1;
        }
        self.cascade(fills, fills.len());
        expired
    }

    /// Ends the session: cancels what is open of DAY orders, by id. Returns how many.
    pub fn end_session(&mut self, fills: &mut Vec<Fill>) -> usize {
        self.events.clear();
        let day = self.attributes.iter().filter(|(_, a)| a.day).map(|(&id, _)| id);
        let ids: Vec<u64> = day.collect();
        for &id in &ids {
            self.drop_order(id, Reason::Expired);
        }
        self.cascade(fills, fills.len());
        ids.len()
    }

    /// Stops trading: new orders and replaces are refused, cancels work.
    pub fn halt(&mut self) {
        self.phase = Phase::Halted;
    }

    /// Lets limit orders gather without trading.
    pub fn start_auction(&mut self) {
        self.phase = Phase::Auction;
    }

    /// Trades continuously from now on. An auction ends with its uncross; stops that its price
    /// triggers start then.
    pub fn resume(&mut self, fills: &mut Vec<Fill>) {
        self.events.clear();
        let from = fills.len();
        // Also after a halt, which may have begun in an auction.
        self.uncross(fills);
        self.phase = Phase::Continuous;
        self.cascade(fills, from);
    }

    /// What the market does.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    pub(super) fn refused_in_phase(&self, order: &NewOrder) -> Option<Reason> {
        let gathers = order.kind == OrderKind::Limit
            && order.time_in_force != TimeInForce::Ioc
            && order.time_in_force != TimeInForce::Fok
            && !order.post_only
            && !order.terms_or_default().reduce_only;
        match self.phase {
            Phase::Continuous => None,
            Phase::Halted => Some(Reason::Halted),
            Phase::Auction => (!gathers).then_some(Reason::Auction),
        }
    }

    /// Bounds prices, both ends inclusive: limit orders outside are refused and market orders
    /// stop there. None lifts the bounds.
    pub fn set_price_band(&mut self, band: Option<(i64, i64)>) {
        self.band = band;
    }

    /// Sets a participant's position, in lots, and keeps positions from now on.
    pub fn set_position(&mut self, participant: u64, position: i64) {
        self.config.track_positions = true;
        self.positions.insert(participant, i128::from(position));
    }

    /// A participant's position in lots; zero when positions are not kept. Wider than an order,
    /// because many orders make it.
    pub fn position(&self, participant: u64) -> i128 {
        self.positions.get(&participant).copied().unwrap_or(0)
    }

    /// How much an order of this side may trade to bring the position nearer to zero.
    pub(super) fn reducible(&self, participant: u64, side: Side) -> i64 {
        let position = self.position(participant);
        let open = match side {
            Side::Buy => position.saturating_neg(),
            Side::Sell => position,
        };
        i64::try_from(open.max(0)).unwrap_or(i64::MAX)
    }
}
