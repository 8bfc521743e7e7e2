//! One test for each behaviour of a serious matching engine; its numbers are those of the list
//! in the README.

use crate::Side::{self, Buy, Sell};
use crate::matching::*;

struct Market {
    engine: MatchingEngine,
    fills: Vec<Fill>,
}

impl Market {
    fn new() -> Self {
        Self::with(Config { track_positions: true, ..Config::default() })
    }

    fn with(config: Config) -> Self {
        Self { engine: MatchingEngine::new(config), fills: Vec::new() }
    }

    fn submit(&mut self, order: NewOrder) -> Outcome {
        self.fills.clear();
        let outcome = self.engine.submit(&order, &mut self.fills);
        self.engine.verify();
        outcome
    }

    fn limit(&mut self, id: u64, side: Side, price: i64, quantity: i64) -> Outcome {
        self.submit(NewOrder::limit(id, id, side, price, quantity))
    }

    fn market(&mut self, id: u64, side: Side, quantity: i64) -> Outcome {
        self.submit(NewOrder::market(id, id, side, quantity))
    }

    fn stop(&mut self, id: u64, side: Side, stop_price: i64, quantity: i64) -> Outcome {
        let terms = Terms { stop_price: Some(stop_price), ..Terms::default() };
        let order = NewOrder::market(id, id, side, quantity).with(terms);
        self.submit(NewOrder { kind: OrderKind::Stop, ..order })
    }

    /// One lot trades at this price between two strangers.
    fn trade_at(&mut self, price: i64) {
        let id = 1_000_000 + self.engine.sequence() * 2;
        self.limit(id, Sell, price, 1);
        self.limit(id + 1, Buy, price, 1);
    }

    fn traded(&self) -> Vec<(u64, u64, i64, i64)> {
        self.fills.iter().map(|f| (f.taker_id, f.maker_id, f.price, f.quantity)).collect()
    }

    fn kinds(&self) -> Vec<(u64, &'static str)> {
        self.engine.events().iter().map(|e| (e.order_id, e.kind.code())).collect()
    }
}

fn refused(outcome: Outcome) -> Option<Reason> {
    assert_eq!(outcome.status, Status::Rejected);
    outcome.reason
}

#[test]
fn b19_market_order_on_an_empty_book_is_rejected() {
    assert_eq!(refused(Market::new().market(1, Buy, 5)), Some(Reason::NoLiquidity));
}

#[test]
fn b20_market_order_walks_the_levels_with_exact_partials() {
    let mut m = Market::new();
    m.limit(1, Sell, 101, 5);
    m.limit(2, Sell, 102, 5);
    let outcome = m.market(3, Buy, 12);
    assert_eq!(m.traded(), [(3, 1, 101, 5), (3, 2, 102, 5)]);
    assert_eq!((outcome.status, outcome.remaining), (Status::Canceled, 2));
}

#[test]
fn b21_fill_or_kill_is_all_or_nothing_also_after_liquidity_was_consumed() {
    let mut m = Market::new();
    m.limit(1, Sell, 101, 10);
    m.market(2, Buy, 4);
    let fok = |id, quantity| NewOrder {
        time_in_force: TimeInForce::Fok,
        ..NewOrder::limit(id, id, Buy, 101, quantity)
    };
    assert_eq!(m.submit(fok(3, 7)).reason, Some(Reason::FillOrKill));
    assert!(m.fills.is_empty());
    assert_eq!(m.submit(fok(4, 6)).status, Status::Filled);
}

#[test]
fn b21_fill_or_kill_counts_hidden_quantity_and_not_its_own_orders() {
    let mut m =
        Market::with(Config { self_trade: SelfTradePolicy::CancelOldest, ..Config::default() });
    let iceberg = Terms { display_quantity: Some(2), ..Terms::default() };
    m.submit(NewOrder::limit(1, 1, Sell, 101, 10).with(iceberg));
    let fok = |id, owner| NewOrder {
        time_in_force: TimeInForce::Fok,
        ..NewOrder::limit(id, owner, Buy, 101, 10)
    };
    assert_eq!(m.submit(fok(2, 1)).reason, Some(Reason::FillOrKill));
    assert_eq!(m.submit(fok(3, 9)).status, Status::Filled);
}

#[test]
fn b22_immediate_or_cancel_cancels_its_remainder() {
    let mut m = Market::new();
    m.limit(1, Sell, 101, 5);
    let order = NewOrder::limit(2, 2, Buy, 101, 8);
    let outcome = m.submit(NewOrder { time_in_force: TimeInForce::Ioc, ..order });
    assert_eq!(outcome, Outcome::canceled(3, Reason::ImmediateOrCancel));
    assert!(m.engine.is_empty());
}

#[test]
fn b23_crossing_post_only_order_is_rejected() {
    let mut m = Market::new();
    m.limit(1, Sell, 101, 5);
    let order = NewOrder { post_only: true, ..NewOrder::limit(2, 2, Buy, 101, 1) };
    assert_eq!(refused(m.submit(order)), Some(Reason::PostOnlyWouldCross));
    assert_eq!(m.submit(NewOrder { price: 100, ..order }).status, Status::Resting);
}

#[test]
fn b24_rejected_replace_leaves_queue_and_place_intact() {
    let mut m = Market::new();
    m.limit(1, Sell, 101, 5);
    m.limit(2, Sell, 101, 5);
    m.engine.set_price_band(Some((90, 110)));
    for (price, quantity) in [(101, 0), (101, -1), (200, 5)] {
        let outcome = m.engine.replace(1, price, quantity, &mut m.fills);
        assert_eq!(outcome.status, Status::Rejected);
    }
    assert_eq!(m.engine.queue_ahead(2), Some((5, 1)));
}

#[test]
fn b25_replace_below_the_filled_quantity_is_rejected() {
    let mut m = Market::new();
    m.limit(1, Sell, 101, 5);
    m.market(2, Buy, 3);
    let outcome = m.engine.replace(1, 101, 3, &mut m.fills);
    assert_eq!(refused(outcome), Some(Reason::QuantityBelowFilled));
    assert_eq!(m.engine.replace(1, 101, 4, &mut m.fills).remaining, 1);
}

#[test]
fn b26_nonsense_quantities_and_triggers_are_rejected() {
    let mut m = Market::new();
    assert_eq!(refused(m.limit(1, Buy, 1, 0)), Some(Reason::InvalidQuantity));
    assert_eq!(refused(m.limit(1, Buy, 1, -5)), Some(Reason::InvalidQuantity));
    let stop = NewOrder { kind: OrderKind::Stop, ..NewOrder::market(1, 1, Buy, 1) };
    assert_eq!(refused(m.submit(stop)), Some(Reason::InvalidTerms));
    let trailing = NewOrder { kind: OrderKind::TrailingStop, ..stop };
    let terms = Terms { trail_offset: Some(0), ..Terms::default() };
    assert_eq!(refused(m.submit(trailing.with(terms))), Some(Reason::InvalidTerms));
    let iceberg = Terms { display_quantity: Some(0), ..Terms::default() };
    let order = NewOrder::limit(1, 1, Buy, 1, 5).with(iceberg);
    assert_eq!(refused(m.submit(order)), Some(Reason::InvalidTerms));
}

#[test]
fn b27_buy_stops_start_ascending_sell_stops_descending_and_first_come_at_one_price() {
    let mut m = Market::new();
    m.limit(1, Sell, 120, 100);
    m.limit(2, Buy, 80, 100);
    for (id, stop) in [(10, 106), (11, 105), (12, 105)] {
        assert_eq!(m.stop(id, Buy, stop, 1).status, Status::Pending);
    }
    m.limit(3, Sell, 107, 1);
    m.limit(4, Buy, 107, 1);
    let started: Vec<u64> = m.fills.iter().skip(1).map(|f| f.taker_id).collect();
    assert_eq!(started, [11, 12, 10]);
    for (id, stop) in [(20, 94), (21, 95), (22, 95)] {
        m.stop(id, Sell, stop, 1);
    }
    m.limit(5, Buy, 93, 1);
    m.limit(6, Sell, 93, 1);
    let started: Vec<u64> = m.fills.iter().skip(1).map(|f| f.taker_id).collect();
    assert_eq!(started, [21, 22, 20]);
}

#[test]
fn b28_stop_limit_says_triggered_before_it_trades_and_rests_at_its_limit() {
    let mut m = Market::new();
    m.limit(1, Sell, 105, 3);
    let terms = Terms { stop_price: Some(104), ..Terms::default() };
    let order = NewOrder::limit(2, 2, Buy, 105, 5).with(terms);
    m.submit(NewOrder { kind: OrderKind::StopLimit, ..order });
    m.trade_at(104);
    let triggered = m.engine.events()[0];
    assert_eq!((triggered.kind, triggered.order_id), (EventKind::Triggered, 2));
    let fill = m.fills.iter().find(|f| f.taker_id == 2).unwrap();
    assert!(triggered.after_sequence < fill.sequence);
    assert_eq!((fill.price, fill.quantity), (105, 3));
    assert_eq!(m.engine.best_price(Buy), Some(105));
    assert_eq!(m.engine.remaining(2), Some(2));
}

#[test]
fn b29_trailing_stop_activates_first_and_then_ratchets_one_way() {
    let mut m = Market::new();
    m.limit(1, Buy, 50, 100);
    let terms = Terms { trail_offset: Some(5), activation_price: Some(110), ..Terms::default() };
    let order = NewOrder::market(2, 2, Sell, 1).with(terms);
    m.submit(NewOrder { kind: OrderKind::TrailingStop, ..order });
    m.trade_at(100);
    assert_eq!(m.engine.stop_price(2), None);
    m.trade_at(110);
    assert_eq!(m.kinds(), [(2, "ACTIVATED")]);
    assert_eq!(m.engine.stop_price(2), Some(105));
    m.trade_at(112);
    assert_eq!(m.engine.stop_price(2), Some(107));
    m.trade_at(108);
    assert_eq!(m.engine.stop_price(2), Some(107));
    m.trade_at(107);
    assert_eq!(m.traded().last(), Some(&(2, 1, 50, 1)));
}

#[test]
fn b30_gtd_expires_but_a_fill_at_the_last_moment_wins_and_a_partial_can_expire() {
    let mut m = Market::new();
    let terms = Terms { expire_at: Some(100), ..Terms::default() };
    let order = NewOrder::limit(1, 1, Sell, 101, 5).with(terms);
    m.submit(NewOrder { time_in_force: TimeInForce::Gtd, ..order });
    assert_eq!(m.engine.advance(100, &mut m.fills), 0);
    m.market(2, Buy, 2);
    assert_eq!(m.traded(), [(2, 1, 101, 2)]);
    assert_eq!(m.engine.advance(101, &mut m.fills), 1);
    let event = m.engine.events()[0];
    assert_eq!((event.kind, event.quantity), (EventKind::Canceled(Reason::Expired), 3));
    assert!(m.engine.is_empty());
    let late = NewOrder { time_in_force: TimeInForce::Gtd, ..order };
    assert_eq!(refused(m.submit(late)), Some(Reason::Expired));
}

#[test]
fn b30_day_orders_end_with_the_session_and_others_stay() {
    let mut m = Market::new();
    m.submit(NewOrder { time_in_force: TimeInForce::Day, ..NewOrder::limit(1, 1, Buy, 9, 1) });
    m.limit(2, Buy, 9, 1);
    assert_eq!(m.engine.end_session(&mut m.fills), 1);
    assert_eq!((m.engine.remaining(1), m.engine.remaining(2)), (None, Some(1)));
}

#[test]
fn b31_reduce_only_caps_fills_over_several_levels() {
    let mut m = Market::new();
    m.limit(1, Buy, 100, 3);
    m.limit(2, Buy, 99, 3);
    m.limit(3, Buy, 98, 3);
    m.engine.set_position(9, 5);
    let terms = Terms { reduce_only: true, ..Terms::default() };
    let outcome = m.submit(NewOrder::market(10, 9, Sell, 8).with(terms));
    assert_eq!(m.traded(), [(10, 1, 100, 3), (10, 2, 99, 2)]);
    assert_eq!(outcome, Outcome::canceled(3, Reason::ReduceOnly));
    assert_eq!(m.engine.position(9), 0);
    let again = m.submit(NewOrder::market(11, 9, Sell, 1).with(terms));
    assert_eq!(refused(again), Some(Reason::ReduceOnly));
}

#[test]
fn b31_resting_reduce_only_order_trades_no_more_than_the_position() {
    let mut m = Market::new();
    m.engine.set_position(9, 2);
    let terms = Terms { reduce_only: true, ..Terms::default() };
    m.submit(NewOrder::limit(1, 9, Sell, 100, 5).with(terms));
    m.limit(2, Sell, 100, 5);
    m.market(3, Buy, 4);
    assert_eq!(m.traded(), [(3, 1, 100, 2), (3, 2, 100, 2)]);
    assert_eq!(m.engine.remaining(1), None);
}

#[test]
fn b32_oco_sibling_is_canceled_in_the_same_pass() {
    let mut m = Market::new();
    m.limit(1, Sell, 101, 5);
    m.limit(2, Sell, 102, 5);
    assert!(m.engine.link(&[1, 2], Link::Oco));
    let outcome = m.market(3, Buy, 8);
    assert_eq!(m.traded(), [(3, 1, 101, 5)]);
    assert_eq!(outcome.remaining, 3);
    assert_eq!(m.kinds(), [(2, "CANCELED")]);
}

#[test]
fn b32_ouo_sibling_is_made_smaller_by_what_traded() {
    let mut m = Market::new();
    m.limit(1, Sell, 101, 5);
    m.stop(2, Sell, 90, 5);
    assert!(m.engine.link(&[1, 2], Link::Ouo));
    m.market(3, Buy, 2);
    assert_eq!((m.engine.remaining(1), m.engine.remaining(2)), (Some(3), Some(3)));
    m.market(4, Buy, 3);
    assert_eq!((m.engine.remaining(1), m.engine.remaining(2)), (None, None));
}

#[test]
fn b32_bracket_children_start_once_when_the_parent_is_filled_and_cancel_each_other() {
    let mut m = Market::new();
    m.limit(1, Buy, 100, 4);
    let stop = Terms { stop_price: Some(95), ..Terms::default() };
    let children = [
        NewOrder::limit(2, 1, Sell, 110, 4),
        NewOrder { kind: OrderKind::Stop, ..NewOrder::market(3, 1, Sell, 4).with(stop) },
    ];
    assert!(m.engine.attach(1, &children, Some(Link::Oco)));
    m.market(10, Sell, 3);
    assert_eq!((m.engine.remaining(2), m.engine.remaining(3)), (None, None));
    m.market(11, Sell, 1);
    assert_eq!(m.kinds(), [(2, "RELEASED"), (3, "RELEASED")]);
    assert_eq!((m.engine.remaining(2), m.engine.remaining(3)), (Some(4), Some(4)));
    m.limit(12, Buy, 110, 1);
    assert_eq!(m.traded(), [(12, 2, 110, 1)]);
    assert_eq!((m.engine.remaining(2), m.engine.remaining(3)), (Some(3), None));
}

#[test]
fn b32_children_of_a_canceled_parent_cover_only_what_traded() {
    let mut m = Market::new();
    m.limit(1, Buy, 100, 4);
    m.engine.attach(1, &[NewOrder::limit(2, 1, Sell, 110, 4)], None);
    m.market(10, Sell, 3);
    m.engine.cancel(1, &mut m.fills);
    assert_eq!(m.engine.remaining(2), Some(3));
    m.limit(5, Buy, 100, 4);
    m.engine.attach(5, &[NewOrder::limit(6, 5, Sell, 110, 4)], None);
    m.engine.cancel(5, &mut m.fills);
    assert_eq!(m.engine.remaining(6), None);
}

#[test]
fn b33_cancel_of_closed_or_unknown_orders_is_safe_and_cancel_all_survives_a_cascade() {
    let mut m = Market::new();
    assert_eq!(m.engine.cancel(77, &mut m.fills), None);
    for id in 1..=4 {
        m.submit(NewOrder::limit(id, 9, Buy, 100 - id.cast_signed(), 5));
    }
    m.limit(5, Buy, 90, 1);
    m.engine.link(&[1, 2, 3], Link::Oco);
    m.engine.attach(4, &[NewOrder::limit(8, 9, Sell, 200, 5)], None);
    assert_eq!(m.engine.cancel_all(Some(9)), 4);
    assert_eq!((m.engine.len(), m.engine.remaining(5)), (1, Some(1)));
    assert_eq!(m.engine.cancel_all(Some(9)), 0);
    m.engine.verify();
}

#[test]
fn b34_queue_position_counts_what_is_ahead() {
    let mut m = Market::new();
    m.limit(1, Buy, 100, 5);
    m.limit(2, Buy, 100, 7);
    m.limit(3, Buy, 100, 1);
    assert_eq!(m.engine.queue_ahead(3), Some((12, 2)));
    m.market(4, Sell, 6);
    assert_eq!(m.engine.queue_ahead(3), Some((6, 1)));
}

#[test]
fn b36_the_price_band_is_inclusive_at_both_ends() {
    let mut m = Market::new();
    m.engine.set_price_band(Some((95, 105)));
    assert_eq!(refused(m.limit(1, Sell, 106, 1)), Some(Reason::PriceBand));
    assert_eq!(m.limit(1, Sell, 105, 1).status, Status::Resting);
    m.engine.set_price_band(None);
    m.limit(2, Sell, 106, 1);
    m.engine.set_price_band(Some((95, 105)));
    let outcome = m.market(3, Buy, 2);
    assert_eq!(m.traded(), [(3, 1, 105, 1)]);
    assert_eq!(outcome, Outcome::canceled(1, Reason::PriceBand));
    assert_eq!(refused(m.market(4, Buy, 1)), Some(Reason::PriceBand));
}

#[test]
fn b38_a_halt_refuses_orders_lets_cancels_through_and_resumes() {
    let mut m = Market::new();
    m.limit(1, Sell, 101, 5);
    m.limit(2, Sell, 102, 5);
    m.engine.halt();
    assert_eq!(refused(m.market(3, Buy, 1)), Some(Reason::Halted));
    assert_eq!(m.engine.replace(1, 100, 5, &mut m.fills).reason, Some(Reason::Halted));
    assert_eq!(m.engine.cancel(1, &mut m.fills), Some(5));
    m.engine.resume(&mut m.fills);
    m.market(4, Buy, 1);
    assert_eq!(m.traded(), [(4, 2, 102, 1)]);
}

#[test]
fn b38_an_auction_trades_at_the_one_price_with_most_volume() {
    let mut m = Market::new();
    m.engine.start_auction();
    for (id, side, price, quantity) in
        [(1, Buy, 103, 5), (2, Buy, 101, 5), (3, Sell, 100, 4), (4, Sell, 102, 4), (5, Buy, 102, 2)]
    {
        assert_eq!(m.limit(id, side, price, quantity).status, Status::Resting);
    }
    assert!(refused(m.market(6, Buy, 1)).is_some());
    assert_eq!(m.engine.indicative_price(), Some((102, 7)));
    m.fills.clear();
    m.engine.resume(&mut m.fills);
    m.engine.verify();
    assert_eq!(m.traded(), [(1, 3, 102, 4), (1, 4, 102, 1), (5, 4, 102, 2)]);
    assert_eq!((m.engine.best_price(Buy), m.engine.best_price(Sell)), (Some(101), Some(102)));
}

#[test]
fn b39_commission_follows_each_fills_liquidity_side() {
    let fees = FeeSchedule { maker_rate_e8: -5_000, taker_rate_e8: 10_000 };
    assert_eq!(fees.fee_e8(100, 3, false), 3_000_000);
    assert_eq!(fees.fee_e8(100, 3, true), -1_500_000);
    assert_eq!(fees.fee_e8(-100, 3, false), 3_000_000);
}

#[test]
fn icebergs_show_a_part_at_a_time_and_go_to_the_back_with_each() {
    let mut m = Market::new();
    let terms = Terms { display_quantity: Some(3), ..Terms::default() };
    m.submit(NewOrder::limit(1, 1, Sell, 101, 8).with(terms));
    m.limit(2, Sell, 101, 2);
    assert_eq!(m.engine.levels(Sell).next(), Some((101, 5, 2)));
    assert_eq!(m.engine.remaining(1), Some(8));
    m.market(3, Buy, 9);
    assert_eq!(m.traded(), [(3, 1, 101, 3), (3, 2, 101, 2), (3, 1, 101, 3), (3, 1, 101, 1)]);
    assert_eq!(m.engine.remaining(1), Some(1));
}

#[test]
fn self_trades_are_prevented_as_the_policy_says() {
    use SelfTradePolicy::{Allow, CancelBoth, CancelNewest, CancelOldest, Decrement};
    let play = |policy| {
        let mut m = Market::with(Config { self_trade: policy, ..Config::default() });
        m.submit(NewOrder::limit(1, 7, Sell, 101, 5));
        m.submit(NewOrder::limit(2, 8, Sell, 102, 5));
        let outcome = m.submit(NewOrder::limit(3, 7, Buy, 102, 6));
        (m.traded(), outcome.status, outcome.remaining, m.engine.remaining(1))
    };
    let own = (3, 1, 101, 5);
    assert_eq!(play(Allow), (vec![own, (3, 2, 102, 1)], Status::Filled, 0, None));
    assert_eq!(play(CancelNewest), (vec![], Status::Canceled, 6, Some(5)));
    assert_eq!(play(CancelOldest), (vec![(3, 2, 102, 5)], Status::PartiallyFilled, 1, None));
    assert_eq!(play(CancelBoth), (vec![], Status::Canceled, 6, None));
    assert_eq!(play(Decrement), (vec![(3, 2, 102, 1)], Status::Filled, 0, None));
}

#[test]
fn a_stop_beyond_the_last_trade_starts_at_once() {
    let mut m = Market::new();
    m.limit(1, Sell, 120, 5);
    m.trade_at(110);
    let outcome = m.stop(2, Buy, 105, 2);
    assert_eq!((outcome.status, m.traded()), (Status::Filled, vec![(2, 1, 120, 2)]));
}

#[test]
fn a_stop_that_finds_nobody_is_canceled_with_a_reason() {
    let mut m = Market::new();
    m.stop(1, Buy, 105, 2);
    m.trade_at(105);
    assert_eq!(m.kinds(), [(1, "TRIGGERED"), (1, "CANCELED")]);
    assert_eq!(m.engine.open_ids(None), [0_u64; 0]);
}
