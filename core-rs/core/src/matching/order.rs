//! What goes into the matching engine and what comes out of it.

use crate::Side;

/// How an order is priced and what starts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum OrderKind {
    /// Trades at its price or better and rests otherwise.
    Limit = 0,
    /// Trades at any price and never rests.
    Market = 1,
    /// Becomes a market order when the market trades at its stop price or beyond.
    Stop = 2,
    /// Becomes a limit order when the market trades at its stop price or beyond.
    StopLimit = 3,
    /// A stop whose price follows the market at a distance, in one direction only.
    TrailingStop = 4,
}

impl OrderKind {
    /// The kind with this wire number.
    pub const fn from_index(index: u8) -> Option<Self> {
        Some(match index {
            0 => Self::Limit,
            1 => Self::Market,
            2 => Self::Stop,
            3 => Self::StopLimit,
            4 => Self::TrailingStop,
            _ => return None,
        })
    }

    /// True when the order waits for a trigger.
    pub const fn is_conditional(self) -> bool {
        matches!(self, Self::Stop | Self::StopLimit | Self::TrailingStop)
    }

    /// What a conditional order becomes, and any other stays.
    #[must_use]
    pub const fn triggered(self) -> Self {
        match self {
            Self::Limit | Self::StopLimit => Self::Limit,
            Self::Market | Self::Stop | Self::TrailingStop => Self::Market,
        }
    }
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
    /// Until the session ends.
    Day = 3,
    /// Until its expiry time; a fill at exactly that time still counts.
    Gtd = 4,
}

impl TimeInForce {
    /// The time in force with this wire number.
    pub const fn from_index(index: u8) -> Option<Self> {
        Some(match index {
            0 => Self::Gtc,
            1 => Self::Ioc,
            2 => Self::Fok,
            3 => Self::Day,
            4 => Self::Gtd,
            _ => return None,
        })
    }

    /// True when a remainder may stay in the book.
    pub const fn rests(self) -> bool {
        !matches!(self, Self::Ioc | Self::Fok)
    }
}

/// What only some orders have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Trade price at or beyond which a stop or stop-limit starts.
    pub stop_price: Option<i64>,
    /// Distance in ticks at which a trailing stop follows; above zero.
    pub trail_offset: Option<i64>,
    /// Trade price at which a trailing stop begins to follow; at once when none.
    pub activation_price: Option<i64>,
    /// Largest quantity an iceberg shows at a time.
    pub display_quantity: Option<i64>,
    /// Last moment of a GTD order, in the clock of [`super::MatchingEngine::advance`].
    pub expire_at: Option<i64>,
    /// Never open or turn the participant's position, only bring it nearer to zero.
    pub reduce_only: bool,
}

/// A new order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewOrder {
    /// Unique among open orders.
    pub id: u64,
    /// Whose order it is.
    pub participant: u64,
    /// Buy or sell.
    pub side: Side,
    /// Limit, market or one of the conditional kinds.
    pub kind: OrderKind,
    /// Limit price in ticks; not read for kinds that become market orders.
    pub price: i64,
    /// Quantity in lots.
    pub quantity: i64,
    /// How long it lives; a market order never rests whatever this says.
    pub time_in_force: TimeInForce,
    /// Refuse the order instead of letting it take liquidity.
    pub post_only: bool,
    /// What only some orders have.
    pub terms: Option<Terms>,
}

impl NewOrder {
    /// A plain limit order, good till canceled.
    pub const fn limit(id: u64, participant: u64, side: Side, price: i64, quantity: i64) -> Self {
        Self {
            id,
            participant,
            side,
            kind: OrderKind::Limit,
            price,
            quantity,
            time_in_force: TimeInForce::Gtc,
            post_only: false,
            terms: None,
        }
    }

    /// A plain market order.
    pub const fn market(id: u64, participant: u64, side: Side, quantity: i64) -> Self {
        let order = Self::limit(id, participant, side, 0, quantity);
        Self { kind: OrderKind::Market, ..order }
    }

    /// The same order with these terms.
    #[must_use]
    pub const fn with(self, terms: Terms) -> Self {
        Self { terms: Some(terms), ..self }
    }

    pub(crate) fn terms_or_default(&self) -> Terms {
        self.terms.unwrap_or_default()
    }
}

/// One trade between a resting order (maker) and an incoming one (taker). In an auction both
/// rested; the buyer is reported as the taker.
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
    /// Waiting for its trigger.
    Pending = 5,
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
    /// The trigger, expiry or display quantity is missing or makes no sense for the kind.
    InvalidTerms,
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
    /// The limit price is outside the price band, or the band ended a market order.
    PriceBand,
    /// The participant has no position that the order would reduce.
    ReduceOnly,
    /// Both sides of the trade would be the same participant.
    SelfTrade,
    /// Trading is halted.
    Halted,
    /// Only plain limit orders take part in an auction.
    Auction,
    /// The order's time is over.
    Expired,
    /// A linked order traded or was canceled.
    LinkedOrder,
    /// Somebody asked for it.
    Requested,
}

impl Reason {
    /// The stable code for callers.
    pub const fn code(self) -> &'static str {
        match self {
            Self::DuplicateOrderId => "DUPLICATE_ORDER_ID",
            Self::UnknownOrder => "UNKNOWN_ORDER",
            Self::InvalidQuantity => "INVALID_QUANTITY",
            Self::InvalidTerms => "INVALID_TERMS",
            Self::QuantityBelowFilled => "QUANTITY_BELOW_FILLED",
            Self::PostOnlyWouldCross => "POST_ONLY_WOULD_CROSS",
            Self::NoLiquidity => "NO_LIQUIDITY",
            Self::ImmediateOrCancel => "IMMEDIATE_OR_CANCEL",
            Self::FillOrKill => "FILL_OR_KILL",
            Self::PriceBand => "PRICE_BAND",
            Self::ReduceOnly => "REDUCE_ONLY",
            Self::SelfTrade => "SELF_TRADE",
            Self::Halted => "HALTED",
            Self::Auction => "AUCTION",
            Self::Expired => "EXPIRED",
            Self::LinkedOrder => "LINKED_ORDER",
            Self::Requested => "REQUESTED",
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

    pub(crate) const fn canceled(remaining: i64, reason: Reason) -> Self {
        Self { status: Status::Canceled, remaining, reason: Some(reason) }
    }
}

/// What happened to an order other than a fill, in the order in which it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderEvent {
    /// What happened.
    pub kind: EventKind,
    /// To which order.
    pub order_id: u64,
    /// Open quantity then.
    pub quantity: i64,
    /// Trades made before it, so that events and fills have one order.
    pub after_sequence: u64,
}

/// What can happen to an order besides a fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A conditional order started.
    Triggered,
    /// A trailing stop began to follow the market.
    Activated,
    /// An iceberg showed its next part, at the back of its level.
    Replenished,
    /// A linked order was made smaller.
    Reduced,
    /// An order that waited for its parent went to the market.
    Released,
    /// It is closed with something open.
    Canceled(Reason),
}

impl EventKind {
    /// The stable code for callers.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Triggered => "TRIGGERED",
            Self::Activated => "ACTIVATED",
            Self::Replenished => "REPLENISHED",
            Self::Reduced => "REDUCED",
            Self::Released => "RELEASED",
            Self::Canceled(_) => "CANCELED",
        }
    }
}

/// What to do when both sides of a trade would be the same participant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum SelfTradePolicy {
    /// Let it trade.
    #[default]
    Allow = 0,
    /// Cancel what is open of the incoming order.
    CancelNewest = 1,
    /// Cancel the resting order and go on.
    CancelOldest = 2,
    /// Cancel both.
    CancelBoth = 3,
    /// Take the smaller quantity off both without a trade.
    Decrement = 4,
}

impl SelfTradePolicy {
    /// The policy with this wire number.
    pub const fn from_index(index: u8) -> Option<Self> {
        Some(match index {
            0 => Self::Allow,
            1 => Self::CancelNewest,
            2 => Self::CancelOldest,
            3 => Self::CancelBoth,
            4 => Self::Decrement,
            _ => return None,
        })
    }
}

/// What the market does at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Orders trade as they come.
    #[default]
    Continuous = 0,
    /// New orders are refused; cancels work.
    Halted = 1,
    /// Limit orders gather, and may cross, until the uncross.
    Auction = 2,
}

/// How linked orders depend on each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Link {
    /// One cancels the others as soon as any of it trades or it is canceled.
    Oco = 0,
    /// One's fills make the others smaller by as much; a cancel cancels the others.
    Ouo = 1,
}
