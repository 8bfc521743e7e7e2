"""The live shell of the strategy engine: keeps instances as people want them, and acts on signals.

What is wanted is in the store; `apply` makes the engine follow it. What the engine answers to the
market (signals, failures) goes out from here: signals are stored, then sent; a failed instance is
started again after a pause, a bounded number of times.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from pathlib import Path

from pi5.domain.errors import Fault
from pi5.domain.market import Bar, Quote, Timeframe
from pi5.domain.portfolio import PortfolioView
from pi5.domain.signal import Signal
from pi5.kit.clock import Clock, new_id
from pi5.kit.database import LOST, until_available
from pi5.kit.log import Logger
from pi5.kit.settings import StrategySettings
from pi5.strategy import metrics
from pi5.strategy.engine import (
    Definition,
    HistoryRequest,
    Reaction,
    StrategyEngine,
    StrategyFailure,
    StrategyState,
)
from pi5.strategy.loader import Catalog, load_catalog
from pi5.strategy.plugin import parse_parameters
from pi5.strategy.signals import FAILED, ORDERED, PENDING, REFUSED, Outcome
from pi5.strategy.store import Row, Store
from pi5.strategy.watchdog import Watchdog

_MOST_REMEMBERED = 10_000
_DATABASE_WAIT_S = 300.0
_NAMES = {PENDING: "pending", ORDERED: "ordered", REFUSED: "refused", FAILED: "failed"}
_LIVE = {StrategyState.RUNNING, StrategyState.WARMING_UP, StrategyState.PAUSED}
History = Callable[[HistoryRequest], Awaitable[list[Bar]]]


class Host:
    """Runs the instances that the store holds.

    Args:
        store: the tables.
        settings: section strategy.
        folders: folders with plug-ins.
        history: fetches stored bars.
        clock: wall clock.
        log: the service's logger.
    """

    def __init__(
        self,
        store: Store,
        settings: StrategySettings,
        folders: list[Path],
        history: History,
        clock: Clock,
        log: Logger,
    ) -> None:
        self._store = store
        self._settings = settings
        self._folders = folders
        self._history = history
        self._clock = clock
        self._log = log
        self._watchdog = Watchdog(settings.call_timeout_ms)
        self._rows: dict[str, Row] = {}
        self._problems: dict[str, str] = {}
        self._attempts: dict[str, int] = {}
        self._restarts: dict[str, asyncio.Task[None]] = {}
        self._sent: OrderedDict[str, Signal] = OrderedDict()
        self._changed = asyncio.Event()
        self._applying = asyncio.Lock()
        self.send: Callable[[list[Signal]], Awaitable[None]] = self._send_nowhere
        self.engine = StrategyEngine(new_id, self._watchdog.call)
        self.catalog = Catalog()
        self.portfolio_known = asyncio.Event()

    # Plug-ins

    def load_types(self) -> Catalog:
        """Look for plug-ins; running strategies keep the class they were started with."""
        self.catalog = load_catalog(self._folders, self._watchdog.load)
        for found in self.catalog.types():
            if found.problem:
                self._log.warning(
                    "a strategy type cannot run",
                    type=found.name,
                    origin=found.origin,
                    problem=found.problem,
                )
        return self.catalog

    # Instances

    async def apply(self, row: Row, by_hand: bool = True) -> None:
        """Make the engine follow a stored instance."""
        async with self._applying:
            await self._apply(row, by_hand)
        self._count_running()

    async def _apply(self, row: Row, by_hand: bool) -> None:
        before = self._rows.get(row.id)
        self._rows[row.id] = row
        if by_hand:
            self._attempts.pop(row.id, None)
            self._cancel_restart(row.id)
        wanted = StrategyState(row.desired_state)
        same = before is not None and _definition_key(before) == _definition_key(row)
        if not same or row.id in self._problems or self.state(row.id) not in _LIVE:
            try:
                self.engine.add(self._definition(row))
                self._problems.pop(row.id, None)
            except Fault as fault:
                self.engine.remove(row.id)
                if wanted is not StrategyState.STOPPED:
                    await self._note_problem(row.id, fault.message)
                return
        await self._enter(row, wanted)

    async def forget(self, strategy_id: str) -> None:
        """Remove an instance."""
        self._cancel_restart(strategy_id)
        self._rows.pop(strategy_id, None)
        self._problems.pop(strategy_id, None)
        self.engine.remove(strategy_id)
        self._count_running()

    def last_event_ns(self, strategy_id: str) -> int:
        """Return the time of the newest event an instance saw; 0 before the first."""
        try:
            return self.engine.last_event_ns(strategy_id)
        except Fault:
            return 0

    def state(self, strategy_id: str) -> StrategyState:
        """Return where an instance stands."""
        if strategy_id in self._problems:
            return StrategyState.FAILED
        try:
            return self.engine.state(strategy_id)
        except Fault:
            return StrategyState.STOPPED

    def _definition(self, row: Row) -> Definition:
        strategy = self.catalog.strategy(row.type)
        values = parse_parameters(strategy, row.parameters)
        return Definition(row.id, strategy, row.symbols, Timeframe(row.timeframe), values)

    async def _enter(self, row: Row, wanted: StrategyState) -> None:
        if wanted is StrategyState.STOPPED:
            self.engine.stop(row.id)
            return
        if self.engine.state(row.id) not in _LIVE:
            reaction = self.engine.start(row.id, self._now_ns(), from_history=True)
            await self.react(reaction)
            if reaction.failures:
                return
            for request in self.engine.initial_history(row.id):
                await self._warm_up(request)
        if wanted is StrategyState.PAUSED:
            self.engine.pause(row.id)
        else:
            self.engine.start(row.id, self._now_ns(), from_history=True)

    async def _warm_up(self, request: HistoryRequest) -> bool:
        """Show an instance its history; False when the data service could not give it."""
        try:
            bars = await self._history(request)
        except Fault as fault:
            self._log.info(
                "history is missing, the strategy waits for it",
                strategy_id=request.strategy_id,
                reason=fault.message,
            )
            return False
        if self.state(request.strategy_id) in _LIVE:
            await self.react(self.engine.warm_up(request, bars, self._now_ns()))
        return True

    async def finish_warming_up(self) -> None:
        """Fetch the history that the data service could not give before."""
        for row in list(self._rows.values()):
            if self.state(row.id) is StrategyState.WARMING_UP:
                for request in self.engine.initial_history(row.id):
                    await self._warm_up(request)
        self._count_running()

    # Market and portfolio

    async def on_bar(self, bar: Bar) -> None:
        """Hand out a completed bar, after the history that must come before it."""
        for request in self.engine.missing_history(bar):
            await self._warm_up(request)
        await self.react(self.engine.on_bar(bar, self._now_ns()))

    async def on_quote(self, quote: Quote) -> None:
        """Hand out a quote."""
        await self.react(self.engine.on_quote(quote, self._now_ns()))

    def on_portfolio(self, view: PortfolioView) -> None:
        """Take note of what is held."""
        self.portfolio_known.set()
        self.engine.on_portfolio(view)

    # Signals and failures

    async def react(self, reaction: Reaction) -> None:
        """Store and send signals; report failures and plan the restart."""
        for failure in reaction.failures:
            await self._on_failure(failure)
        if not reaction.signals:
            return
        signals = list(reaction.signals)
        for signal in signals:
            self._sent[signal.id] = signal
            if len(self._sent) > _MOST_REMEMBERED:
                self._sent.popitem(last=False)
        try:
            await self._store.signals.add(signals)
        except LOST as error:
            # What cannot be stored is not sent: every signal ends with a stored outcome.
            self._log.error(
                "signals were dropped, the database is away",
                signals=[signal.id for signal in signals],
                reason=str(error),
            )
            metrics.SIGNALS.labels("dropped").inc(len(signals))
            for signal in signals:
                self.engine.on_refused(signal)
            return
        self._notify()
        await self.send(signals)

    async def on_outcomes(self, outcomes: list[Outcome], order_log_sequence: int = 0) -> None:
        """Store what became of signals."""
        changed = set(
            await until_available(
                self._store.signals.set_outcomes,
                outcomes,
                order_log_sequence,
                wait_s=_DATABASE_WAIT_S,
            )
        )
        for outcome in outcomes:
            fresh = outcome.signal_id in changed
            if fresh:
                metrics.SIGNALS.labels(_NAMES[outcome.outcome]).inc()
            # An order that ended unfilled is as good as none.
            if outcome.unfilled or (fresh and outcome.outcome != ORDERED):
                signal = self._sent.pop(outcome.signal_id, None)
                if signal is not None:
                    self.engine.on_refused(signal)
        if changed:
            self._notify()

    async def wait_for_signals(self, timeout_s: float) -> None:
        """Wait until a signal is stored or changes, at most `timeout_s`."""
        try:
            await asyncio.wait_for(self._changed.wait(), timeout_s)
        except TimeoutError:
            return

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _on_failure(self, failure: StrategyFailure) -> None:
        strategy_id = failure.strategy_id
        self._log.error(
            "a strategy failed",
            strategy_id=strategy_id,
            hook=failure.hook,
            symbol=failure.symbol,
            reason=failure.message,
            trace=failure.trace,
        )
        metrics.FAILURES.labels(strategy_id).inc()
        attempt = self._attempts.get(strategy_id, 0)
        message = f"{failure.hook} of {failure.symbol} raised {failure.message}"
        if attempt >= self._settings.max_restarts:
            message += f"; it was restarted {attempt} times and stays stopped until you start it"
        else:
            self._attempts[strategy_id] = attempt + 1
            self._restarts[strategy_id] = asyncio.ensure_future(
                self._restart(strategy_id, 2.0**attempt)
            )
        self._count_running()
        await self._note_error(strategy_id, message)

    async def _restart(self, strategy_id: str, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        row = self._rows.get(strategy_id)
        if row is None or self.state(strategy_id) is not StrategyState.FAILED:
            return
        self._restarts.pop(strategy_id, None)
        try:
            await self._store.record_error(strategy_id, "", restarted=True)
        except LOST:
            self._log.warning("a restart could not be counted", strategy_id=strategy_id)
        self._log.info("starting a failed strategy again", strategy_id=strategy_id)
        await self.apply(row, by_hand=False)

    def _cancel_restart(self, strategy_id: str) -> None:
        task = self._restarts.pop(strategy_id, None)
        if task is not None:
            task.cancel()

    async def _note_problem(self, strategy_id: str, message: str) -> None:
        self._problems[strategy_id] = message
        self._log.warning("a strategy cannot run", strategy_id=strategy_id, reason=message)
        await self._note_error(strategy_id, message)

    async def _note_error(self, strategy_id: str, message: str) -> None:
        try:
            await self._store.record_error(strategy_id, message)
        except LOST:
            self._log.warning("an error could not be stored", strategy_id=strategy_id)

    def _count_running(self) -> None:
        states = [self.state(strategy_id) for strategy_id in self._rows]
        metrics.RUNNING.set(states.count(StrategyState.RUNNING))

    def _now_ns(self) -> int:
        """Return the time in whole microseconds: what the database keeps is what is sent."""
        return self._clock.now_ns() // 1_000 * 1_000

    async def _send_nowhere(self, signals: list[Signal]) -> None:
        raise AssertionError(f"{len(signals)} signals before the host was wired")


def _definition_key(row: Row) -> tuple[object, ...]:
    return (row.type, row.symbols, row.timeframe, tuple(sorted(row.parameters.items())))
