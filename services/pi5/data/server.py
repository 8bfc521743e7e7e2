"""MarketDataService: gRPC in and out, no rules."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc

from pi5.api.common.v1 import stream_pb2
from pi5.api.data.v1 import data_pb2, data_service_pb2, data_service_pb2_grpc
from pi5.data.catalogue import Catalogue
from pi5.data.convert import (
    bar_batch_to,
    bar_to,
    book_to,
    finding_to,
    instrument_to,
    quote_to,
    rejected_to,
    replay_to,
)
from pi5.data.engine import MarketEngine
from pi5.data.feeds import Feeds, FeedStatus
from pi5.data.history import BarHistory
from pi5.data.hub import Hub
from pi5.data.imports import Imports
from pi5.data.providers.replay import ReplayPlan
from pi5.data.replays import Replays
from pi5.data.selection import SYMBOLS_MAX, Selection
from pi5.data.store import BarRange, Store
from pi5.domain.errors import InvalidInput, NotFound
from pi5.domain.market import Timeframe
from pi5.kit.clock import Clock, new_id
from pi5.kit.paging import page_size, read_token, write_token
from pi5.kit.wire.times import time_ns, timestamp

NAME = data_service_pb2.DESCRIPTOR.services_by_name["MarketDataService"].full_name
_BOOK_LEVELS, _BOOK_LEVELS_MAX = 10, 100
_INTERVAL_MS_MAX = 60_000
# Wider than any market's history; both fit into a timestamp of the database.
_BEGIN_NS, _END_NS = -(2**62), 2**62 + 2**61
Request = data_service_pb2
Context = grpc.aio.ServicerContext[Any, Any]


class MarketDataServicer(data_service_pb2_grpc.MarketDataServiceServicer):
    """Answers from memory where it can and from the store where it must."""

    def __init__(
        self,
        catalogue: Catalogue,
        engine: MarketEngine,
        feeds: Feeds,
        hub: Hub,
        store: Store,
        history: BarHistory,
        imports: Imports,
        replays: Replays,
        clock: Clock,
    ) -> None:
        self._catalogue = catalogue
        self._engine = engine
        self._feeds = feeds
        self._hub = hub
        self._store = store
        self._history = history
        self._imports = imports
        self._replays = replays
        self._clock = clock

    async def ListInstruments(
        self, request: Request.ListInstrumentsRequest, context: Context
    ) -> Request.ListInstrumentsResponse:
        size = page_size(request.page_size)
        after = read_token(request.page_token, 1)
        chosen = [
            instrument
            for instrument in self._catalogue
            if request.asset_class in (0, instrument.asset_class)
            and (after is None or instrument.symbol > str(after[0]))
        ]
        page = chosen[:size]
        return Request.ListInstrumentsResponse(
            instruments=[instrument_to(instrument) for instrument in page],
            next_page_token=write_token([page[-1].symbol]) if len(chosen) > size else "",
        )

    async def GetInstrument(
        self, request: Request.GetInstrumentRequest, context: Context
    ) -> Request.GetInstrumentResponse:
        instrument = self._catalogue.get(request.symbol)
        return Request.GetInstrumentResponse(instrument=instrument_to(instrument))

    async def ListBars(
        self, request: Request.ListBarsRequest, context: Context
    ) -> Request.ListBarsResponse:
        instrument = self._catalogue.get(request.symbol)
        timeframe = Timeframe(request.timeframe or Timeframe.D1)
        size = page_size(request.page_size, default=500, most=5_000)
        start_ns, end_ns = _range(request)
        wanted = BarRange(
            instrument.symbol,
            timeframe,
            start_ns,
            end_ns,
            _integer_key(request.page_token),
            request.newest,
        )
        bars = await self._history.page(wanted, size + 1)
        more = len(bars) > size
        if more:
            bars = bars[1:] if request.newest else bars[:size]
        edge = (bars[0] if request.newest else bars[-1]) if more else None
        return Request.ListBarsResponse(
            bars=[bar_to(bar, instrument, timeframe) for bar in bars],
            next_page_token=write_token([edge.row[0]]) if edge else "",
        )

    async def StreamBars(
        self, request: Request.StreamBarsRequest, context: Context
    ) -> AsyncIterator[Request.StreamBarsResponse]:
        symbols = list(dict.fromkeys(request.symbols))
        if len(symbols) > SYMBOLS_MAX:
            raise InvalidInput(
                "TOO_MANY_SYMBOLS", f"name at most {SYMBOLS_MAX} symbols", field="symbols"
            )
        instruments = [self._catalogue.get(symbol, "symbols") for symbol in symbols]
        timeframe = Timeframe(request.timeframe or Timeframe.D1)
        start_ns, end_ns = _range(request)
        async for rows in self._history.merged(instruments, timeframe, start_ns, end_ns):
            yield Request.StreamBarsResponse(batch=bar_batch_to(rows, instruments, timeframe))

    async def ListQuotes(
        self, request: Request.ListQuotesRequest, context: Context
    ) -> Request.ListQuotesResponse:
        wanted = {self._catalogue.get(symbol, "symbols").symbol for symbol in request.symbols}
        states = self._engine.quotes(self._clock.now_ns())
        return Request.ListQuotesResponse(
            quotes=[quote_to(s) for s in states if not wanted or s.quote.symbol in wanted]
        )

    async def GetBook(
        self, request: Request.GetBookRequest, context: Context
    ) -> Request.GetBookResponse:
        symbol = self._catalogue.get(request.symbol).symbol
        levels = min(request.levels or _BOOK_LEVELS, _BOOK_LEVELS_MAX)
        book = self._feeds.book(symbol, levels)
        if book is None:
            raise NotFound("NO_BOOK", f"no provider has an order book of {symbol}", field="symbol")
        state = self._engine.quote(symbol, self._clock.now_ns())
        stale = state is None or state.stale
        return Request.GetBookResponse(book=book_to(book, stale=stale))

    async def ListProviders(
        self, request: Request.ListProvidersRequest, context: Context
    ) -> Request.ListProvidersResponse:
        statuses = self._feeds.statuses
        return Request.ListProvidersResponse(
            providers=[_provider_to(statuses[name]) for name in sorted(statuses)]
        )

    async def ListQualityFindings(
        self, request: Request.ListQualityFindingsRequest, context: Context
    ) -> Request.ListQualityFindingsResponse:
        findings = await self._store.findings(request.symbol)
        return Request.ListQualityFindingsResponse(
            findings=[finding_to(finding) for finding in findings]
        )

    async def ListQuarantinedRows(
        self, request: Request.ListQuarantinedRowsRequest, context: Context
    ) -> Request.ListQuarantinedRowsResponse:
        size = page_size(request.page_size)
        before = _integer_key(request.page_token)
        rows = await self._store.rejected(request.symbol, before, size + 1)
        page = rows[:size]
        return Request.ListQuarantinedRowsResponse(
            rows=[rejected_to(row) for _, row in page],
            next_page_token=write_token([page[-1][0]]) if len(rows) > size else "",
        )

    async def StreamMarketData(
        self, request: Request.StreamMarketDataRequest, context: Context
    ) -> AsyncIterator[Any]:
        selection = Selection.of(request)
        if request.min_interval_ms > _INTERVAL_MS_MAX:
            raise InvalidInput(
                "OUT_OF_BOUNDS",
                f"min_interval_ms is at most {_INTERVAL_MS_MAX}",
                field="min_interval_ms",
            )
        self._hub.check(request.resume)
        for symbol in request.symbols:
            active = symbol in self._catalogue
            yield Request.StreamMarketDataResponse(
                subscription_status=stream_pb2.SubscriptionStatus(
                    topic=symbol, active=active, reason="" if active else "UNKNOWN_SYMBOL"
                )
            )
        interval_s = request.min_interval_ms / 1_000
        async for message in self._hub.messages(selection, request.resume, interval_s):
            yield message

    async def ImportBars(
        self, request: Request.ImportBarsRequest, context: Context
    ) -> Request.ImportBarsResponse:
        return await self._imports.take(request)

    async def StartReplay(
        self, request: Request.StartReplayRequest, context: Context
    ) -> Request.StartReplayResponse:
        start_ns, end_ns = _range(request)
        plan = ReplayPlan(
            id=new_id(),
            symbols=tuple(request.symbols),
            timeframe=Timeframe(request.timeframe or Timeframe.D1),
            start_ns=start_ns,
            end_ns=end_ns,
            bars_per_second=request.bars_per_second or 1.0,
            loop=request.loop,
        )
        replay = await self._replays.start(plan, request.request_id)
        return Request.StartReplayResponse(replay=replay_to(replay))

    async def StopReplay(
        self, request: Request.StopReplayRequest, context: Context
    ) -> Request.StopReplayResponse:
        replay = await self._replays.stop(request.id)
        return Request.StopReplayResponse(replay=replay_to(replay))

    async def ListReplays(
        self, request: Request.ListReplaysRequest, context: Context
    ) -> Request.ListReplaysResponse:
        return Request.ListReplaysResponse(
            replays=[replay_to(replay) for replay in self._replays.newest_first()]
        )


def _range(
    request: Request.ListBarsRequest | Request.StreamBarsRequest | Request.StartReplayRequest,
) -> tuple[int, int]:
    """Return the half-open range of times of a request, in ns; wide open where it is not set."""
    start_ns = time_ns(request.start_time) if request.HasField("start_time") else _BEGIN_NS
    end_ns = time_ns(request.end_time) if request.HasField("end_time") else _END_NS
    return max(start_ns, _BEGIN_NS), min(end_ns, _END_NS)


def _integer_key(token: str) -> int | None:
    """Return the number in a page token; None for the first page.

    Raises:
        InvalidInput: BAD_PAGE_TOKEN.
    """
    key = read_token(token, 1)
    if key is None:
        return None
    if not isinstance(key[0], int) or not _BEGIN_NS <= key[0] <= _END_NS:
        raise InvalidInput(
            "BAD_PAGE_TOKEN", "page_token is not one that this list gave", field="page_token"
        )
    return key[0]


def _provider_to(status: FeedStatus) -> data_pb2.Provider:
    if status.failed:
        state = data_pb2.PROVIDER_STATE_FAILED
    elif status.running:
        state = data_pb2.PROVIDER_STATE_ACTIVE
    else:
        state = data_pb2.PROVIDER_STATE_DISABLED
    return data_pb2.Provider(
        name=status.name,
        state=state,
        symbols=status.symbols(),
        last_message_at=timestamp(status.last_message_ns),
        messages=status.messages,
        errors=status.errors,
        last_error=status.last_error,
    )


def add_to_server(servicer: MarketDataServicer, server: grpc.aio.Server) -> None:
    """Register the servicer so that StreamMarketData may yield messages that are bytes already."""
    data_service_pb2_grpc.add_MarketDataServiceServicer_to_server(
        servicer,
        _EncodedMessages(server),  # type: ignore[arg-type]
    )


class _EncodedMessages:
    """Stands in for the server while generated code registers, and swaps one serializer."""

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        """Ignore the handlers: they come again by name."""

    def add_registered_method_handlers(self, service: str, handlers: dict[str, Any]) -> None:
        """Register a service's handlers."""
        plain = handlers["StreamMarketData"]
        swapped = grpc.unary_stream_rpc_method_handler(
            plain.unary_stream,
            request_deserializer=plain.request_deserializer,
            response_serializer=_serialize,
        )
        everything = {**handlers, "StreamMarketData": swapped}
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, everything),)
        )


def _serialize(message: bytes | Request.StreamMarketDataResponse) -> bytes:
    return message if isinstance(message, bytes) else message.SerializeToString()
