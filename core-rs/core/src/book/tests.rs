//! One test for each behaviour of a serious book, by the numbers in the README, and the known
//! defects of others as tests against ourselves.

use super::{Anomalies, L2Book, L3Book};
use crate::Side::{Buy, Sell};

fn prices(book: &L3Book, side: crate::Side) -> Vec<i64> {
    book.levels(side).map(|level| level.0).collect()
}

fn three_at_ten() -> L3Book {
    let mut book = L3Book::new();
    (1..=3).for_each(|id| book.add(id, Buy, 10, 5));
    book
}

fn ids(book: &L3Book, price: i64) -> Vec<u64> {
    book.queue(Buy, price).collect()
}

#[test]
fn b01_bids_descend_and_asks_ascend() {
    let mut book = L3Book::new();
    for (id, price) in [(1, 10), (2, 12), (3, 11)] {
        book.add(id, Buy, price, 1);
        book.add(id + 10, Sell, price + 10, 1);
    }
    assert_eq!(prices(&book, Buy), [12, 11, 10]);
    assert_eq!(prices(&book, Sell), [20, 21, 22]);
}

#[test]
fn b02_b03_a_level_is_first_in_first_out_and_a_decrease_keeps_its_place() {
    let mut book = three_at_ten();
    book.update(1, 10, 2);
    assert_eq!(ids(&book, 10), [1, 2, 3]);
}

#[test]
fn b04_a_price_change_goes_to_the_back_of_its_new_level() {
    let mut book = three_at_ten();
    book.add(4, Buy, 11, 1);
    book.update(1, 11, 5);
    assert_eq!((ids(&book, 10), ids(&book, 11)), (vec![2, 3], vec![4, 1]));
}

#[test]
fn b05_an_update_to_zero_deletes_and_an_empty_level_vanishes() {
    let mut book = L3Book::new();
    book.add(1, Buy, 10, 5);
    book.update(1, 10, 0);
    assert_eq!((book.len(), book.level_count(Buy), book.best(Buy)), (0, 0, None));
}

#[test]
fn b06_b07_unknown_deletes_and_updates_change_nothing_and_are_counted() {
    let mut book = three_at_ten();
    book.delete(99);
    book.update(99, 11, 5);
    assert_eq!((book.len(), book.best(Buy)), (3, Some((10, 15, 3))));
    assert_eq!(book.anomalies(), Anomalies { unknown_orders: 2, ..Anomalies::default() });
}

#[test]
fn b08_the_index_counts_as_many_orders_as_the_levels() {
    let mut book = three_at_ten();
    book.update(2, 9, 7);
    book.delete(1);
    assert_eq!(book.levels(Buy).map(|level| level.2).sum::<u32>() as usize, book.len());
    book.verify();
}

#[test]
fn b09_zero_and_negative_sizes_are_ignored() {
    let mut book = three_at_ten();
    book.add(4, Buy, 10, 0);
    book.add(5, Sell, 10, -3);
    book.update(1, 10, -1);
    assert_eq!((book.len(), book.best(Buy), book.best(Sell)), (3, Some((10, 15, 3)), None));
    assert_eq!(book.anomalies().bad_quantities, 3);
}

#[test]
fn b11_locked_is_valid_and_crossed_is_detected_and_kept() {
    let mut book = three_at_ten();
    book.add(4, Sell, 10, 1);
    assert!(book.is_locked() && !book.is_crossed());
    book.add(5, Sell, 9, 1);
    assert!(book.is_crossed() && !book.is_locked());
    assert_eq!(book.len(), 5);
}

#[test]
fn b13_a_snapshot_replaces_and_never_merges() {
    let mut book = L2Book::new();
    book.update(Buy, 5, 5);
    book.snapshot([(4, 4)], [(6, 6)], 9);
    assert_eq!(book.levels(Buy).collect::<Vec<_>>(), [(4, 4)]);
    assert_eq!(book.gate().sequence(), 9);
}

#[test]
fn b18_the_ends_of_the_ranges_are_ordinary() {
    let mut book = L3Book::new();
    book.add(u64::MAX, Buy, i64::MIN, 1);
    book.add(0, Sell, i64::MAX, i64::MAX);
    book.add(1, Sell, i64::MAX, 1);
    book.verify();
    assert_eq!(book.best(Buy), Some((i64::MIN, 1, 1)));
    assert_eq!(book.best(Sell), Some((i64::MAX, i64::MAX, 1)));
    assert_eq!(book.anomalies().bad_quantities, 1);
}

#[test]
fn defect_2_a_duplicate_add_leaves_no_level_that_nothing_can_remove() {
    let mut book = L3Book::new();
    book.add(1, Buy, 10, 5);
    book.add(1, Buy, 12, 5);
    book.delete(1);
    assert_eq!(book.level_count(Buy), 0);
    assert_eq!(book.anomalies().duplicate_adds, 1);
}

#[test]
fn defect_3_a_size_increase_at_the_same_price_loses_its_place() {
    let mut book = three_at_ten();
    book.update(1, 10, 6);
    assert_eq!(ids(&book, 10), [2, 3, 1]);
}

#[test]
fn defect_4_the_best_size_is_the_whole_levels() {
    let mut book = L3Book::new();
    book.add(1, Buy, 10, 1);
    book.add(2, Buy, 10, 21);
    assert_eq!(book.best(Buy), Some((10, 22, 2)));
}

#[test]
fn defect_6_level_totals_are_kept_through_any_change() {
    let mut book = three_at_ten();
    book.update(2, 10, 1);
    book.delete(3);
    book.update(1, 10, 9);
    assert_eq!(book.best(Buy), Some((10, 10, 2)));
    book.verify();
}
