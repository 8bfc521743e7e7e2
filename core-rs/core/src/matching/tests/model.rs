//! Plain orders against a list that is searched for everything: slow and obvious.

use crate::Side;
use crate::matching::{MatchingEngine, NewOrder, OrderKind, TimeInForce};
use proptest::prelude::*;

/// Every resting order in order of arrival.
#[derive(Default)]
struct Model(Vec<NewOrder>);

impl Model {
    fn best(&self, taker: &NewOrder) -> Option<usize> {
        let acceptable = |maker: &NewOrder| match (taker.kind, taker.side) {
            (OrderKind::Market, _) => true,
            (_, Side::Buy) => maker.price <= taker.price,
            (_, Side::Sell) => maker.price >= taker.price,
        };
        let makers = self.0.iter().enumerate();
        let makers = makers.filter(|(_, m)| m.side != taker.side && acceptable(m));
        makers.min_by_key(|(_, m)| m.side.key(m.price)).map(|(at, _)| at)
    }

    fn submit(&mut self, mut order: NewOrder) -> Vec<(u64, i64, i64)> {
        let mut fills = Vec::new();
        let invalid = order.quantity <= 0 || self.0.iter().any(|o| o.id == order.id);
        if invalid || order.post_only && self.best(&order).is_some() {
            return fills;
        }
        let before = self.0.clone();
        while order.quantity > 0 {
            let Some(at) = self.best(&order) else { break };
            let quantity = order.quantity.min(self.0[at].quantity);
            fills.push((self.0[at].id, self.0[at].price, quantity));
            order.quantity -= quantity;
            self.0[at].quantity -= quantity;
            if self.0[at].quantity == 0 {
                self.0.remove(at);
            }
        }
        if order.quantity > 0 && order.time_in_force == TimeInForce::Fok {
            self.0 = before;
            return Vec::new();
        }
        let rests = order.kind == OrderKind::Limit && order.time_in_force == TimeInForce::Gtc;
        if order.quantity > 0 && rests {
            self.0.push(order);
        }
        fills
    }
}

prop_compose! {
    fn any_order()(
        id in 0..60_u64, buy: bool, market in prop::bool::weighted(0.2), price in -5..5_i64,
        quantity in 0..9_i64, tif in 0..5_u8, post_only in prop::bool::weighted(0.1),
    ) -> NewOrder {
        let side = if buy { Side::Buy } else { Side::Sell };
        let kind = if market { OrderKind::Market } else { OrderKind::Limit };
        let time_in_force = TimeInForce::from_index(if tif > 2 { 0 } else { tif }).unwrap();
        NewOrder { kind, time_in_force, post_only, ..NewOrder::limit(id, id % 3, side, price, quantity) }
    }
}

proptest! {
    #[test]
    fn fills_are_those_of_an_obvious_list(
        ops in prop::collection::vec((0..4_u8, any_order()), 0..250)
    ) {
        let (mut engine, mut model) = (MatchingEngine::default(), Model::default());
        for (op, order) in ops {
            let mut fills = Vec::new();
            if op == 0 {
                let at = model.0.iter().position(|o| o.id == order.id);
                let expected = at.map(|at| model.0.remove(at).quantity);
                prop_assert_eq!(engine.cancel(order.id, &mut fills), expected);
            } else {
                engine.submit(&order, &mut fills);
                let got: Vec<_> = fills.iter().map(|f| (f.maker_id, f.price, f.quantity)).collect();
                prop_assert_eq!(got, model.submit(order));
            }
            engine.verify();
            prop_assert_eq!(engine.len(), model.0.len());
        }
    }
}
