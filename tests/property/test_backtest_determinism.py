"""Whatever the parameters: the same run twice is the same, and its books balance."""

from __future__ import annotations

from decimal import Decimal, localcontext
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st
from pi5.backtest import local
from pi5.backtest.spec import Costs, Spec
from pi5.domain.market import Timeframe
from pi5.domain.money import EXACT
from pi5.strategy.loader import load_catalog

DAY_NS = 86_400_000_000_000
FIRST, LAST = 10_595, 17_800


@cache
def catalog():
    return load_catalog()


@cache
def history(symbol: str) -> local.History:
    return local.sample_history(symbol, Timeframe.D1)


@st.composite
def specs(draw) -> Spec:
    fast = draw(st.integers(1, 30))
    slow = draw(st.integers(fast + 1, 60))
    begin = draw(st.integers(FIRST, LAST - 200))
    symbols = draw(st.lists(st.sampled_from(["SPX", "IXIC", "MSFT"]), min_size=1, unique=True))
    share = draw(st.none() | st.sampled_from([Decimal("0.000001"), Decimal("0.1")]))
    return Spec(
        "ma-crossover",
        tuple(symbols),
        start_ns=begin * DAY_NS,
        end_ns=(begin + draw(st.integers(100, 900))) * DAY_NS,
        parameters={"fast": fast, "slow": slow},
        initial_cash=draw(st.decimals(1_000, 10**7, places=2)),
        costs=Costs(
            fee_rate=draw(st.decimals(0, Decimal("0.01"), places=4)),
            min_fee=draw(st.decimals(0, 2, places=2)),
            slippage_rate=draw(st.decimals(0, Decimal("0.01"), places=4)),
            max_volume_share=share,
        ),
        seed=draw(st.integers(0, 2**32)),
    )


def play(spec: Spec):
    complete, make = local.prepare(spec, catalog())
    histories = [history(symbol) for symbol in spec.symbols]
    simulation = make({h.instrument.symbol: h.instrument for h in histories})
    fills = []
    apply = simulation._apply

    def watched(effects, now_ns):
        fills.extend(effects.fills)
        apply(effects, now_ns)

    simulation._apply = watched
    bars = sorted(
        (
            bar
            for h in histories
            for bar in h.bars
            if complete.start_ns <= bar.time_ns < complete.end_ns
        ),
        key=lambda bar: (bar.time_ns, bar.symbol),
    )
    return simulation, simulation.run(bars), fills, {bar.symbol: bar.close for bar in bars}


@settings(max_examples=25)
@given(specs())
def test_equal_runs_are_equal_and_books_balance(spec: Spec) -> None:
    """Digest and result repeat; fills add up to positions, cash and marks to equity, exactly."""
    simulation, result, fills, last = play(spec)
    assert play(spec)[1] == result
    with localcontext(EXACT):
        cash, held = spec.initial_cash, dict.fromkeys(spec.symbols, Decimal(0))
        for fill in fills:
            cash -= fill.side.sign * fill.qty * fill.price + fill.fee
            held[fill.symbol] += fill.side.sign * fill.qty
        worth = sum(qty * last.get(symbol, 0) for symbol, qty in held.items())
        assert simulation.portfolio.books.cash == cash
        assert result.final_equity == cash + worth
    assert all(qty >= 0 for qty in held.values()), "long only"
    assert result.signals == result.orders + sum(result.refusals.values())
    assert result.fills == len(fills)
