//! The event loop: the next event by time, our orders against it, the account, then whoever
//! decides.

use super::account::Account;
use super::exchange::{Exchange, Fill, FillRules, Order, Rejected};
use super::streams::{Event, EventKind, Streams};
use crate::Side;
use crate::matching::{OrderKind, TimeInForce};

/// What a replay starts with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// Cash in units of account.
    pub cash: i128,
    /// How history fills orders.
    pub rules: FillRules,
}

/// One account in one history.
#[derive(Clone, Debug)]
pub struct Replay {
    streams: Streams,
    exchange: Exchange,
    account: Account,
    positions: Vec<i64>,
    marks: Vec<i64>,
    now: i64,
    orders: u64,
    fills: Vec<Fill>,
    /// Fills of the last event or submit, for the strategy.
    fresh: usize,
}

impl Replay {
    /// A replay of this many instruments.
    pub fn new(settings: Settings, streams: Streams, instruments: usize) -> Self {
        Self {
            streams,
            exchange: Exchange::new(settings.rules, instruments),
            account: Account { cash: settings.cash, fees: 0 },
            positions: vec![0; instruments],
            marks: vec![0; instruments],
            now: i64::MIN,
            orders: 0,
            fills: Vec::new(),
            fresh: 0,
        }
    }

    /// Goes to the next event; its fills are booked when this returns.
    #[inline]
    pub fn step(&mut self) -> Option<Event> {
        let event = self.streams.next_event()?;
        self.now = event.time;
        self.fresh = self.fills.len();
        self.marks[event.instrument] = match event.kind {
            EventKind::Bar => event.row[3],
            EventKind::Quote => event.row[0].midpoint(event.row[1]),
            EventKind::Trade => event.row[0],
        };
        self.exchange.on_event(&event, &mut self.fills);
        self.book();
        Some(event)
    }

    fn book(&mut self) {
        let costs = self.exchange.rules.costs;
        for fill in &self.fills[self.fresh..] {
            let fee = costs.fee(fill.price, fill.quantity, fill.is_maker);
            self.account.book(fill.side, fill.price, fill.quantity, fee);
            let signed = if fill.side == Side::Buy { fill.quantity } else { -fill.quantity };
            self.positions[fill.instrument] += signed;
        }
        self.fresh = self.fills.len();
    }

    /// Sends an order and returns its number.
    #[allow(clippy::too_many_arguments)]
    pub fn submit(
        &mut self,
        instrument: usize,
        side: Side,
        kind: OrderKind,
        quantity: i64,
        price: i64,
        stop_price: Option<i64>,
        trail_offset: Option<i64>,
        time_in_force: TimeInForce,
    ) -> Result<u64, Rejected> {
        let id = self.orders + 1;
        let order = Order {
            id,
            instrument,
            side,
            kind,
            price,
            stop_price,
            trail_offset,
            quantity,
            time_in_force,
            effective: self.now,
            queue_ahead: 0,
        };
        self.exchange.submit(order, self.now, &mut self.fills)?;
        self.orders = id;
        self.book();
        Ok(id)
    }

    /// Cancels an order and returns what was open of it.
    pub fn cancel(&mut self, id: u64) -> Option<i64> {
        self.exchange.cancel(id)
    }

    /// Working orders.
    pub fn orders(&self) -> &[Order] {
        self.exchange.orders()
    }

    /// True while orders are working.
    pub fn has_orders(&self) -> bool {
        self.exchange.has_orders()
    }

    /// Position in an instrument, in lots.
    pub fn position(&self, instrument: usize) -> i64 {
        self.positions[instrument]
    }

    /// Number of instruments.
    pub fn instruments(&self) -> usize {
        self.positions.len()
    }

    /// All fills so far.
    pub fn fills(&self) -> &[Fill] {
        &self.fills
    }

    /// Cash and fees.
    pub fn account(&self) -> Account {
        self.account
    }

    /// Cash and what all positions are worth at their last prices.
    pub fn equity(&self) -> i128 {
        let positions = self.positions.iter().zip(&self.marks);
        positions.fold(self.account.cash, |equity, (&position, &mark)| {
            equity + Account::default().equity(position, mark)
        })
    }

    /// Time of the last event.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// Time of the next event.
    pub fn next_time(&self) -> Option<i64> {
        self.streams.next_time()
    }
}
