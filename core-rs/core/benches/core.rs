//! The hot paths without Python: `make bench`. Compare runs of one machine with each other; the
//! side-by-side comparison with peers goes through Python.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pi5_core::Side;
use pi5_core::book::L2Book;
use pi5_core::dispatch::{Policy, Queue};
use pi5_core::indicators::{Indicator, Sma, Stochastic};
use pi5_core::matching::{MatchingEngine, NewOrder};
use pi5_core::simulation::{Prices, Sizing, run_sma_cross};

const ROWS: u64 = 100_000;

/// Numbers that look random and are the same every time.
fn numbers(bound: u64) -> impl Iterator<Item = i64> {
    (0..ROWS).map(move |row| (row.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) as i64 % bound as i64)
}

fn side(number: i64) -> Side {
    if number & 1 == 0 { Side::Buy } else { Side::Sell }
}

fn books(c: &mut Criterion) {
    let mut group = c.benchmark_group("book");
    group.throughput(Throughput::Elements(ROWS));
    let rows: Vec<_> = numbers(400).map(|n| (side(n), n, n % 5)).collect();
    group.bench_function("l2 updates", |b| {
        b.iter(|| {
            let mut book = L2Book::new();
            for &(side, price, quantity) in &rows {
                book.update(side, price, quantity);
            }
            book.best_price(Side::Buy)
        });
    });
    let orders: Vec<_> = (0..ROWS)
        .zip(numbers(200))
        .map(|(id, n)| NewOrder::limit(id, 1, side(n), 1000 + n, 1 + n % 90))
        .collect();
    group.bench_function("matching of limit orders", |b| {
        b.iter(|| {
            let (mut engine, mut fills) = (MatchingEngine::default(), Vec::new());
            for order in &orders {
                fills.clear();
                engine.submit(order, &mut fills);
            }
            engine.sequence()
        });
    });
    group.finish();
}

fn indicators(c: &mut Criterion) {
    let mut group = c.benchmark_group("indicators");
    group.throughput(Throughput::Elements(ROWS));
    let close: Vec<f64> = numbers(1000).map(|n| 100.0 + n as f64).collect();
    let (mut first, mut second) = (vec![0.0; close.len()], vec![0.0; close.len()]);
    group.bench_function("sma", |b| {
        b.iter(|| Sma::new(20).map(|sma| sma.batch([&close], [&mut first])));
    });
    group.bench_function("stochastic", |b| {
        b.iter(|| {
            let outputs = [&mut first[..], &mut second[..]];
            Stochastic::new(14, 3, 3).map(|s| s.batch([&close, &close, &close], outputs))
        });
    });
    group.finish();
}

fn dispatch_and_rules(c: &mut Criterion) {
    let mut group = c.benchmark_group("other");
    group.throughput(Throughput::Elements(ROWS));
    group.bench_function("queue, offered and drained", |b| {
        let queue = Queue::new(1024, Policy::DropOldest);
        let mut events = Vec::new();
        b.iter(|| {
            for event in 0..ROWS {
                queue.offer(event, None);
                if event % 1000 == 999 {
                    events.clear();
                    queue.drain_into(1000, &mut events);
                }
            }
        });
    });
    let close: Vec<i64> = numbers(1000).collect();
    let prices = Prices { signal: &close, buy: &close, sell: &close, mark: &close };
    let costs = pi5_core::simulation::Costs::default();
    let sizing = Sizing { quantity: 1, short: false, cash: 0, costs };
    group.bench_function("moving-average rule", |b| {
        b.iter(|| run_sma_cross(&prices, 10, 20, &sizing));
    });
    group.finish();
}

criterion_group!(benches, books, indicators, dispatch_and_rules);
criterion_main!(benches);
