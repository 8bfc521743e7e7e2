//! Orders of one account worked against history: our orders do not move the market they replay.
//!
//! Bars are walked as open, the nearer extreme, the other one, close. What is due at the open
//! fills there (a stop that the market gapped over fills at the open, not at its price); on the
//! way to the next point limits fill at their price and stops at theirs, in the order in which
//! the price reaches them. With a participation limit a quarter of the bar's volume counts at
//! each of the first three points and the rest at the close. A quote's size fills once until the
//! next quote. Trades fill a resting limit only with what they trade beyond the queue ahead.

use crate::Side;
use crate::matching::{OrderKind, TimeInForce};

use super::account::Costs;
use super::streams::{Event, EventKind, Row};

/// When a market order decided on a bar trades.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timing {
    /// At the next bar's open.
    #[default]
    NextOpen,
    /// At this bar's close.
    ThisClose,
}

/// How history fills orders.
#[derive(Clone, Copy, Debug, Default)]
pub struct FillRules {
    /// When market orders trade on bars.
    pub timing: Timing,
    /// Largest part of a bar's volume that we trade, in 1e-8; none lets everything fill.
    pub participation_e8: Option<i64>,
    /// Trade at most the size that a quote displays.
    pub limited_by_quotes: bool,
    /// Time from our decision until the exchange has the order.
    pub latency: i64,
    /// Fees and slippage.
    pub costs: Costs,
}

/// A working order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its number, from 1 in the order of submission.
    pub id: u64,
    /// Index of its instrument.
    pub instrument: usize,
    /// Buy or sell.
    pub side: Side,
    /// Limit, market, stop, stop-limit or trailing stop.
    pub kind: OrderKind,
    /// Limit price in ticks.
    pub price: i64,
    /// Trigger price in ticks.
    pub stop_price: Option<i64>,
    /// Distance of a trailing stop in ticks.
    pub trail_offset: Option<i64>,
    /// Open lots.
    pub quantity: i64,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// When the exchange has it.
    pub effective: i64,
    /// Lots that trade before it at its price.
    pub queue_ahead: i64,
}

/// One fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Which order.
    pub order_id: u64,
    /// Index of the instrument.
    pub instrument: usize,
    /// Buy or sell.
    pub side: Side,
    /// Price in ticks, slippage included.
    pub price: i64,
    /// Lots.
    pub quantity: i64,
    /// True when the order rested at its price.
    pub is_maker: bool,
    /// Time of the event that filled it.
    pub time: i64,
}

/// Why an order was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// Quantity zero or negative.
    InvalidQuantity,
    /// A conditional order without its trigger.
    InvalidTerms,
}

impl Rejected {
    /// The stable code for callers.
    pub const fn code(self) -> &'static str {
        match self {
            Self::InvalidQuantity => "INVALID_QUANTITY",
            Self::InvalidTerms => "INVALID_TERMS",
        }
    }
}

/// Working orders of all instruments.
#[derive(Clone, Debug, Default)]
pub(super) struct Exchange {
    pub(super) rules: FillRules,
    orders: Vec<Order>,
    /// For each instrument: last close, trade or middle; end of its last bar; sizes that its last
    /// quote still has.
    markets: Vec<Market>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Market {
    last: Option<i64>,
    bar_end: Option<i64>,
    quote: Option<Row>,
}

/// A point that a bar's price goes to and what may trade there.
#[derive(Clone, Copy)]
struct Point {
    from: Option<i64>,
    to: i64,
    volume: i64,
}

impl Exchange {
    pub(super) fn new(rules: FillRules, instruments: usize) -> Self {
        Self { rules, orders: Vec::new(), markets: vec![Market::default(); instruments] }
    }

    pub(super) fn has_orders(&self) -> bool {
        !self.orders.is_empty()
    }

    pub(super) fn orders(&self) -> &[Order] {
        &self.orders
    }

    pub(super) fn cancel(&mut self, id: u64) -> Option<i64> {
        let at = self.orders.iter().position(|order| order.id == id)?;
        Some(self.orders.remove(at).quantity)
    }

    /// Takes an order; a market order decided on a bar may trade at once.
    pub(super) fn submit(
        &mut self,
        mut order: Order,
        now: i64,
        fills: &mut Vec<Fill>,
    ) -> Result<(), Rejected> {
        if order.quantity <= 0 {
            return Err(Rejected::InvalidQuantity);
        }
        let triggers = match order.kind {
            OrderKind::Limit | OrderKind::Market => true,
            OrderKind::Stop | OrderKind::StopLimit => order.stop_price.is_some(),
            OrderKind::TrailingStop => order.trail_offset.is_some_and(|offset| offset > 0),
        };
        if !triggers {
            return Err(Rejected::InvalidTerms);
        }
        let market = self.markets[order.instrument];
        order.effective = now.saturating_add(self.rules.latency);
        order.queue_ahead = queue_ahead(&order, market.quote);
        let at_close = self.rules.timing == Timing::ThisClose && self.rules.latency == 0;
        if order.kind == OrderKind::Market
            && at_close
            && let (Some(_), Some(price)) = (market.bar_end, market.last)
        {
            self.fill(&order, price, order.quantity, false, now, fills);
            return Ok(());
        }
        self.orders.push(order);
        Ok(())
    }

    fn fill(
        &self,
        order: &Order,
        price: i64,
        quantity: i64,
        is_maker: bool,
        time: i64,
        fills: &mut Vec<Fill>,
    ) {
        let price = if is_maker { price } else { self.rules.costs.slipped(order.side, price) };
        let Order { id: order_id, instrument, side, .. } = *order;
        fills.push(Fill { order_id, instrument, side, price, quantity, is_maker, time });
    }

    /// Works the orders of the event's instrument against it.
    #[inline]
    pub(super) fn on_event(&mut self, event: &Event, fills: &mut Vec<Fill>) {
        if !self.orders.is_empty() {
            self.work(event, fills);
        } else if event.kind == EventKind::Quote {
            self.markets[event.instrument].quote = Some(event.row);
        }
        let market = &mut self.markets[event.instrument];
        match event.kind {
            EventKind::Bar => {
                market.last = Some(event.row[3]);
                market.bar_end = Some(event.time);
            }
            EventKind::Quote => market.last = Some(event.row[0].midpoint(event.row[1])),
            EventKind::Trade => market.last = Some(event.row[0]),
        }
    }

    #[cold]
    fn work(&mut self, event: &Event, fills: &mut Vec<Fill>) {
        match event.kind {
            EventKind::Bar => self.on_bar(event, fills),
            EventKind::Quote => self.on_quote(event, fills),
            EventKind::Trade => self.on_trade(event, fills),
        }
        // Immediate orders had their chance with the first event that found them effective.
        self.orders.retain(|order| {
            let seen = order.instrument == event.instrument && order.effective <= event.time;
            order.quantity > 0 && (order.time_in_force.rests() || !seen)
        });
    }

    fn on_bar(&mut self, event: &Event, fills: &mut Vec<Fill>) {
        let [open, high, low, close, volume] = event.row;
        // The bar opens where the one before ended; an order that comes later sees the rest.
        let opened = self.markets[event.instrument].bar_end.unwrap_or(event.time);
        let (first, second) =
            if high.abs_diff(open) <= open.abs_diff(low) { (high, low) } else { (low, high) };
        let quarter = volume / 4;
        let budget = |share: i64| match self.rules.participation_e8 {
            Some(part) => (i128::from(share) * i128::from(part) / 100_000_000) as i64,
            None => i64::MAX,
        };
        let points = [
            Point { from: None, to: open, volume: budget(quarter) },
            Point { from: Some(open), to: first, volume: budget(quarter) },
            Point { from: Some(first), to: second, volume: budget(quarter) },
            Point { from: Some(second), to: close, volume: budget(volume - 3 * quarter) },
        ];
        for (number, point) in points.into_iter().enumerate() {
            let known = if number < 3 { opened } else { event.time };
            self.walk(event, point, (opened, known), fills);
        }
    }

    /// Fills what is due at a point or on the way to it, nearest first.
    fn walk(
        &mut self,
        event: &Event,
        point: Point,
        (opened, known): (i64, i64),
        fills: &mut Vec<Fill>,
    ) {
        let mut left = point.volume;
        let mut position = point.from;
        self.follow(event.instrument, point.from.unwrap_or(point.to), known);
        while left > 0 {
            let due = self.orders.iter().enumerate().filter_map(|(at, order)| {
                let ours = order.instrument == event.instrument && order.effective <= known;
                // What came while the bar was under way finds the point, not the way to it.
                let from = position.filter(|_| order.effective <= opened);
                let open = ours && order.quantity > 0;
                let reached = reached_at(order, from, point.to).filter(|_| open)?;
                let distance = reached.price.abs_diff(position.unwrap_or(point.to));
                Some((distance, at, reached))
            });
            let Some((_, at, reached)) = due.min_by_key(|(distance, at, _)| (*distance, *at))
            else {
                break;
            };
            position = Some(reached.price);
            if reached.triggered {
                let order = &mut self.orders[at];
                order.kind = order.kind.triggered();
                order.stop_price = None;
                if order.kind == OrderKind::Limit {
                    continue;
                }
            }
            let quantity = self.orders[at].quantity.min(left);
            left = if left == i64::MAX { left } else { left - quantity };
            let order = self.orders[at];
            self.fill(&order, reached.price, quantity, reached.is_maker, event.time, fills);
            self.orders[at].quantity -= quantity;
        }
        self.follow(event.instrument, point.to, known);
    }

    /// Lets trailing stops follow a price, one way only.
    fn follow(&mut self, instrument: usize, price: i64, known: i64) {
        for order in &mut self.orders {
            let Some(offset) = order.trail_offset.filter(|_| order.kind == OrderKind::TrailingStop)
            else {
                continue;
            };
            if order.instrument != instrument || order.effective > known {
                continue;
            }
            let stop = match order.side {
                Side::Buy => price.saturating_add(offset),
                Side::Sell => price.saturating_sub(offset),
            };
            let better = order.stop_price.is_none_or(|old| match order.side {
                Side::Buy => stop < old,
                Side::Sell => stop > old,
            });
            if better {
                order.stop_price = Some(stop);
            }
        }
    }

    fn on_quote(&mut self, event: &Event, fills: &mut Vec<Fill>) {
        let mut quote = event.row;
        let middle = quote[0].midpoint(quote[1]);
        self.follow(event.instrument, middle, event.time);
        for at in 0..self.orders.len() {
            let order = self.orders[at];
            if order.instrument != event.instrument || order.effective > event.time {
                continue;
            }
            let (price, size) = match order.side {
                Side::Buy => (quote[1], 3),
                Side::Sell => (quote[0], 2),
            };
            let Some(reached) = reached_at(&order, None, price) else { continue };
            let mut limit_left = false;
            if reached.triggered {
                let order = &mut self.orders[at];
                order.kind = order.kind.triggered();
                order.stop_price = None;
                limit_left =
                    order.kind == OrderKind::Limit && !crosses(order.side, order.price, price);
            }
            if limit_left {
                continue;
            }
            let available = if self.rules.limited_by_quotes { quote[size] } else { i64::MAX };
            let quantity = order.quantity.min(available);
            if quantity <= 0 {
                continue;
            }
            // A limit that rested is met at its own price; one that arrives takes the quote.
            let rested = order.kind == OrderKind::Limit
                && self.markets[event.instrument].quote.is_some_and(|old| {
                    let touch = if order.side == Side::Buy { old[1] } else { old[0] };
                    !crosses(order.side, order.price, touch)
                });
            let price = if rested { order.price } else { price };
            self.fill(&order, price, quantity, rested, event.time, fills);
            self.orders[at].quantity -= quantity;
            quote[size] -= quantity;
        }
        self.markets[event.instrument].quote = Some(quote);
    }

    fn on_trade(&mut self, event: &Event, fills: &mut Vec<Fill>) {
        let [price, size, ..] = event.row;
        self.follow(event.instrument, price, event.time);
        let mut left = size;
        for at in 0..self.orders.len() {
            let order = self.orders[at];
            if order.instrument != event.instrument || order.effective > event.time {
                continue;
            }
            let Some(reached) = reached_at(&order, None, price) else { continue };
            if reached.triggered {
                let order = &mut self.orders[at];
                order.kind = order.kind.triggered();
                order.stop_price = None;
                continue;
            }
            let resting = order.kind == OrderKind::Limit;
            let through = resting && order.price != price;
            let mut quantity = order.quantity.min(left);
            if resting && !through {
                let ahead = order.queue_ahead.min(left);
                self.orders[at].queue_ahead -= ahead;
                left -= ahead;
                quantity = order.quantity.min(left);
            }
            if quantity <= 0 {
                continue;
            }
            let fill_price = if resting { order.price } else { price };
            self.fill(&order, fill_price, quantity, resting, event.time, fills);
            self.orders[at].quantity -= quantity;
            left -= quantity;
        }
    }
}

/// Size displayed at an order's price when it arrives: what trades before it.
fn queue_ahead(order: &Order, quote: Option<Row>) -> i64 {
    let Some([bid, ask, bid_size, ask_size, _]) = quote else { return 0 };
    match order.side {
        Side::Buy if order.price == bid => bid_size,
        Side::Sell if order.price == ask => ask_size,
        _ => 0,
    }
}

/// True when a limit of this side would trade at a price.
fn crosses(side: Side, limit: i64, price: i64) -> bool {
    match side {
        Side::Buy => price <= limit,
        Side::Sell => price >= limit,
    }
}

struct Reached {
    price: i64,
    is_maker: bool,
    triggered: bool,
}

/// Where an order acts when the price jumps to `to` (no `from`) or moves there.
fn reached_at(order: &Order, from: Option<i64>, to: i64) -> Option<Reached> {
    let taken = |price| Some(Reached { price, is_maker: false, triggered: false });
    match order.kind {
        OrderKind::Market => taken(from.unwrap_or(to)),
        OrderKind::Limit => {
            let Some(from) = from else {
                return crosses(order.side, order.price, to).then_some(()).and_then(|()| taken(to));
            };
            if crosses(order.side, order.price, from) {
                return taken(from);
            }
            let met = crosses(order.side, order.price, to);
            met.then_some(Reached { price: order.price, is_maker: true, triggered: false })
        }
        OrderKind::Stop | OrderKind::StopLimit | OrderKind::TrailingStop => {
            let stop = order.stop_price?;
            // A stop starts on the other side of the market from a limit.
            let hit = |price| crosses(order.side.opposite(), stop, price);
            let price = match from {
                None => hit(to).then_some(to),
                Some(from) if hit(from) => Some(from),
                Some(_) => hit(to).then_some(stop),
            }?;
            Some(Reached { price, is_maker: false, triggered: true })
        }
    }
}
