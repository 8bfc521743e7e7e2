//! Fills against history, and the two paths against each other.

use super::*;
use crate::Side::{self, Buy, Sell};
use crate::matching::{FeeSchedule, OrderKind, TimeInForce};
use proptest::prelude::*;

fn bars(rows: &[Row]) -> Streams {
    let mut streams = Streams::default();
    let times = (1..=rows.len() as i64).collect();
    let columns = (0..5).map(|k| rows.iter().map(|row| row[k]).collect()).collect();
    assert!(streams.add(EventKind::Bar, 0, times, columns));
    streams
}

fn replay(rules: FillRules, streams: Streams) -> Replay {
    Replay::new(Settings { cash: 0, rules }, streams, 1)
}

fn submit(replay: &mut Replay, side: Side, kind: OrderKind, quantity: i64, price: i64, stop: i64) {
    let stop_price = Some(stop).filter(|_| kind != OrderKind::TrailingStop);
    let trail = Some(stop).filter(|_| kind == OrderKind::TrailingStop);
    let gtc = TimeInForce::Gtc;
    replay.submit(0, side, kind, quantity, price, stop_price, trail, gtc).unwrap();
}

/// Prices, quantities and liquidity sides after the first bar, in which the order is sent.
fn fills_after(
    rules: FillRules,
    rows: &[Row],
    (side, kind, quantity, price, stop): (Side, OrderKind, i64, i64, i64),
) -> Vec<(i64, i64, bool)> {
    let mut replay = replay(rules, bars(rows));
    replay.step();
    submit(&mut replay, side, kind, quantity, price, stop);
    while replay.step().is_some() {}
    replay.fills().iter().map(|f| (f.price, f.quantity, f.is_maker)).collect()
}

const FIRST: Row = [100, 100, 100, 100, 1000];

#[test]
fn b37_a_stop_fills_at_the_open_after_a_gap_and_at_its_price_when_moved_through() {
    let rules = FillRules::default();
    let stop = (Buy, OrderKind::Stop, 5, 0, 105);
    let gapped = fills_after(rules, &[FIRST, [110, 112, 109, 111, 1000]], stop);
    assert_eq!(gapped, [(110, 5, false)]);
    let moved = fills_after(rules, &[FIRST, [101, 112, 100, 111, 1000]], stop);
    assert_eq!(moved, [(105, 5, false)]);
    let untouched = fills_after(rules, &[FIRST, [101, 104, 100, 101, 1000]], stop);
    assert_eq!(untouched, []);
}

#[test]
fn b37_bars_split_their_volume_exactly_over_four_points() {
    let rules = FillRules { participation_e8: Some(100_000_000), ..FillRules::default() };
    let market = (Buy, OrderKind::Market, 100, 0, 0);
    let fills = fills_after(rules, &[FIRST, [101, 103, 99, 102, 43]], market);
    assert_eq!(fills.iter().map(|f| f.1).collect::<Vec<_>>(), [10, 10, 10, 13]);
    let half = FillRules { participation_e8: Some(50_000_000), ..rules };
    let fills = fills_after(half, &[FIRST, [101, 103, 99, 102, 40]], market);
    assert_eq!(fills.iter().map(|f| f.1).sum::<i64>(), 20);
}

#[test]
fn limits_fill_at_their_price_or_better_and_say_which_side_they_were() {
    let rules = FillRules::default();
    let limit = (Buy, OrderKind::Limit, 5, 98, 0);
    let touched = fills_after(rules, &[FIRST, [100, 101, 97, 100, 1000]], limit);
    assert_eq!(touched, [(98, 5, true)]);
    let gapped = fills_after(rules, &[FIRST, [95, 97, 94, 96, 1000]], limit);
    assert_eq!(gapped, [(95, 5, false)]);
}

#[test]
fn market_orders_fill_at_the_next_open_or_at_this_close_with_slippage() {
    let costs = Costs { slippage_ticks: 2, ..Costs::default() };
    let rows = [FIRST, [107, 109, 106, 108, 1000]];
    let market = (Sell, OrderKind::Market, 5, 0, 0);
    let rules = FillRules { costs, ..FillRules::default() };
    assert_eq!(fills_after(rules, &rows, market), [(105, 5, false)]);
    let rules = FillRules { timing: Timing::ThisClose, ..rules };
    assert_eq!(fills_after(rules, &rows, market), [(98, 5, false)]);
}

#[test]
fn latency_lets_an_order_miss_the_open() {
    let rules = FillRules { latency: 1, ..FillRules::default() };
    let rows = [FIRST, [107, 109, 106, 108, 1000], [200, 200, 200, 200, 1]];
    let mut replay = replay(rules, bars(&rows));
    replay.step();
    submit(&mut replay, Buy, OrderKind::Market, 1, 0, 0);
    replay.step();
    // It arrives when the second bar ends, so only its close is left.
    assert_eq!(replay.fills().iter().map(|f| f.price).collect::<Vec<_>>(), [108]);
}

#[test]
fn a_stop_limit_rests_at_its_limit_and_a_trailing_stop_follows() {
    let rules = FillRules::default();
    let rows = [FIRST, [100, 106, 100, 106, 1000], [106, 106, 103, 104, 1000]];
    let stop_limit = (Buy, OrderKind::StopLimit, 5, 104, 105);
    assert_eq!(fills_after(rules, &rows, stop_limit), [(104, 5, true)]);
    let trailing = (Sell, OrderKind::TrailingStop, 5, 0, 2);
    assert_eq!(fills_after(rules, &rows, trailing), [(104, 5, false)]);
}

fn quotes(rows: &[Row]) -> Streams {
    let mut streams = Streams::default();
    let times = (1..=rows.len() as i64).collect();
    let columns = (0..4).map(|k| rows.iter().map(|row| row[k]).collect()).collect();
    assert!(streams.add(EventKind::Quote, 0, times, columns));
    streams
}

#[test]
fn b35_displayed_size_fills_once_and_comes_back_with_the_next_quote() {
    let rules = FillRules { limited_by_quotes: true, ..FillRules::default() };
    let rows = [[99, 101, 5, 5, 0], [99, 101, 5, 4, 0], [99, 101, 5, 4, 0]];
    let mut replay = replay(rules, quotes(&rows));
    replay.step();
    submit(&mut replay, Buy, OrderKind::Market, 3, 0, 0);
    submit(&mut replay, Buy, OrderKind::Market, 3, 0, 0);
    replay.step();
    let filled: Vec<_> = replay.fills().iter().map(|f| (f.order_id, f.quantity)).collect();
    assert_eq!(filled, [(1, 3), (2, 1)]);
    replay.step();
    assert_eq!(replay.position(0), 6);
}

#[test]
fn b34_only_what_trades_beyond_the_queue_ahead_fills_a_resting_order() {
    let mut streams = quotes(&[[99, 101, 10, 10, 0]]);
    let trades = vec![vec![99, 99, 98], vec![6, 7, 1], vec![1, 1, 1]];
    assert!(streams.add(EventKind::Trade, 0, vec![2, 3, 4], trades));
    let mut replay = replay(FillRules::default(), streams);
    replay.step();
    submit(&mut replay, Buy, OrderKind::Limit, 5, 99, 0);
    replay.step();
    assert_eq!(replay.fills().len(), 0);
    replay.step();
    assert_eq!(replay.position(0), 3);
    replay.step();
    let fills: Vec<_> = replay.fills().iter().map(|f| (f.price, f.quantity, f.is_maker)).collect();
    assert_eq!(fills, [(99, 3, true), (99, 1, true)]);
}

#[test]
fn refused_orders_change_nothing_and_take_no_number() {
    let mut replay = replay(FillRules::default(), bars(&[FIRST]));
    let gtc = TimeInForce::Gtc;
    let none = replay.submit(0, Buy, OrderKind::Market, 0, 0, None, None, gtc);
    assert_eq!(none, Err(Rejected::InvalidQuantity));
    let stop = replay.submit(0, Buy, OrderKind::Stop, 1, 0, None, None, gtc);
    assert_eq!(stop, Err(Rejected::InvalidTerms));
    assert_eq!(replay.submit(0, Buy, OrderKind::Market, 1, 0, None, None, gtc), Ok(1));
}

proptest! {
    #[test]
    fn both_paths_make_the_same_trades_and_the_same_equity(
        moves in prop::collection::vec((-9..10_i64, -5..6_i64), 30..300),
        (fast, slow) in (1..6_usize, 6..20_usize), short: bool, at_close: bool,
        (rate, step, slippage) in (0..50_000_i64, 0..1_000_000_i64, 0..3_i64),
    ) {
        let mut close = 10_000;
        let rows: Vec<Row> = moves.iter().map(|(gap, change)| {
            let open = close + gap;
            close = open + change;
            [open, open.max(close) + 3, open.min(close) - 3, close, 1000]
        }).collect();
        let fees = FeeSchedule { maker_rate_e8: 0, taker_rate_e8: rate };
        let costs = Costs { fees, fee_step: step, slippage_ticks: slippage };
        let closes: Vec<i64> = rows.iter().map(|row| row[3]).collect();
        let mut fill_prices = closes.clone();
        if !at_close {
            // A decision at the last bar has no next open: the event path leaves it working.
            fill_prices = rows[1..].iter().map(|row| row[0]).collect();
        }
        let decided = fill_prices.len();
        let signal = &closes[..decided];
        let prices = Prices { signal, buy: &fill_prices, sell: &fill_prices, mark: signal };
        let sizing = Sizing { quantity: 7, short, cash: 5 * E8, costs };
        let run = run_sma_cross(&prices, fast, slow, &sizing).unwrap();
        let swept = sweep_sma_cross(&prices, &[(fast, slow); 3], &sizing, 2).unwrap();
        prop_assert!(swept.iter().all(|s| s.equity == run.equity && s.fills == run.fills));

        let timing = if at_close { Timing::ThisClose } else { Timing::NextOpen };
        let rules = FillRules { timing, costs, ..FillRules::default() };
        let mut replay = Replay::new(Settings { cash: 5 * E8, rules }, bars(&rows), 1);
        let mut targets = vec![0; decided];
        let mut wanted = 0_i64;
        for row in 0..rows.len() {
            replay.step();
            if row >= decided { break }
            if row + 1 >= slow {
                let mean = |n: usize| closes[row + 1 - n..=row].iter().sum::<i64>();
                let above = mean(fast) * slow as i64 > mean(slow) * fast as i64;
                let target = if above { 7 } else if short { -7 } else { 0 };
                if target != wanted {
                    let side = if target > wanted { Buy } else { Sell };
                    submit(&mut replay, side, OrderKind::Market, (target - wanted).abs(), 0, 0);
                    wanted = target;
                }
            }
            targets[row] = wanted;
        }
        let signed = |f: &Fill| if f.side == Buy { f.quantity } else { -f.quantity };
        let trades: Vec<_> = replay.fills().iter().map(|f| (f.price, signed(f))).collect();
        let expected: Vec<_> = run.prices.iter().copied().zip(run.quantities.iter().copied()).collect();
        prop_assert_eq!(trades, expected);
        prop_assert_eq!(replay.account(), run.account);
        prop_assert_eq!(replay.position(0), run.position);
        prop_assert_eq!(run_targets(&targets, &prices, &sizing).unwrap(), run);
    }
}
