//! Every indicator: arrays equal single values, warm-up is what it says, nothing drifts.

use super::*;

/// A walk with gaps, flat stretches and changing volume, the same every time.
fn bars(count: usize) -> [Vec<f64>; 4] {
    let mut state = 42_u64;
    let mut random = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1_u32 << 31)
    };
    let mut columns = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
    let mut close = 100.0_f64;
    for row in 0..count {
        let flat = row % 97 < 20;
        let open = close;
        close = if flat { close } else { close * (1.0 + (random() - 0.5) * 0.01) };
        let (up, down) = if flat { (0.0, 0.0) } else { (random() * 0.1, random() * 0.1) };
        let values =
            [open.max(close) + up, open.min(close) - down, close, (random() * 900.0).round()];
        for (column, value) in columns.iter_mut().zip(values) {
            column.push(value);
        }
    }
    columns
}

fn check<const I: usize, const O: usize, T: Indicator<I, O>>(
    name: &str,
    indicator: Result<T, BadParameter>,
    inputs: [&[f64]; I],
) {
    let indicator = indicator.unwrap();
    let rows = inputs[0].len();
    let mut one_by_one = indicator.clone();
    let mut columns: [Vec<f64>; O] = std::array::from_fn(|_| vec![7.0; rows]);
    indicator.clone().batch(inputs, columns.each_mut().map(Vec::as_mut_slice));
    let mut first_complete = None;
    for row in 0..rows {
        let single = one_by_one.update(inputs.map(|column| column[row]));
        if single.iter().all(|x| !x.is_nan()) {
            first_complete.get_or_insert(row + 1);
        }
        for (k, expected) in single.into_iter().enumerate() {
            let got = columns[k][row];
            let near = (got - expected).abs() <= 1e-9 * expected.abs().max(1e-3);
            assert!(
                near || got.is_nan() && expected.is_nan(),
                "{name}[{k}] at {row}: {got} {expected}"
            );
        }
    }
    if rows > indicator.warm_up() {
        assert_eq!(first_complete, Some(indicator.warm_up()), "{name} warms up when it says");
    }
}

fn check_all(rows: usize) {
    let [high, low, close, volume] = bars(rows);
    let (high, low, close, volume) = (&*high, &*low, &*close, &*volume);
    let (range, bar, all) = ([high, low], [high, low, close], [high, low, close, volume]);
    check("sma", Sma::new(20), [close]);
    check("ema", Ema::new(20), [close]);
    check("wma", Wma::new(20), [close]);
    check("dema", Dema::new(20), [close]);
    check("tema", Tema::new(20), [close]);
    check("hma", Hma::new(20), [close]);
    check("kama", Kama::new(10), [close]);
    check("rsi", Rsi::new(14), [close]);
    check("macd", Macd::new(12, 26, 9), [close]);
    check("roc", Roc::new(10), [close]);
    check("momentum", Momentum::new(10), [close]);
    check("bollinger", Bollinger::new(20, 2.0), [close]);
    check("z_score", ZScore::new(20), [close]);
    check("realized_volatility", RealizedVolatility::new(20, 252.0), [close]);
    check("stochastic_rsi", StochasticRsi::new(14, 5, 3), [close]);
    check("donchian", Donchian::new(20), range);
    check("ichimoku", Ichimoku::new(9, 26, 52), range);
    check("aroon", Aroon::new(14), range);
    check("parabolic_sar", ParabolicSar::new(0.02, 0.2), range);
    check("correlation", Correlation::new(30), range);
    check("beta", Beta::new(5), range);
    check("book_imbalance", BookImbalance::new(), range);
    check("atr", Atr::new(14), bar);
    check("adx", Adx::new(14), bar);
    check("dmi", Dmi::new(14), bar);
    check("cci", Cci::new(14), bar);
    check("williams_r", WilliamsR::new(14), bar);
    check("stochastic", Stochastic::new(14, 3, 3), bar);
    check("keltner", Keltner::new(20, 10, 2.0), bar);
    check("supertrend", SuperTrend::new(10, 3.0), bar);
    check("obv", Obv::new(), [close, volume]);
    check("mfi", Mfi::new(14), all);
    check("vwap", Vwap::new(), all);
    check("rolling_vwap", RollingVwap::new(20), all);
}

#[test]
fn arrays_equal_single_values_and_warm_up_is_what_it_says() {
    for rows in [0, 1, 2, 13, 14, 15, 19, 20, 21, 27, 28, 34, 500, 5_000] {
        check_all(rows);
    }
}

#[test]
fn defect_1_the_first_loss_after_only_gains_moves_the_strength_index() {
    let mut rsi = Rsi::new(5).unwrap();
    let got = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 5.5].map(|x| rsi.update([x])[0]);
    assert_eq!(got[5], 100.0);
    assert!((got[6] - 100.0 * 0.8 / 0.9).abs() < 1e-12);
}

#[test]
fn a_flat_series_gives_a_strength_of_zero() {
    let mut rsi = Rsi::new(3).unwrap();
    assert_eq!([5.0; 6].map(|x| rsi.update([x])[0])[5], 0.0);
}

#[test]
fn leading_nan_are_skipped_and_inner_nan_stay_for_good() {
    let mut values = vec![f64::NAN; 3];
    values.extend((0..3000).map(f64::from));
    for poisoned in [false, true] {
        if poisoned {
            values[100] = f64::NAN;
        }
        check_nan(&Sma::new(5).unwrap(), &values, poisoned);
        check_nan(&Ema::new(5).unwrap(), &values, poisoned);
        check_nan(&Rsi::new(5).unwrap(), &values, poisoned);
    }
}

fn check_nan<T: Indicator<1, 1>>(indicator: &T, values: &[f64], poisoned: bool) {
    let mut output = vec![0.0; values.len()];
    indicator.clone().batch([values], [&mut output]);
    let mut single = indicator.clone();
    let last = values.iter().map(|&x| single.update([x])[0]).last().unwrap();
    assert_eq!((output[3000].is_nan(), last.is_nan()), (poisoned, poisoned));
}

#[test]
fn sums_do_not_drift_over_a_million_values_around_a_large_price() {
    let values: Vec<f64> =
        (0..1_000_000_u32).map(|i| 1e6 + f64::from(i.wrapping_mul(2_654_435_761) >> 22)).collect();
    let mut output = vec![0.0; values.len()];
    Sma::new(20).unwrap().batch([&values], [&mut output]);
    let last = &values[values.len() - 20..];
    let exact = last.iter().sum::<f64>() / 20.0;
    assert!((output[999_999] - exact).abs() / exact < 1e-14);
    let mut score = ZScore::new(20).unwrap();
    let got = values.iter().map(|&x| score.update([x])[0]).last().unwrap();
    let deviation = (last.iter().map(|x| (x - exact).powi(2)).sum::<f64>() / 20.0).sqrt();
    assert!((got - (last[19] - exact) / deviation).abs() < 1e-9);
}

#[test]
fn a_pipeline_gives_what_its_indicators_give() {
    let [high, low, close, volume] = bars(300);
    let mut pipeline = Pipeline::new();
    let places = [
        pipeline.add(make("sma", &[10.0], 3).unwrap()),
        pipeline.add(make("macd", &[], 3).unwrap()),
        pipeline.add(make("mfi", &[14.0], 3).unwrap()),
    ];
    let (mut sma, mut macd) = (Sma::new(10).unwrap(), Macd::new(12, 26, 9).unwrap());
    let mut mfi = Mfi::new(14).unwrap();
    for row in 0..300 {
        let bar = [close[row], high[row], low[row], close[row], volume[row]];
        pipeline.update(&bar);
        let expected = (
            sma.update([bar[3]])[0],
            macd.update([bar[3]])[2],
            mfi.update([bar[1], bar[2], bar[3], bar[4]])[0],
        );
        if row >= pipeline.warm_up() {
            let values = pipeline.values();
            assert_eq!((values[places[0]], values[places[1] + 2], values[places[2]]), expected);
        }
    }
    assert!(make("sma", &[0.5], 3).is_err());
    assert!(make("nonsense", &[], 3).is_err());
}
