//! What goes into the matching engine and what comes out of it.

use crate::Side;

/// How an order is priced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum OrderKind {
    /// Trades at its price or better and rests otherwise.
    Limit = 0,
    /// Trades at any price and never rests.
    Market = 1,
}

/// How long an order lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum TimeInForce {
    /// Good till canceled.
    Gtc = 0,
    /// Immediate or cancel: what does not trade at once is canceled.
    Ioc = 1,
    /// Fill or kill: all at once or nothing.
    Fok = 2,
}

/// A new order.
#[derive(Clone, Copy, Debug)]
pub struct NewOrder {
    /// Unique among open orders.
    pub id: u64,
    /// Whose order it is.
    pub participant: u64,
    /// Buy or sell.
    pub side: Side,
    /// Limit or market.
    pub kind: OrderKind,
    /// Limit price in ticks; not read for a market order.
    pub price: i64,
    /// Quantity in lots.
    pub quantity: i64,
    /// How long it lives; a market order never rests whatever this says.
    pub time_in_force: TimeInForce,
    /// Refuse the order instead of letting it take liquidity.
    pub post_only: bool,
}

/// One trade between a resting order (maker) and an incoming one (taker).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// The resting order.
    pub maker_id: u64,
    /// The incoming order.
    pub taker_id: u64,
    /// Whose order rested.
    pub maker_participant: u64,
    /// Whose order came in.
    pub taker_participant: u64,
    /// The maker's price in ticks.
    pub price: i64,
    /// Traded quantity in lots.
    pub quantity: i64,
    /// Side of the incoming order.
    pub taker_side: Side,
    /// Number of the trade in this engine, from 1 without gaps.
    pub sequence: u64,
}

/// Where an order stands after a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// In the book, nothing of it traded.
    Resting = 0,
    /// Traded completely.
    Filled = 1,
    /// Traded in part, the rest is in the book.
    PartiallyFilled = 2,
    /// What did not trade was canceled.
    Canceled = 3,
    /// Refused; nothing changed.
    Rejected = 4,
}

/// Why an order was refused or its remainder canceled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The id belongs to an open order.
    DuplicateOrderId,
    /// No open order has this id.
    UnknownOrder,
    /// The quantity is zero or negative, or the level's total would overflow.
    InvalidQuantity,
    /// A replace asked for no more than what has traded already.
    QuantityBelowFilled,
    /// A post-only order would have traded at once.
    PostOnlyWouldCross,
    /// Nobody is on the other side of a market order.
    NoLiquidity,
    /// The rest of an immediate-or-cancel order.
    ImmediateOrCancel,
    /// A fill-or-kill order could not trade completely.
    FillOrKill,
}

impl Reason {
    /// The stable code for callers.
    pub const fn code(self) -> &'static str {
        match self {
            Self::DuplicateOrderId => "DUPLICATE_ORDER_ID",
            Self::UnknownOrder => "UNKNOWN_ORDER",
            Self::InvalidQuantity => "INVALID_QUANTITY",
            Self::QuantityBelowFilled => "QUANTITY_BELOW_FILLED",
            Self::PostOnlyWouldCross => "POST_ONLY_WOULD_CROSS",
            Self::NoLiquidity => "NO_LIQUIDITY",
            Self::ImmediateOrCancel => "IMMEDIATE_OR_CANCEL",
            Self::FillOrKill => "FILL_OR_KILL",
        }
    }
}

/// What a submit or replace did to its order; the fills go to the caller's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Where the order stands.
    pub status: Status,
    /// Open quantity for a resting order, untraded quantity for a canceled or refused one.
    pub remaining: i64,
    /// Why, when it was refused or canceled.
    pub reason: Option<Reason>,
}

impl Outcome {
    pub(crate) const fn rejected(remaining: i64, reason: Reason) -> Self {
        Self { status: Status::Rejected, remaining, reason: Some(reason) }
    }
}
