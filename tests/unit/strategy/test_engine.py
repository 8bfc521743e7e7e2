"""The host of strategies: isolation, silent warm-up, missed exits, pausing."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest
from pi5.domain.errors import NotFound
from pi5.domain.market import Bar, Quote, Timeframe
from pi5.domain.order import Side
from pi5.domain.portfolio import PortfolioView
from pi5.strategy.api import Parameter, Strategy
from pi5.strategy.engine import CATCH_UP_BARS, Definition, StrategyEngine, StrategyState

DAY_NS = 86_400_000_000_000


class Threshold(Strategy):
    """Long above a price, out below it."""

    name = "threshold"
    description = "Long above a price."
    level = Parameter(10.0)

    @property
    def warm_up(self):
        return 2

    def on_start(self, context):
        self.seen = []

    def on_bar(self, context, bar):
        self.seen.append(float(bar.close))
        if bar.close > self.level:
            context.buy("above", strength=0.5, confidence=0.25, inputs={"close": float(bar.close)})
        else:
            context.close("below")


class Bad(Strategy):
    name = "bad"
    description = "Raises on the second bar."

    def on_start(self, context):
        self.count = 0

    def on_bar(self, context, bar):
        self.count += 1
        context.buy("a wish that must not outlive the failure")
        if self.count == 2:
            raise ZeroDivisionError("second bar")


def bar(day: int, close: float, symbol: str = "ACME") -> Bar:
    price = Decimal(str(close))
    return Bar(symbol, Timeframe.D1, day * DAY_NS, price, price, price, price, Decimal(1))


def view(**held: int) -> PortfolioView:
    return PortfolioView(
        "main",
        "USD",
        Decimal(1),
        Decimal(1),
        Decimal(1),
        Decimal(1),
        0,
        0,
        {("one", symbol): Decimal(qty) for symbol, qty in held.items()},
    )


def engine_with(strategy=Threshold, symbols=("ACME",), **parameters) -> StrategyEngine:
    numbers = itertools.count(1)
    engine = StrategyEngine(lambda: f"id-{next(numbers)}")
    engine.add(Definition("one", strategy, symbols, Timeframe.D1, parameters))
    return engine


def started(**kwargs) -> StrategyEngine:
    engine = engine_with(**kwargs)
    engine.start("one", 0)
    return engine


def test_a_signal_carries_everything_risk_and_people_need() -> None:
    """Side, strength, confidence, reason, inputs, price, event time and a fresh id."""
    engine = started()
    (signal,) = engine.on_bar(bar(1, 11), now_ns=5).signals
    assert (signal.id, signal.strategy_id, signal.symbol) == ("id-1", "one", "ACME")
    assert (signal.side, signal.close_only, signal.reason) == (Side.BUY, False, "above")
    assert (signal.strength, signal.confidence, signal.inputs) == (0.5, 0.25, {"close": 11.0})
    assert (signal.reference_price, signal.event_time_ns) == (Decimal(11), 2 * DAY_NS)
    assert signal.created_at_ns == 5


def test_bars_of_other_symbols_and_lengths_are_not_handed_out() -> None:
    """A strategy sees what it was started on, once, and nothing else."""
    engine = started()
    assert engine.on_bar(bar(1, 11, "OTHER"), 0).signals == ()
    hour = Bar("ACME", Timeframe.H1, 0, *[Decimal(11)] * 4, Decimal(1))
    assert engine.on_bar(hour, 0).signals == ()
    assert len(engine.on_bar(bar(1, 11), 0).signals) == 1
    assert engine.on_bar(bar(1, 11), 0).signals == (), "the same bar again"


def test_each_symbol_has_an_object_of_its_own() -> None:
    """Two symbols do not mix in one strategy's figures."""
    engine = started(symbols=("ACME", "GLOBEX"))
    engine.on_bar(bar(1, 11), 0)
    engine.on_bar(bar(1, 99, "GLOBEX"), 0)
    seen = [seat.plugin.seen for seat in engine._instances["one"].seats]
    assert seen == [[11.0], [99.0]]


def test_a_strategy_that_raises_is_isolated_and_reported() -> None:
    """The exception comes out as data, the wish of that event is dropped, others go on."""
    engine = started(strategy=Bad)
    engine.add(Definition("two", Threshold, ("ACME",), Timeframe.D1))
    engine.start("two", 0)
    assert len(engine.on_bar(bar(1, 11), 0).signals) == 2
    reaction = engine.on_bar(bar(2, 11), 7)
    assert [signal.strategy_id for signal in reaction.signals] == ["two"]
    (failure,) = reaction.failures
    assert (failure.strategy_id, failure.hook, failure.time_ns) == ("one", "on_bar", 7)
    assert failure.message == "ZeroDivisionError: second bar"
    assert "self.count == 2" in failure.trace or "second bar" in failure.trace
    assert engine.state("one") is StrategyState.FAILED
    assert [s.strategy_id for s in engine.on_bar(bar(3, 11), 0).signals] == ["two"]


@pytest.mark.parametrize("error", ["SystemExit(1)", "GeneratorExit()", "RecursionError()"])
def test_even_exits_of_a_plug_in_stay_inside(error: str) -> None:
    """A plug-in that calls sys.exit fails alone."""

    class Quits(Strategy):
        name, description = "quits", "Quits."

        def on_bar(self, context, bar):
            raise eval(error)

    engine = started(strategy=Quits)
    assert engine.on_bar(bar(1, 1), 0).failures[0].strategy_id == "one"


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        (lambda c: c.buy("x", strength=1.5), "strength must lie in 0..1"),
        (lambda c: c.buy("x", confidence=float("nan")), "confidence must lie in 0..1"),
        (lambda c: c.buy("x", inputs={"a": float("inf")}), "finite numbers"),
        (lambda c: c.buy("x", symbol="OTHER"), "does not trade OTHER"),
        (lambda c: [c.buy("x") for _ in range(17)], "more than 16 signals"),
    ],
)
def test_a_senseless_wish_is_the_strategys_failure(wish, sentence: str) -> None:
    """Figures out of their bounds never leave the host."""

    class Wishes(Strategy):
        name, description = "wishes", "Wishes."

        def on_bar(self, context, bar):
            wish(context)

    reaction = started(strategy=Wishes).on_bar(bar(1, 1), 0)
    assert reaction.signals == ()
    assert sentence in reaction.failures[0].message


def test_close_without_a_position_says_nothing() -> None:
    """Closing is a wish about what is held; when nothing is held there is nothing to wish."""
    assert started().on_bar(bar(1, 9), 0).signals == ()


def test_close_counts_a_position_whose_order_is_on_its_way() -> None:
    """The portfolio learns of a fill later than the strategy may want to leave it."""
    engine = started()
    (entry,) = engine.on_bar(bar(1, 11), 0).signals
    (leave,) = engine.on_bar(bar(2, 9), 0).signals
    assert (leave.side, leave.close_only) == (Side.SELL, True)
    engine.on_bar(bar(3, 11), 0)
    engine.on_refused(entry)
    assert engine.on_bar(bar(4, 9), 0).signals == (), "the entry was refused: nothing to leave"


def test_close_goes_against_what_is_held() -> None:
    """A long position is sold, a short one bought back."""
    engine = started()
    engine.on_portfolio(view(ACME=5))
    assert engine.on_bar(bar(1, 9), 0).signals[0].side is Side.SELL
    engine.on_portfolio(view(ACME=-5))
    assert engine.on_bar(bar(2, 9), 0).signals[0].side is Side.BUY


def test_history_is_replayed_silently_before_the_first_bar() -> None:
    """A live start asks for history, replays it without signals, then trades."""
    engine = engine_with()
    engine.start("one", 0, from_history=True)
    assert engine.state("one") is StrategyState.WARMING_UP
    (request,) = engine.initial_history("one")
    assert (request.bars, request.before_ns, request.symbols) == (2 + CATCH_UP_BARS, 0, ("ACME",))
    assert engine.warm_up(request, [bar(1, 11), bar(2, 12)], 0).failures == ()
    assert engine.state("one") is StrategyState.RUNNING
    assert engine.missing_history(bar(3, 11)) == [], "the next bar goes on from the history"
    assert len(engine.on_bar(bar(3, 11), 0).signals) == 1


@pytest.mark.parametrize("first", [1, 9])
def test_a_bar_that_does_not_follow_the_history_asks_for_what_lies_between(first: int) -> None:
    """A replay may stand long before the store's newest bar, a feed may be ahead of it."""
    engine = engine_with()
    engine.start("one", 0, from_history=True)
    engine.warm_up(engine.initial_history("one")[0], [bar(4, 11), bar(5, 12)], 0)
    (request,) = engine.missing_history(bar(first, 11))
    assert request.before_ns == first * DAY_NS
    engine.warm_up(request, [], 0)
    assert engine.missing_history(bar(first, 11)) == []
    assert len(engine.on_bar(bar(first, 11), 0).signals) == 1


def test_time_that_jumps_back_and_gaps_warm_up_anew() -> None:
    """A replay that begins again, or lost events, do not mix into the indicators."""
    engine = engine_with()
    engine.start("one", 0, from_history=True)
    engine.warm_up(engine.initial_history("one")[0], [bar(1, 1)], 0)
    engine.on_bar(bar(2, 1), 0)
    engine.on_bar(bar(5, 1), 0)
    assert engine.missing_history(bar(9, 1)) == [], "a weekend is not a gap"
    assert len(engine.missing_history(bar(3, 1))) == 1
    engine.mark_gap()
    assert len(engine.missing_history(bar(9, 1))) == 1
    assert engine.on_bar(bar(9, 11), 0).signals == (), "nothing is given on cold figures"


def test_an_exit_given_while_away_is_given_again_and_an_entry_is_not() -> None:
    """A position that should have been closed is a risk; a missed entry is only missed."""
    for held, history, expected in [
        (3, [20, 5], ["given while not running: five"]),
        (3, [5, 20], []),
        (0, [20, 5], []),
        (0, [20], []),
    ]:
        engine = engine_with(strategy=Marks)
        engine.on_portfolio(view(ACME=held))
        engine.start("one", 0, from_history=True)
        bars = [bar(day, close) for day, close in enumerate(history)]
        engine.warm_up(engine.initial_history("one")[0], bars, 0)
        signals = engine.on_bar(bar(len(history), 10), 0).signals
        assert [signal.reason for signal in signals] == expected, (held, history)
        assert engine.on_bar(bar(len(history) + 1, 10), 0).signals == (), "once is enough"


class Marks(Strategy):
    """Buys at 20, closes at 5, else says nothing."""

    name, description = "marks", "Buys at 20, closes at 5, else nothing."

    def on_bar(self, context, bar):
        if bar.close == 20:
            context.buy("twenty")
        elif bar.close == 5:
            context.close("five")


def test_an_exit_that_was_not_carried_out_is_given_again() -> None:
    """At the next bar, then after ever more bars, as long as the position is held."""
    engine = started(strategy=Marks)
    engine.on_portfolio(view(ACME=3))
    given = []
    for day in range(40):
        signals = engine.on_bar(bar(day, 5 if day == 0 else 10), 0).signals
        for signal in signals:
            given.append((day, signal.reason))
            engine.on_refused(signal)
    again = "not carried out before: five"
    assert given == [(0, "five"), *((day, again) for day in (1, 3, 7, 15, 31))]
    engine.on_portfolio(view(ACME=0))
    assert all(engine.on_bar(bar(day, 10), 0).signals == () for day in range(40, 200))


def test_an_exit_waits_for_the_portfolio_to_hear_of_the_fill() -> None:
    """Fast bars may overtake the portfolio; the exit is not forgotten meanwhile, nor kept long."""
    for late, expected in ((2, 1), (6, 0)):
        engine = started(strategy=Marks)
        engine.on_bar(bar(0, 20), 0)
        (leave,) = engine.on_bar(bar(1, 5), 0).signals
        engine.on_refused(leave)
        given = 0
        for day in range(10):
            if day == late:
                engine.on_portfolio(view(ACME=3))
            given += len(engine.on_bar(bar(2 + day, 10), 0).signals)
        assert given == expected, late


def test_a_new_wish_takes_the_place_of_an_old_exit() -> None:
    """Who wants to be long again does not want to be taken out."""
    engine = started(strategy=Marks)
    engine.on_portfolio(view(ACME=3))
    (leave,) = engine.on_bar(bar(0, 5), 0).signals
    engine.on_refused(leave)
    assert [s.reason for s in engine.on_bar(bar(1, 20), 0).signals] == ["twenty"]
    assert engine.on_bar(bar(2, 10), 0).signals == ()


def test_an_entry_that_was_refused_is_not_given_again() -> None:
    """Its price is history."""
    engine = started(strategy=Marks)
    (entry,) = engine.on_bar(bar(0, 20), 0).signals
    engine.on_refused(entry)
    assert engine.on_bar(bar(1, 10), 0).signals == ()


def test_a_paused_strategy_watches_without_giving_signals() -> None:
    """Its figures stay current, so it can go on at once."""
    engine = started()
    engine.pause("one")
    assert engine.on_bar(bar(1, 11), 0).signals == ()
    engine.start("one", 0)
    assert engine.state("one") is StrategyState.RUNNING
    assert engine._instances["one"].seats[0].plugin.seen == [11.0]
    assert len(engine.on_bar(bar(2, 11), 0).signals) == 1


def test_a_stopped_strategy_sees_nothing() -> None:
    """Stop ends it; starting again begins with fresh figures."""
    engine = started()
    engine.on_bar(bar(1, 11), 0)
    engine.stop("one")
    assert engine.on_bar(bar(2, 11), 0).signals == ()
    assert engine.symbols() == set()
    engine.start("one", 0)
    assert engine._instances["one"].seats[0].plugin.seen == []


def test_quotes_reach_those_who_ask_for_them() -> None:
    """A buy refers to the ask, a sell to the bid."""

    class Quoted(Strategy):
        name, description = "quoted", "Acts on quotes."

        def on_quote(self, context, quote):
            context.buy("up")
            context.sell("down")

    engine = started(strategy=Quoted)
    quote = Quote("ACME", 42, Decimal("9.9"), Decimal(1), Decimal("10.1"), Decimal(1))
    signals = engine.on_quote(quote, 50).signals
    assert [signal.reference_price for signal in signals] == [Decimal("10.1"), Decimal("9.9")]
    assert {signal.event_time_ns for signal in signals} == {42}


def test_unknown_strategies_are_named() -> None:
    """A call about a strategy that is not there is a fault, not silence."""
    with pytest.raises(NotFound, match="there is no strategy nobody"):
        engine_with().start("nobody", 0)
