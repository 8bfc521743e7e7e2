"""The live gate: feeds the engine from four streams, keeps it durable, says when it may be used.

The engine is always ahead of the database, never behind: events are applied as they come, and a
writer stores them behind the hot path with the cursor. Until the instruments are known, the order
log is read to its end and a portfolio view is there, nothing is judged.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc

from pi5.api.common.v1 import stream_pb2
from pi5.api.data.v1 import data_service_pb2, data_service_pb2_grpc
from pi5.api.execution.v1 import execution_service_pb2, execution_service_pb2_grpc
from pi5.api.portfolio.v1 import portfolio_service_pb2, portfolio_service_pb2_grpc
from pi5.domain.errors import Fault, Unavailable
from pi5.domain.event import OrderEvent
from pi5.domain.mark import offers
from pi5.domain.order import DEFAULT_ACCOUNT
from pi5.kit.client import follow
from pi5.kit.database import LOST
from pi5.kit.lifecycle import Context
from pi5.kit.wire.market import events_from
from pi5.kit.wire.orders import event_from
from pi5.kit.wire.times import time_ns
from pi5.risk import metrics
from pi5.risk.convert import instrument_from, limits_of_settings, view_from
from pi5.risk.engine import DayRecord, RiskEngine
from pi5.risk.reservations import Reservation
from pi5.risk.situation import RiskRules
from pi5.risk.store import Saved, Store

MARKS_INTERVAL_MS = 20
MOST_UNWRITTEN = 10_000
_BATCH = 500
_FIRST_RETRY_S, _LAST_RETRY_S = 0.1, 5.0
_INSTRUMENTS_S, _LEAST_INSTRUMENTS_S = 15.0, 0.5
_CONFIRM_S = 0.25
_LOG_SILENCE_NS = 15_000_000_000


@dataclass(frozen=True, slots=True)
class _Applied:
    """An event that the engine has and the database has not."""

    event: OrderEvent
    claim: Reservation | None


class Gate:
    """The engine with everything that feeds it.

    Args:
        context: what the service lives with.
        on_loaded: called once with what was stored, before anything is judged.
    """

    def __init__(self, context: Context, on_loaded: Callable[[Saved], None]) -> None:
        settings = context.settings
        self._context = context
        self._on_loaded = on_loaded
        self.engine = RiskEngine(
            limits_of_settings(settings.risk),
            rules=RiskRules(
                currency=settings.system.currency,
                max_portfolio_lag_ms=settings.risk.max_portfolio_lag_ms,
                approval_valid_ms=settings.risk.approval_valid_ms,
                day_starts_at_utc_hour=settings.portfolio.day_starts_at_utc_hour,
            ),
        )
        self._store: Store | None = None
        self._peers = {name: context.peer(name) for name in ("data", "execution", "portfolio")}
        self._unwritten: deque[_Applied] = deque()
        self._room, self._work = asyncio.Event(), asyncio.Event()
        self._written_sequence = 0
        self._saved_days: dict[str, DayRecord] = {}
        self._loaded, self._unknown_symbol = asyncio.Event(), asyncio.Event()
        self._settled_ns = context.clock.now_ns() + settings.risk.approval_valid_ms * 1_000_000
        self._log_message_ns = self._log_end = 0
        self._caught_up = self._has_instruments = self._opened = False
        self._database_answers = False

    @property
    def store(self) -> Store:
        """The store, once the database was reached.

        Raises:
            Unavailable: RISK_LOADING.
        """
        if self._store is None:
            raise Unavailable("RISK_LOADING", "the database was not reached yet", retry_after_s=1.0)
        return self._store

    def work(self) -> list[Any]:
        """Return the coroutines that keep the gate alive."""
        return [
            self._keep(),
            self._confirm_end(),
            self._write(),
            self._follow_portfolio(),
            self._follow_marks(),
            self._follow_instruments(),
        ]

    def now_ns(self) -> int:
        """The wall clock."""
        return self._context.clock.now_ns()

    def missing(self) -> list[str]:
        """Return what must still come before anything can be judged; empty when ready."""
        silent = self._context.clock.monotonic_ns() - self._log_message_ns > _LOG_SILENCE_NS
        found = {
            "database": self._database_answers,
            "instruments": self._has_instruments,
            "order log": self._caught_up and not silent,
            "portfolio": self.engine.view(DEFAULT_ACCOUNT) is not None,
        }
        return [name for name, there in found.items() if not there]

    def require_open(self) -> None:
        """Refuse to judge before the state is complete; once it was, the checks take over.

        Raises:
            Unavailable: RISK_NOT_READY.
        """
        if not self._opened:
            missing = self.missing()
            if missing:
                raise Unavailable(
                    "RISK_NOT_READY",
                    f"risk waits for: {', '.join(missing)}; nothing is approved before that",
                    retry_after_s=0.5,
                )
            self._opened = True

    def expire(self) -> None:
        """Give back what was approved and never used."""
        lapsed = self.engine.expire(self.now_ns())
        if lapsed:
            metrics.LAPSED.inc(len(lapsed))
            ids = [claim.client_order_id for claim in lapsed]
            self._context.log.warning("approvals were never used", client_order_ids=ids)
        metrics.RESERVATIONS.set(len(self.engine.reservations))

    # ------------------------------------------------------------ the order log

    async def _keep(self) -> None:
        """Load once, then follow the log for ever; whatever breaks leads back here."""
        delay = _FIRST_RETRY_S
        while True:
            try:
                if not self._loaded.is_set():
                    await self._load()
                await self._follow_log()
            except (*LOST, Fault, grpc.aio.AioRpcError) as error:
                self._caught_up = False
                code = error.code if isinstance(error, Fault) else type(error).__name__
                self._context.log.warning(
                    "risk waits", code=str(code), reason=str(error) or type(error).__name__
                )
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LAST_RETRY_S)

    async def _load(self) -> None:
        if self._store is None:
            self._store = Store(await self._context.pool())
        saved = await self._store.load()
        self.engine.restore(saved.sequence, saved.reservations, saved.days)
        for stored in saved.limits:
            self.engine.set_limits(stored.scope, stored.limits)
        self._written_sequence = saved.sequence
        self._saved_days = {day.account: day for day in saved.days}
        self._on_loaded(saved)
        self._database_answers = True
        self._loaded.set()

    async def _follow_log(self) -> None:
        peer = self._peers["execution"]
        stub = execution_service_pb2_grpc.ExecutionServiceStub(peer.channel)

        def open_stream() -> Any:
            resume = stream_pb2.Resume(after_sequence=self.engine.sequence)
            request = execution_service_pb2.StreamOrderEventsRequest(resume=resume)
            return stub.StreamOrderEvents(request, metadata=peer.metadata())

        messages: Any = follow(open_stream, self._context.log, "order-events")
        async with contextlib.aclosing(messages):
            async for message in messages:
                self._log_message_ns = self._context.clock.monotonic_ns()
                if message.WhichOneof("event") == "batch":
                    await self._apply([event_from(event) for event in message.batch.events])
                else:
                    self._note_end(message.heartbeat)
                self._note_caught_up()

    def _note_end(self, heartbeat: stream_pb2.Heartbeat) -> None:
        """Take note of where the log ends, and when it ended there."""
        self._log_end = max(self._log_end, heartbeat.last_sequence)
        if heartbeat.last_sequence <= self.engine.sequence:
            self.engine.on_log_caught_up(time_ns(heartbeat.server_time))

    def _note_caught_up(self) -> None:
        """Find out whether the log was read to its end.

        Approvals of a former process may still be on their way into the log while they are valid,
        so it must have been read beyond that time after the start.
        """
        if self.engine.sequence >= self._log_end and self.engine.log_heard_ns >= self._settled_ns:
            self._caught_up = True

    async def _confirm_end(self) -> None:
        """Ask where the log ends once approvals of a former process cannot come any more.

        The stream itself would say so only with its next event or heartbeat, seconds later.
        """
        peer = self._peers["execution"]
        stub = execution_service_pb2_grpc.ExecutionServiceStub(peer.channel)
        while not self._caught_up:
            await asyncio.sleep(_CONFIRM_S)
            if self.now_ns() < self._settled_ns or not self._loaded.is_set():
                continue
            resume = stream_pb2.Resume(after_sequence=self.engine.sequence)
            call: Any = stub.StreamOrderEvents(
                execution_service_pb2.StreamOrderEventsRequest(resume=resume),
                metadata=peer.metadata(),
                timeout=2.0,
            )
            with contextlib.suppress(grpc.aio.AioRpcError):
                message = await call.read()
                if message is not grpc.aio.EOF and message.WhichOneof("event") == "heartbeat":
                    self._note_end(message.heartbeat)
                    self._note_caught_up()
            call.cancel()

    async def _apply(self, events: list[OrderEvent]) -> None:
        for event in events:
            before = self.engine.sequence
            claim = self.engine.on_order_event(event)
            if self.engine.sequence != before:
                self._unwritten.append(_Applied(event, claim))
        metrics.UNWRITTEN.set(len(self._unwritten))
        self._work.set()
        while len(self._unwritten) >= MOST_UNWRITTEN:
            self._room.clear()
            await self._room.wait()

    async def _write(self) -> None:
        """Store what was applied, in order; wait out a database that is away."""
        delay = _FIRST_RETRY_S
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._work.wait(), 1.0)
            self._work.clear()
            if not self._loaded.is_set():
                continue
            try:
                await self._write_days()
                while self._unwritten:
                    await self._write_log()
                self._database_answers, delay = True, _FIRST_RETRY_S
            except (*LOST, Fault) as error:
                self._database_answers = False
                self._context.log.warning(
                    "risk cannot store", reason=str(error) or type(error).__name__
                )
                await self._reread_cursor()
                self._work.set()
                await asyncio.sleep(delay)
                delay = min(delay * 2, _LAST_RETRY_S)

    async def _write_log(self) -> None:
        batch = [self._unwritten[index] for index in range(min(_BATCH, len(self._unwritten)))]
        decisions = [entry.event.decision for entry in batch if entry.event.decision]
        claims = {e.claim.client_order_id: e.claim for e in batch if e.claim}
        view = self.engine.view(DEFAULT_ACCOUNT)
        last = batch[-1].event.sequence
        await self.store.save_log(
            self._written_sequence,
            last,
            decisions,
            list(claims.values()),
            view.applied_sequence if view else 0,
        )
        self._drop_written(last)

    def _drop_written(self, sequence: int) -> None:
        self._written_sequence = sequence
        while self._unwritten and self._unwritten[0].event.sequence <= sequence:
            self._unwritten.popleft()
        metrics.UNWRITTEN.set(len(self._unwritten))
        self._room.set()

    async def _reread_cursor(self) -> None:
        """After a commit without an answer, find out what became of it."""
        with contextlib.suppress(*LOST, Fault):
            self._drop_written((await self.store.load()).sequence)

    async def _write_days(self) -> None:
        changed = [
            day for account, day in self.engine.days.items() if self._saved_days.get(account) != day
        ]
        if changed:
            await self.store.save_days(changed)
            self._saved_days |= {day.account: day for day in changed}

    # ------------------------------------------------------------ portfolio, marks, instruments

    async def _follow_portfolio(self) -> None:
        peer = self._peers["portfolio"]
        stub = portfolio_service_pb2_grpc.PortfolioServiceStub(peer.channel)
        request = portfolio_service_pb2.StreamPortfolioRequest()

        def open_stream() -> Any:
            return stub.StreamPortfolio(request, metadata=peer.metadata())

        await self._loaded.wait()
        async for message in follow(open_stream, self._context.log, "portfolio"):
            if message.WhichOneof("event") == "snapshot":
                self.engine.on_portfolio(view_from(message.snapshot))

    async def _follow_marks(self) -> None:
        peer = self._peers["data"]
        stub = data_service_pb2_grpc.MarketDataServiceStub(peer.channel)
        request = data_service_pb2.StreamMarketDataRequest(
            quotes=True, trades=True, bars=True, min_interval_ms=MARKS_INTERVAL_MS
        )

        def open_stream() -> Any:
            return stub.StreamMarketData(request, metadata=peer.metadata())

        async for message in follow(open_stream, self._context.log, "market-data"):
            if message.WhichOneof("event") == "batch":
                events = events_from(message.batch)
                for offer in offers(events.quotes, events.trades, events.bars, self.now_ns()):
                    self.engine.on_mark(offer.symbol, offer.price, offer.time_ns, offer.source)
                    if self.engine.instrument(offer.symbol) is None:
                        self._unknown_symbol.set()

    async def _follow_instruments(self) -> None:
        """Read the list of instruments; again now and then, and when a new one has a price."""
        delay = _FIRST_RETRY_S
        while True:
            try:
                self._has_instruments = await self._read_instruments() or self._has_instruments
                delay = _INSTRUMENTS_S if self._has_instruments else min(delay * 2, _LAST_RETRY_S)
            except grpc.aio.AioRpcError as error:
                delay = min(delay * 2, _LAST_RETRY_S)
                self._context.log.info("instruments not read", code=error.code().name)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._unknown_symbol.wait(), delay)
            self._unknown_symbol.clear()
            await asyncio.sleep(_LEAST_INSTRUMENTS_S)

    async def _read_instruments(self) -> bool:
        peer, token, count = self._peers["data"], "", 0
        stub = data_service_pb2_grpc.MarketDataServiceStub(peer.channel)
        while True:
            answer = await stub.ListInstruments(
                data_service_pb2.ListInstrumentsRequest(page_size=500, page_token=token),
                metadata=peer.metadata(),
                timeout=5.0,
            )
            for message in answer.instruments:
                self.engine.on_instrument(instrument_from(message))
                count += 1
            token = answer.next_page_token
            if not token:
                return count > 0
