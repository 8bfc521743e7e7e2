"""StrategyService over gRPC: in and out only."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import grpc
from asyncpg.pool import PoolConnectionProxy as Connection

from pi5.api.common.v1 import stream_pb2
from pi5.api.data.v1 import data_service_pb2
from pi5.api.data.v1.data_service_pb2_grpc import MarketDataServiceStub
from pi5.api.strategy.v1 import strategy_pb2
from pi5.api.strategy.v1 import strategy_service_pb2 as pb
from pi5.api.strategy.v1 import strategy_service_pb2_grpc as rpc
from pi5.domain.errors import InvalidInput, Precondition
from pi5.kit.client import Peer
from pi5.kit.clock import Clock
from pi5.kit.paging import page_size, read_token, write_token
from pi5.kit.wire.times import time_ns, timestamp
from pi5.strategy.api import as_text
from pi5.strategy.convert import record_to, strategy_to, type_to
from pi5.strategy.engine import StrategyState
from pi5.strategy.host import Host
from pi5.strategy.performance import Performance
from pi5.strategy.plugin import build, parse_parameters
from pi5.strategy.signals import SignalFilter
from pi5.strategy.store import Row, Store

NAME = "pi5.api.strategy.v1.StrategyService"
EPOCH = "signals"  # the numbering is the database's: it never begins anew
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)
_MOST_SYMBOLS = 100
_HEARTBEAT_S = 5.0
_STREAM_PAGE = 500
_DATA_TIMEOUT_S = 2.0
Context = grpc.aio.ServicerContext[Any, Any]


class StrategyServicer(rpc.StrategyServiceServicer):
    """Answers the calls of StrategyService."""

    def __init__(
        self, store: Store, host: Host, data: Peer, performance: Performance, clock: Clock
    ) -> None:
        self._store = store
        self._host = host
        self._data = data
        self._market = MarketDataServiceStub(data.channel)
        self._performance = performance
        self._clock = clock

    async def ListStrategyTypes(
        self, request: pb.ListStrategyTypesRequest, context: Context
    ) -> pb.ListStrategyTypesResponse:
        """Answer with the plug-ins found."""
        types = [type_to(found) for found in self._host.catalog.types()]
        return pb.ListStrategyTypesResponse(strategy_types=types)

    async def ReloadStrategyTypes(
        self, request: pb.ReloadStrategyTypesRequest, context: Context
    ) -> pb.ReloadStrategyTypesResponse:
        """Look for plug-ins again."""
        types = [type_to(found) for found in self._host.load_types().types()]
        return pb.ReloadStrategyTypesResponse(strategy_types=types)

    async def ListStrategies(
        self, request: pb.ListStrategiesRequest, context: Context
    ) -> pb.ListStrategiesResponse:
        """Answer with a page of strategies, by id."""
        size = page_size(request.page_size)
        key = read_token(request.page_token, 1)
        rows = await self._store.page(str(key[0]) if key else "", size + 1)
        more = len(rows) > size
        return pb.ListStrategiesResponse(
            strategies=[self._message(row) for row in rows[:size]],
            next_page_token=write_token([rows[size - 1].id]) if more else "",
        )

    async def GetStrategy(
        self, request: pb.GetStrategyRequest, context: Context
    ) -> pb.GetStrategyResponse:
        """Answer with one strategy."""
        return pb.GetStrategyResponse(strategy=self._message(await self._store.row(request.id)))

    async def CreateStrategy(
        self, request: pb.CreateStrategyRequest, context: Context
    ) -> pb.CreateStrategyResponse:
        """Create a strategy, stopped."""
        if not _ID.fullmatch(request.id):
            raise InvalidInput(
                "BAD_STRATEGY_ID",
                "id must be lower case letters, digits and dashes, at most 64",
                field="id",
            )
        strategy = self._host.catalog.strategy(request.type)
        build(strategy, dict(request.parameters))
        values = parse_parameters(strategy, dict(request.parameters))
        now_ns = self._clock.now_ns()
        row = Row(
            id=request.id,
            type=request.type,
            symbols=await self._known_symbols(request.symbols),
            timeframe=request.timeframe,
            parameters={name: as_text(value) for name, value in values.items()},
            enabled=request.enabled,
            desired_state=StrategyState.STOPPED,
            signal_count=0,
            restarts=0,
            last_error="",
            revision=1,
            created_at_ns=now_ns,
            updated_at_ns=now_ns,
            last_signal_at_ns=0,
        )

        async def change(connection: Connection[Any]) -> pb.CreateStrategyResponse:
            created = await self._store.insert(row, connection)
            return pb.CreateStrategyResponse(strategy=strategy_to(created, StrategyState.STOPPED))

        answer = await self._store.once(request, pb.CreateStrategyResponse, change)
        await self._host.apply(await self._store.row(request.id))
        return answer

    async def UpdateStrategy(
        self, request: pb.UpdateStrategyRequest, context: Context
    ) -> pb.UpdateStrategyResponse:
        """Change symbols, parameters or the enabled flag."""
        symbols = await self._known_symbols(request.symbols) if request.symbols else None

        async def change(connection: Connection[Any]) -> pb.UpdateStrategyResponse:
            row = await self._store.row(request.id, connection)
            if request.revision and request.revision != row.revision:
                raise Precondition(
                    "STALE_REVISION",
                    f"{row.id} was changed meanwhile: it has revision {row.revision}, not "
                    f"{request.revision}; look at it and send the change again",
                    field="revision",
                )
            parameters = row.parameters
            if request.parameters:
                strategy = self._host.catalog.strategy(row.type)
                merged = {**row.parameters, **request.parameters}
                build(strategy, merged)
                values = parse_parameters(strategy, merged)
                parameters = {name: as_text(value) for name, value in values.items()}
            wanted = replace(
                row,
                symbols=symbols or row.symbols,
                parameters=parameters,
                enabled=request.enabled if request.HasField("enabled") else row.enabled,
            )
            stored = await self._store.update(wanted, connection, self._clock.now_ns())
            return pb.UpdateStrategyResponse(strategy=self._message(stored))

        answer = await self._store.once(request, pb.UpdateStrategyResponse, change)
        await self._host.apply(await self._store.row(request.id))
        return answer

    async def DeleteStrategy(
        self, request: pb.DeleteStrategyRequest, context: Context
    ) -> pb.DeleteStrategyResponse:
        """Remove a stopped strategy."""

        async def change(connection: Connection[Any]) -> pb.DeleteStrategyResponse:
            row = await self._store.row(request.id, connection)
            if row.desired_state != StrategyState.STOPPED:
                raise Precondition(
                    "STRATEGY_NOT_STOPPED", f"{row.id} is not stopped; stop it first", field="id"
                )
            await self._store.delete(row.id, connection)
            return pb.DeleteStrategyResponse()

        answer = await self._store.once(request, pb.DeleteStrategyResponse, change)
        await self._host.forget(request.id)
        return answer

    async def StartStrategy(
        self, request: pb.StartStrategyRequest, context: Context
    ) -> pb.StartStrategyResponse:
        """Let a strategy trade."""
        row = await self._store.row(request.id)
        # What cannot run is refused now, with its reason, not found out later.
        build(self._host.catalog.strategy(row.type), row.parameters)
        message = await self._want(request, pb.StartStrategyResponse, StrategyState.RUNNING)
        return pb.StartStrategyResponse(strategy=message)

    async def StopStrategy(
        self, request: pb.StopStrategyRequest, context: Context
    ) -> pb.StopStrategyResponse:
        """Stop a strategy; positions and working orders stay."""
        message = await self._want(request, pb.StopStrategyResponse, StrategyState.STOPPED)
        return pb.StopStrategyResponse(strategy=message)

    async def PauseStrategy(
        self, request: pb.PauseStrategyRequest, context: Context
    ) -> pb.PauseStrategyResponse:
        """Keep a strategy watching without giving signals."""
        message = await self._want(request, pb.PauseStrategyResponse, StrategyState.PAUSED)
        return pb.PauseStrategyResponse(strategy=message)

    async def GetStrategyPerformance(
        self, request: pb.GetStrategyPerformanceRequest, context: Context
    ) -> pb.GetStrategyPerformanceResponse:
        """Answer with how a strategy has done."""
        row = await self._store.row(request.id)
        figures = await self._performance.of(
            row.id, await self._store.signals.filled_orders(row.id)
        )
        return pb.GetStrategyPerformanceResponse(performance=figures)

    async def ListSignals(
        self, request: pb.ListSignalsRequest, context: Context
    ) -> pb.ListSignalsResponse:
        """Answer with a page of signals, newest first."""
        size = page_size(request.page_size)
        key = read_token(request.page_token, 2)
        wanted = SignalFilter(
            request.strategy_id,
            request.symbol,
            time_ns(request.before),
            (int(key[0]), str(key[1])) if key else None,
        )
        records = await self._store.signals.page(wanted, size + 1)
        token = ""
        if len(records) > size:
            last = records[size - 1].signal
            token = write_token([last.created_at_ns, last.id])
        return pb.ListSignalsResponse(
            signals=[record_to(record) for record in records[:size]], next_page_token=token
        )

    async def StreamSignals(
        self, request: pb.StreamSignalsRequest, context: Context
    ) -> AsyncIterator[pb.StreamSignalsResponse]:
        """Stream signals and changes of their outcome, each with a new sequence."""
        if request.HasField("resume") and request.resume.epoch in {"", EPOCH}:
            sequence = request.resume.after_sequence
        else:
            sequence = await self._store.signals.last_sequence()
        yield self._heartbeat(sequence)
        while True:
            records = await self._store.signals.after(sequence, _STREAM_PAGE)
            for record in records:
                sequence = record.sequence
                yield pb.StreamSignalsResponse(signal=record_to(record))
            if not records:
                await self._host.wait_for_signals(_HEARTBEAT_S)
                yield self._heartbeat(sequence)

    def _heartbeat(self, sequence: int) -> pb.StreamSignalsResponse:
        beat = stream_pb2.Heartbeat(
            last_sequence=sequence, epoch=EPOCH, server_time=timestamp(self._clock.now_ns())
        )
        return pb.StreamSignalsResponse(heartbeat=beat)

    async def _want(
        self, request: Any, answer_type: Any, state: StrategyState
    ) -> strategy_pb2.Strategy:
        """Store the state that is wanted and make the host follow it."""

        async def change(connection: Connection[Any]) -> Any:
            row = await self._store.row(request.id, connection)
            stored = await self._store.update(
                replace(row, desired_state=state), connection, self._clock.now_ns()
            )
            return answer_type(strategy=self._message(stored))

        await self._store.once(request, answer_type, change)
        row = await self._store.row(request.id)
        await self._host.apply(row)
        return self._message(row)

    def _message(self, row: Row) -> strategy_pb2.Strategy:
        return strategy_to(row, self._host.state(row.id), self._host.last_event_ns(row.id))

    async def _known_symbols(self, symbols: Sequence[str]) -> tuple[str, ...]:
        """Return the symbols, each once.

        Raises:
            InvalidInput: TOO_MANY_SYMBOLS.
            NotFound: UNKNOWN_SYMBOL, as data answers it.
        """
        wanted = tuple(dict.fromkeys(symbols))
        if len(wanted) > _MOST_SYMBOLS:
            raise InvalidInput(
                "TOO_MANY_SYMBOLS", f"a strategy takes {_MOST_SYMBOLS} symbols", field="symbols"
            )
        for symbol in wanted:
            await self._market.GetInstrument(
                data_service_pb2.GetInstrumentRequest(symbol=symbol),
                metadata=self._data.metadata(),
                timeout=_DATA_TIMEOUT_S,
            )
        return wanted
