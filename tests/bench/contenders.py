"""Registers the native core with the side-by-side benchmarks (`bench_X.py --plugin THIS`).

One file serves every suite: it looks at the suite's title and adds what belongs there. Each
contender does the same work as its peers and returns the same check values.
"""

from __future__ import annotations

from typing import Any

import numpy as np

NAME = "pi5_core"
NEEDS = "pi5_core"


def register(suite: Any) -> None:
    """Add our contenders to the suite with this title."""
    {
        "order book": _order_book,
        "indicators": _indicators,
        "dispatch": _dispatch,
        "backtest": _backtest,
    }[suite.title](suite)


# ---------------------------------------------------------------------------- order book
_NO_BID, _NO_ASK = 0, 1 << 30  # how the suite reads an empty side


def _columns(rows: np.ndarray) -> list[np.ndarray]:
    return [np.ascontiguousarray(rows[:, k]) for k in range(rows.shape[1])]


def _seen(bids: np.ndarray, asks: np.ndarray) -> dict[str, int]:
    import pi5_core as core

    bids = np.where(bids == core.NO_BID, _NO_BID, bids)
    asks = np.where(asks == core.NO_ASK, _NO_ASK, asks)
    return {"sum": int(bids.sum() + asks.sum()), "bid": int(bids[-1]), "ask": int(asks[-1])}


def _order_book(suite: Any) -> None:
    _level_book(suite)
    _order_level_book(suite)
    _matching(suite)


def _level_book(suite: Any) -> None:
    @suite.contender(NAME, "l2", needs=NEEDS)
    def l2(data: np.ndarray) -> Any:
        import pi5_core as core

        rows = [tuple(row) for row in data.tolist()]

        def run(_: object) -> dict[str, int]:
            update = core.L2Book().update
            total = 0
            bid = ask = None
            for side, price, quantity in rows:
                bid, ask = update(side, price, quantity)
                total += (bid or _NO_BID) + (ask or _NO_ASK)
            return {"sum": total, "bid": bid or _NO_BID, "ask": ask or _NO_ASK}

        return run

    @suite.contender(f"{NAME}, -batch", "l2", needs=NEEDS)
    def l2_batch(data: np.ndarray) -> Any:
        import pi5_core as core

        columns = _columns(data)

        def run(book: Any) -> Any:
            return book.apply(*columns, touch=True)

        return core.L2Book, run, lambda touch: _seen(*touch)


def _order_level_book(suite: Any) -> None:
    @suite.contender(NAME, "l3", needs=NEEDS)
    def l3(data: np.ndarray) -> Any:
        import pi5_core as core

        rows = [tuple(row) for row in data.tolist()]

        def run(_: object) -> dict[str, int]:
            book = core.L3Book()
            add, update, delete = book.add, book.update, book.delete
            total = 0
            bid = ask = None
            for action, order_id, side, price, quantity in rows:
                if action == 0:
                    bid, ask = add(order_id, side, price, quantity)
                elif action == 1:
                    bid, ask = update(order_id, price, quantity)
                else:
                    bid, ask = delete(order_id)
                total += (bid or _NO_BID) + (ask or _NO_ASK)
            return {"sum": total, "bid": bid or _NO_BID, "ask": ask or _NO_ASK}

        return run

    @suite.contender(f"{NAME}, -batch", "l3", needs=NEEDS)
    def l3_batch(data: np.ndarray) -> Any:
        import pi5_core as core

        columns = _columns(data)

        def run(book: Any) -> Any:
            return book.apply(*columns, touch=True)

        return core.L3Book, run, lambda touch: _seen(*touch)


def _matching(suite: Any) -> None:
    @suite.contender(NAME, "match", needs=NEEDS)
    def match(data: np.ndarray) -> Any:
        import pi5_core as core

        rows = [tuple(row) for row in data.tolist()]
        cancel_operation = core.OP_CANCEL

        def run(_: object) -> dict[str, int]:
            engine = core.MatchingEngine()
            submit, cancel = engine.submit, engine.cancel
            count = volume = notional = 0
            for operation, order_id, side, price, quantity in rows:
                if operation == cancel_operation:
                    cancel(order_id)
                    continue
                for fill in submit(order_id, 1, side, operation, price, quantity).fills:
                    count += 1
                    volume += fill.quantity
                    notional += fill.quantity * fill.price
            return {"fills": count, "volume": volume, "notional": notional}

        return run

    @suite.contender(f"{NAME}, -batch", "match", needs=NEEDS)
    def match_batch(data: np.ndarray) -> Any:
        import pi5_core as core

        columns = _columns(data)

        def run(engine: Any) -> Any:
            return engine.apply(*columns)

        def check(result: Any) -> dict[str, int]:
            notional = int((result.price * result.quantity).sum())
            volume = int(result.quantity.sum())
            return {"fills": len(result.price), "volume": volume, "notional": notional}

        return core.MatchingEngine, run, check


# ---------------------------------------------------------------------------- indicators
def _indicator_table(core: Any) -> dict[str, tuple[str, Any, Any, bool]]:
    """Fields, array function, class with its parameters, and whether there are several lines."""
    return {
        "sma": ("c", lambda c: core.sma(c, 20), lambda: core.Sma(20), False),
        "ema": ("c", lambda c: core.ema(c, 20), lambda: core.Ema(20), False),
        "rsi": ("c", lambda c: core.rsi(c, 14), lambda: core.Rsi(14), False),
        "macd": ("c", lambda c: core.macd(c, 12, 26, 9), lambda: core.Macd(12, 26, 9), True),
        "bbands": ("c", lambda c: core.bollinger(c, 20, 2.0), lambda: core.Bollinger(20), True),
        "atr": ("hlc", lambda *bar: core.atr(*bar, 14), lambda: core.Atr(14), False),
        "adx": ("hlc", lambda *bar: core.adx(*bar, 14), lambda: core.Adx(14), False),
        "stoch": (
            "hlc",
            lambda *bar: core.stochastic(*bar, 14, 3, 3),
            lambda: core.Stochastic(14, 3, 3),
            True,
        ),
        "vwap": ("hlcv", core.vwap, core.Vwap, False),
    }


def _indicators(suite: Any) -> None:
    import sys

    check = sys.modules["__main__"].check
    for name in ("sma", "ema", "rsi", "macd", "bbands", "atr", "adx", "stoch", "vwap"):
        _indicator(suite, name, check)


def _indicator(suite: Any, name: str, check: Any) -> None:
    @suite.contender(NAME, f"batch-{name}", needs=NEEDS)
    def batch(data: dict[str, np.ndarray]) -> Any:
        import pi5_core as core

        fields, function, _, several = _indicator_table(core)[name]
        columns = [data[field] for field in fields]
        verify = check(name, data)
        line = (lambda result: result[0]) if several else (lambda result: result)
        return (lambda: None), (lambda _: function(*columns)), lambda result: verify(line(result))

    @suite.contender(NAME, f"inc-{name}", needs=NEEDS)
    def single(data: dict[str, np.ndarray]) -> Any:
        import pi5_core as core

        fields, _, make, several = _indicator_table(core)[name]
        rows = [data[field].tolist() for field in fields]

        def run(update: Any) -> list[float]:
            if len(rows) == 1:
                out = [update(x) for x in rows[0]]
            else:
                out = [update(*x) for x in zip(*rows, strict=True)]
            return [x[0] for x in out] if several else out

        return (lambda: make().update), run, check(name, data)


# ---------------------------------------------------------------------------- dispatch
def _counting(suite: Any, name: str, setup: Any) -> None:
    """Registers setup(handlers) -> feed(events) for one and eight counting handlers."""
    import sys

    make_handlers = sys.modules["__main__"].handlers
    for workload in ("fan1", "fan8"):

        @suite.contender(name, workload, needs=NEEDS)
        def contend(data: Any) -> Any:
            events, count = data

            def prepare() -> Any:
                made, counter = make_handlers(count)
                return setup(made), counter

            def run(state: Any) -> dict[str, int]:
                feed, counter = state
                feed(events)
                return {"delivered": counter[0]}

            return prepare, run


def _dispatch(suite: Any) -> None:
    def direct(handlers: list[Any]) -> Any:
        import pi5_core as core

        bus = core.Bus()
        for handler in handlers:
            bus.subscribe("quotes.AAA", handler=handler)

        def feed(events: list[Any]) -> None:
            publish = bus.publish
            for event in events:
                publish("quotes.AAA", event)

        return feed

    _counting(suite, NAME, direct)
    _batches(suite)
    _threads(suite)

    @suite.contender(NAME, "latency", needs=NEEDS)
    def latency(count: int) -> Any:
        import sys

        import pi5_core as core

        suite_module = sys.modules["__main__"]

        def run(_: object) -> dict[str, int]:
            bus, now, late = core.Bus(), suite_module.now, []
            bus.subscribe("x", handler=lambda sent: late.append(now() - sent))
            for _round in range(count):
                bus.publish("x", now())
            return suite_module.pct(late)

        return run


def _batches(suite: Any) -> None:
    for workload in ("fan1", "fan8"):

        @suite.contender(f"{NAME}, batches of 1000 through queues", workload, needs=NEEDS)
        def contend(data: Any) -> Any:
            import pi5_core as core

            events, readers = data

            def run(_: object) -> dict[str, int]:
                bus, total = core.Bus(), 0
                drains = [bus.subscribe("quotes.AAA").drain for _ in range(readers)]
                for start in range(0, len(events), 1000):
                    bus.publish_many("quotes.AAA", events[start : start + 1000])
                    for drain in drains:
                        count = 0
                        for _event in drain(1000):
                            count += 1
                        total += count
                return {"delivered": total}

            return run


def _threads(suite: Any) -> None:
    for workload in ("fan1", "fan8"):

        @suite.contender(f"{NAME}, thread -> asyncio", workload, needs=NEEDS)
        def contend(data: Any) -> Any:
            events, readers = data
            return lambda _: _thread_to_asyncio(events, readers)


def _thread_to_asyncio(events: list[Any], readers: int) -> dict[str, int]:
    import asyncio
    import threading

    import pi5_core as core

    bus = core.Bus()
    subscriptions = [
        bus.subscribe("quotes.AAA", capacity=65_536, policy="block", block_timeout=60.0)
        for _ in range(readers)
    ]

    def produce() -> None:
        for event in events:
            bus.publish("quotes.AAA", event)
        bus.close()

    async def consume(subscription: Any) -> int:
        count = 0
        async for batch in subscription.batches(4096):
            for _event in batch:
                count += 1
        return count

    async def main() -> int:
        tasks = [asyncio.create_task(consume(s)) for s in subscriptions]
        await asyncio.sleep(0)
        thread = threading.Thread(target=produce)
        thread.start()
        counts = await asyncio.gather(*tasks)
        thread.join()
        return sum(counts)

    return {"delivered": asyncio.run(main())}


# ---------------------------------------------------------------------------- backtest
_TICK = 1e-5
_UNIT = _TICK / 100_000_000  # currency in one unit of account
_CASH = 10**20  # 1e7 in units of account
_FEE_E8 = 10_000  # 1 bp


def _ticks(prices: np.ndarray) -> np.ndarray:
    return np.rint(prices / _TICK).astype(np.int64)


def _result(fills: int, equity: int) -> dict[str, Any]:
    return {"fills": int(fills), "equity": round(equity * _UNIT, 4)}


def _backtest(suite: Any) -> None:
    for workload in ("bars100k", "bars1m"):

        @suite.contender(f"{NAME}, built-in rule", workload, needs=NEEDS)
        def rule(data: dict[str, np.ndarray]) -> Any:
            import pi5_core as core

            close = _ticks(data["c"])

            def run(_: object) -> dict[str, Any]:
                done = core.run_sma_cross(
                    close, close, close, close, 10, 20, 10, cash=_CASH, taker_rate_e8=_FEE_E8
                )
                return _result(done.fills, done.equity)

            return run

        @suite.contender(f"{NAME}, Python on_bar", workload, needs=NEEDS)
        def on_bar(data: dict[str, np.ndarray]) -> Any:
            return _python_strategy(data)

    @suite.contender(f"{NAME}, built-in rule", "quotes1m", needs=NEEDS)
    def quotes(data: dict[str, np.ndarray]) -> Any:
        import pi5_core as core

        bid, ask = _ticks(data["bid"]), _ticks(data["ask"])

        def run(_: object) -> dict[str, Any]:
            doubled = bid + ask  # twice the middle: the comparison of averages is the same
            done = core.run_sma_cross(
                doubled, ask, bid, bid, 10, 20, 10, cash=_CASH, taker_rate_e8=_FEE_E8
            )
            # Marked at the middle, like the others.
            half_spread = int(ask[-1] - bid[-1]) * core.UNITS_PER_TICK_LOT // 2
            return _result(done.fills, done.equity + done.position * half_spread)

        return run

    @suite.contender(NAME, "sweep", needs=NEEDS)
    def sweep(work: Any) -> Any:
        import pi5_core as core

        data, pairs = work
        close = _ticks(data["c"])
        table = np.array(pairs, np.int64)

        def run(_: object) -> dict[str, Any]:
            fills, equity = core.sweep_sma_cross(
                close,
                close,
                close,
                close,
                table,
                10,
                cash=_CASH,
                taker_rate_e8=_FEE_E8,
                threads=1,
            )
            return _result(int(fills.sum()), sum(equity))

        return run


def _python_strategy(data: dict[str, np.ndarray]) -> Any:
    import pi5_core as core

    columns = [_ticks(data[name]) for name in ("o", "h", "l", "c")]
    volume = data["v"].astype(np.int64)

    class Cross:
        def __init__(self) -> None:
            self.fast, self.slow = core.Sma(10).update, core.Sma(20).update
            self.held = False

        def on_bar(self, simulation: Any) -> None:
            close = simulation.close
            above = self.fast(close) > self.slow(close)
            if above != self.held:
                self.held = above
                if above:
                    simulation.buy(10)
                else:
                    simulation.sell(10)

    def prepare() -> Any:
        simulation = core.Simulation(_CASH, taker_rate_e8=_FEE_E8, timing="this_close")
        simulation.add_bars(0, data["ts"], *columns, volume)
        return simulation

    def run(simulation: Any) -> dict[str, Any]:
        simulation.run(Cross())
        return _result(simulation.fill_count, simulation.equity)

    return prepare, run
