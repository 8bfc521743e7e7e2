"""Runs the providers: opens their streams, takes what comes, and opens them again when they fail.

Everything a provider delivers goes one way: through the engine's rules, then to the hub at once,
to the ring of short bars or the writer, and to quarantine what was refused.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from pi5.data import metrics
from pi5.data.catalogue import Catalogue
from pi5.data.engine import MarketEngine
from pi5.data.hub import Hub
from pi5.data.providers.base import Book, Provider
from pi5.data.quality import RejectedRow
from pi5.data.recent import RecentBars
from pi5.data.writer import Writer
from pi5.domain.errors import Fault
from pi5.domain.market import Bar
from pi5.kit.clock import Clock
from pi5.kit.log import Logger
from pi5.kit.wire.market import MarketEvents

_NS = 1_000_000_000
_RETRY_FIRST_S, _RETRY_LAST_S = 0.1, 10.0
_TICK_S = 0.1
# A bar is completed this long after its end, for trades that are still on their way.
_GRACE_NS = 250_000_000
_STALL_NS = 200_000_000


@dataclass(slots=True)
class FeedStatus:
    """How a provider is."""

    name: str
    failed: bool = False
    running: int = 0
    last_message_ns: int = 0
    messages: int = 0
    errors: int = 0
    last_error: str = ""
    providers: list[Provider] = field(default_factory=list)

    def symbols(self) -> list[str]:
        """Return the symbols it delivers now."""
        return sorted({symbol for provider in self.providers for symbol in provider.symbols()})


class Feeds:
    """All running providers and where their data goes."""

    def __init__(
        self,
        catalogue: Catalogue,
        engine: MarketEngine,
        hub: Hub,
        recent: RecentBars,
        writer: Writer,
        clock: Clock,
        log: Logger,
        spawn: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]],
    ) -> None:
        self._catalogue = catalogue
        self._engine = engine
        self._hub = hub
        self._recent = recent
        self._writer = writer
        self._clock = clock
        self._log = log
        self._spawn = spawn
        self._tasks: dict[Provider, asyncio.Task[None]] = {}
        self.statuses: dict[str, FeedStatus] = {}

    def start(self, provider: Provider) -> None:
        """Run a provider until its stream ends or it is stopped."""
        status = self.declare(provider.name)
        status.providers.append(provider)
        status.running += 1
        self._tasks[provider] = self._spawn(
            self._run(provider, status), f"provider {provider.name}"
        )

    async def stop(self, provider: Provider) -> None:
        """Stop a provider; does nothing when it has ended."""
        task = self._tasks.get(provider)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def declare(self, name: str) -> FeedStatus:
        """Return the status of a provider, which need not run (yet)."""
        status = self.statuses.get(name)
        if status is None:
            status = self.statuses[name] = FeedStatus(name)
            metrics.FEED_AGE_SECONDS.labels(name).set_function(lambda: self._age_s(status))
        return status

    def source_of(self, symbol: str) -> str:
        """Return the provider that delivers a symbol now; empty when there is none."""
        for status in self.statuses.values():
            if any(symbol in provider.symbols() for provider in status.providers):
                return status.name
        return ""

    def book(self, symbol: str, levels: int) -> Book | None:
        """Return the order book of a symbol, from the first provider that has one."""
        for status in self.statuses.values():
            for provider in status.providers:
                found = provider.book(symbol, levels)
                if found is not None:
                    return found
        return None

    async def complete_bars(self) -> None:
        """Complete bars by the passing of time, for ever.

        When the process was held up, trades of the past may still wait in their feeds; they get
        the time of one more round to arrive.
        """
        while True:
            before_ns = self._clock.monotonic_ns()
            await asyncio.sleep(_TICK_S)
            if self._clock.monotonic_ns() - before_ns > _STALL_NS:
                continue
            bars = self._engine.on_time(self._clock.now_ns() - _GRACE_NS)
            self._keep(bars)
            self._hub.publish(MarketEvents(bars=bars))

    def _age_s(self, status: FeedStatus) -> float:
        if not status.last_message_ns:
            return 0.0
        return (self._clock.now_ns() - status.last_message_ns) / _NS

    async def _run(self, provider: Provider, status: FeedStatus) -> None:
        delay_s = _RETRY_FIRST_S
        try:
            while True:
                try:
                    async with contextlib.aclosing(provider.stream()) as stream:
                        async for events in stream:
                            delay_s, status.failed = _RETRY_FIRST_S, False
                            self._take(provider, status, events)
                except Exception as error:  # noqa: BLE001 - a source's failure must stay its own
                    self._fail(status, error)
                else:
                    return
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, _RETRY_LAST_S)
        finally:
            status.running -= 1
            status.failed = status.failed and status.running > 0
            status.providers.remove(provider)
            self._tasks.pop(provider, None)

    def _fail(self, status: FeedStatus, error: Exception) -> None:
        status.failed = True
        status.errors += 1
        said = error.message if isinstance(error, Fault) else str(error)
        status.last_error = f"{type(error).__name__}: {said}"
        metrics.PROVIDER_ERRORS.labels(status.name).inc()
        unforeseen = None if isinstance(error, Fault) else error
        self._log.warning(
            "a provider failed, opening it again",
            provider=status.name,
            error=status.last_error,
            exc_info=unforeseen,
        )

    def _take(self, provider: Provider, status: FeedStatus, events: MarketEvents) -> None:
        now_ns = self._clock.now_ns()
        if provider.replays_history:
            intake = self._engine.replay(provider.name, events.quotes, events.bars)
        else:
            intake = self._engine.accept(
                provider.name, events.quotes, events.trades, events.bars, now_ns
            )
            self._keep(intake.bars)
        self._count(status, now_ns, events)
        self._hub.publish(
            MarketEvents(quotes=intake.quotes, trades=intake.trades, bars=intake.bars)
        )
        for row in intake.rejected:
            self._quarantine(row)

    def _count(self, status: FeedStatus, now_ns: int, events: MarketEvents) -> None:
        status.last_message_ns = now_ns
        for kind, count in (
            ("quote", len(events.quotes)),
            ("trade", len(events.trades)),
            ("bar", len(events.bars)),
        ):
            if count:
                status.messages += count
                metrics.MESSAGES.labels(status.name, kind).inc(count)

    def _keep(self, bars: list[Bar]) -> None:
        """Put short bars into memory and the others on their way to the database."""
        for bar in bars:
            instrument = self._catalogue.get(bar.symbol)
            if not self._recent.append(bar, instrument):
                self._writer.bar(bar, instrument)

    def _quarantine(self, row: RejectedRow) -> None:
        metrics.QUARANTINED.labels(row.reason).inc()
        self._writer.rejected(row)
