"""The channels: which service's stream feeds each, what its snapshot is, how its data looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from pi5.api.common.v1 import stream_pb2
from pi5.api.data.v1 import data_service_pb2 as data
from pi5.api.data.v1 import data_service_pb2_grpc
from pi5.api.execution.v1 import execution_service_pb2 as execution
from pi5.api.execution.v1 import execution_service_pb2_grpc
from pi5.api.portfolio.v1 import portfolio_service_pb2 as portfolio
from pi5.api.portfolio.v1 import portfolio_service_pb2_grpc
from pi5.api.risk.v1 import risk_service_pb2 as risk
from pi5.api.risk.v1 import risk_service_pb2_grpc
from pi5.api.strategy.v1 import strategy_service_pb2 as strategy
from pi5.api.strategy.v1 import strategy_service_pb2_grpc
from pi5.api.system.v1 import audit_service_pb2 as audit
from pi5.api.system.v1 import audit_service_pb2_grpc
from pi5.domain.errors import Exhausted, InvalidInput
from pi5.kit.client import Peer
from pi5.kit.clock import Clock
from pi5.kit.log import Logger

from pi5_web.codec import to_json
from pi5_web.live.feed import Feed, LogFeed, StateFeed
from pi5_web.live.quotes import QuoteBoard
from pi5_web.live.source import Source

MARKET_INTERVAL_MS = 100
VIEWS_MAX = 64
SNAPSHOT_ROWS = 50
_CALL_WITHIN_S = 4.0
Symbols = frozenset[str]


def _text(content: Any) -> str:
    return msgspec.json.encode(content).decode()


class Topic:
    """One stream and the feeds made from it."""

    channels: tuple[str, ...]

    def __init__(self, peer: Peer, clock: Clock, log: Logger) -> None:
        self.peer = peer
        self.clock = clock
        self.source = Source(
            f"{peer.name} {self.channels[0]}", self.open_stream, self.take, self.lost, log
        )

    def open_stream(self) -> Any:
        """Open the stream, going on where it broke."""
        raise NotImplementedError

    def take(self, message: Any) -> None:
        """Turn a message of the stream into updates."""
        raise NotImplementedError

    def lost(self) -> None:
        """Begin anew: the stream could not go on where it was."""
        raise NotImplementedError

    def feeds(self) -> list[Feed]:
        """Return all feeds."""
        raise NotImplementedError

    async def feed(self, channel: str, symbols: Symbols) -> Feed:
        """Return the feed of a channel.

        Raises:
            InvalidInput: NO_SYMBOLS_HERE.
        """
        if symbols:
            raise InvalidInput("NO_SYMBOLS_HERE", f"{channel} cannot be narrowed to symbols")
        return next(feed for feed in self.feeds() if feed.channel == channel)

    def drop_unused(self) -> None:
        """Forget feeds that nobody listens to."""

    async def ask(self, method: Any, request: Any) -> Any:
        """Call a unary method in the bridge's name."""
        return await method(request, metadata=self.peer.metadata(), timeout=_CALL_WITHIN_S)


class MarketTopic(Topic):
    """Quotes and trades; a view for every set of symbols somebody asked for."""

    channels = ("market_data",)

    def __init__(self, peer: Peer, clock: Clock, log: Logger) -> None:
        self._stub = data_service_pb2_grpc.MarketDataServiceStub(peer.channel)
        self._board = QuoteBoard()
        self._views: dict[Symbols, StateFeed] = {}
        super().__init__(peer, clock, log)

    def open_stream(self) -> Any:
        """Open the stream at the present: quotes are a state, nothing is missed."""
        request = data.StreamMarketDataRequest(
            quotes=True, trades=True, bars=True, min_interval_ms=MARKET_INTERVAL_MS
        )
        return self._stub.StreamMarketData(request, metadata=self.peer.metadata())

    def take(self, message: data.StreamMarketDataResponse) -> None:
        """Send the newest quotes and the trades of a batch to the views they concern."""
        if message.WhichOneof("event") != "batch":
            return
        flush = self._board.take(message.batch)
        for symbols, view in self._views.items():
            if view.listeners and (text := flush.text(symbols)) is not None:
                view.publish(text)

    def lost(self) -> None:
        """Ask for all quotes again when somebody comes."""
        self._board = QuoteBoard()
        for view in self._views.values():
            view.begin_anew()
        self._views.clear()

    def feeds(self) -> list[Feed]:
        """Return the views."""
        return list(self._views.values())

    async def feed(self, channel: str, symbols: Symbols) -> Feed:
        """Return the view of some symbols, all when empty.

        Raises:
            Exhausted: TOO_MANY_VIEWS.
        """
        board = self._board
        if not board.ready:
            answer = await self.ask(self._stub.ListQuotes, data.ListQuotesRequest())
            if not board.ready:
                board.begin(answer.quotes)
        if symbols not in self._views:
            self.drop_unused()
            if len(self._views) >= VIEWS_MAX:
                raise Exhausted("TOO_MANY_VIEWS", "subscribe without symbols, or to the same ones")
            self._views[symbols] = StateFeed(
                channel, self.clock, lambda: self._board.snapshot(symbols)
            )
        return self._views[symbols]

    def drop_unused(self) -> None:
        """Forget views without listeners once there are many."""
        if len(self._views) >= VIEWS_MAX:
            self._views = {key: view for key, view in self._views.items() if view.listeners}


class PortfolioTopic(Topic):
    """Summary and positions."""

    channels = ("portfolio", "positions")

    def __init__(self, peer: Peer, clock: Clock, log: Logger) -> None:
        self._stub = portfolio_service_pb2_grpc.PortfolioServiceStub(peer.channel)
        self._state: dict[str, str] = {}
        self._feeds = [
            StateFeed(name, clock, lambda name=name: self._state.get(name))  # type: ignore[misc]
            for name in self.channels
        ]
        super().__init__(peer, clock, log)

    def open_stream(self) -> Any:
        """Open the stream; it begins with the present state."""
        request = portfolio.StreamPortfolioRequest()
        return self._stub.StreamPortfolio(request, metadata=self.peer.metadata())

    def take(self, message: portfolio.StreamPortfolioResponse) -> None:
        """Send the newest figures."""
        if message.WhichOneof("event") != "snapshot":
            return
        positions = [to_json(position) for position in message.snapshot.positions]
        summary = to_json(message.snapshot.summary)
        self._state = {
            "portfolio": _text({"summary": summary, "positions": positions}),
            "positions": _text({"positions": positions}),
        }
        for feed in self._feeds:
            feed.publish(self._state[feed.channel])

    def lost(self) -> None:
        """Wait for a fresh state."""
        self._state = {}
        for feed in self._feeds:
            feed.begin_anew()

    def feeds(self) -> list[Feed]:
        """Return both feeds."""
        return list(self._feeds)


class RiskTopic(Topic):
    """The state of risk."""

    channels = ("risk",)

    def __init__(self, peer: Peer, clock: Clock, log: Logger) -> None:
        self._stub = risk_service_pb2_grpc.RiskServiceStub(peer.channel)
        self._state: str | None = None
        self._feed = StateFeed("risk", clock, lambda: self._state)
        super().__init__(peer, clock, log)

    def open_stream(self) -> Any:
        """Open the stream; it begins with the present state."""
        request = risk.StreamRiskStateRequest()
        return self._stub.StreamRiskState(request, metadata=self.peer.metadata())

    def take(self, message: risk.StreamRiskStateResponse) -> None:
        """Send the newest state."""
        if message.WhichOneof("event") == "state":
            self._state = _text(to_json(message.state))
            self._feed.publish(self._state)

    def lost(self) -> None:
        """Wait for a fresh state."""
        self._state = None
        self._feed.begin_anew()

    def feeds(self) -> list[Feed]:
        """Return the one feed."""
        return [self._feed]


class LogTopic(Topic):
    """What the three logs share: the last sequence, from which a broken stream goes on."""

    def __init__(self, peer: Peer, clock: Clock, log: Logger) -> None:
        self.last: int | None = None
        self.log_feed = LogFeed(self.channels[0], clock, self.load)
        super().__init__(peer, clock, log)

    async def load(self) -> str:
        """Return what a newcomer is given, as JSON."""
        raise NotImplementedError

    def resume(self) -> stream_pb2.Resume | None:
        """Return where to go on; None for the present."""
        return None if self.last is None else stream_pb2.Resume(after_sequence=self.last)

    def heard(self, heartbeat: stream_pb2.Heartbeat) -> None:
        """Note where the log is, so that nothing is lost if the stream breaks before an event."""
        if self.last is None:
            self.last = heartbeat.last_sequence

    def lost(self) -> None:
        """Go on from the present with a new numbering."""
        self.last = None
        self.log_feed.begin_anew()

    def feeds(self) -> list[Feed]:
        """Return the one feed."""
        return [self.log_feed]


class OrdersTopic(LogTopic):
    """The order log."""

    channels = ("orders",)

    def __init__(self, peer: Peer, clock: Clock, log: Logger) -> None:
        self._stub = execution_service_pb2_grpc.ExecutionServiceStub(peer.channel)
        super().__init__(peer, clock, log)

    def open_stream(self) -> Any:
        """Open the log after the last event that was seen."""
        request = execution.StreamOrderEventsRequest(resume=self.resume())
        return self._stub.StreamOrderEvents(request, metadata=self.peer.metadata())

    def take(self, message: execution.StreamOrderEventsResponse) -> None:
        """Send the events that came together as one update."""
        if message.WhichOneof("event") == "heartbeat":
            self.heard(message.heartbeat)
        elif message.batch.events:
            self.last = message.batch.events[-1].sequence
            self.log_feed.publish(_text({"events": [to_json(e) for e in message.batch.events]}))

    async def load(self) -> str:
        """Return all open orders, the newest orders and the newest fills."""
        stub = self._stub
        request = execution.ListOrdersRequest
        working = await self.ask(
            stub.ListOrders, request(status=execution.ORDER_FILTER_OPEN, page_size=500)
        )
        newest = await self.ask(stub.ListOrders, request(page_size=SNAPSHOT_ROWS))
        fills = await self.ask(stub.ListFills, execution.ListFillsRequest(page_size=SNAPSHOT_ROWS))
        # Oldest first, so that a client that keeps the newest it was given keeps the right ones.
        orders = {order.id: order for order in [*working.orders, *newest.orders]}
        ordered = sorted(orders.values(), key=lambda o: (o.created_at.seconds, o.created_at.nanos))
        return _text(
            {
                "orders": [to_json(order) for order in ordered],
                "fills": [to_json(fill) for fill in reversed(fills.fills)],
            }
        )


class SignalsTopic(LogTopic):
    """Signals and what became of them."""

    channels = ("signals",)

    def __init__(self, peer: Peer, clock: Clock, log: Logger) -> None:
        self._stub = strategy_service_pb2_grpc.StrategyServiceStub(peer.channel)
        super().__init__(peer, clock, log)

    def open_stream(self) -> Any:
        """Open the stream after the last signal that was seen."""
        request = strategy.StreamSignalsRequest(resume=self.resume())
        return self._stub.StreamSignals(request, metadata=self.peer.metadata())

    def take(self, message: strategy.StreamSignalsResponse) -> None:
        """Send one signal."""
        if message.WhichOneof("event") == "heartbeat":
            self.heard(message.heartbeat)
        elif message.HasField("signal"):
            self.last = message.signal.sequence
            self.log_feed.publish(_text({"signals": [to_json(message.signal)]}))

    async def load(self) -> str:
        """Return the newest signals, oldest first."""
        answer = await self.ask(
            self._stub.ListSignals, strategy.ListSignalsRequest(page_size=SNAPSHOT_ROWS)
        )
        return _text({"signals": [to_json(record) for record in reversed(answer.signals)]})


class SystemTopic(LogTopic):
    """System events."""

    channels = ("system",)

    def __init__(self, peer: Peer, clock: Clock, log: Logger) -> None:
        self._stub = audit_service_pb2_grpc.AuditServiceStub(peer.channel)
        super().__init__(peer, clock, log)

    def open_stream(self) -> Any:
        """Open the stream after the last event that was seen."""
        request = audit.StreamSystemEventsRequest(resume=self.resume())
        return self._stub.StreamSystemEvents(request, metadata=self.peer.metadata())

    def take(self, message: audit.StreamSystemEventsResponse) -> None:
        """Send one event."""
        if message.WhichOneof("event") == "heartbeat":
            self.heard(message.heartbeat)
        elif message.HasField("system_event"):
            self.last = message.system_event.sequence
            self.log_feed.publish(_text({"events": [to_json(message.system_event)]}))

    async def load(self) -> str:
        """Return the newest events, oldest first."""
        answer = await self.ask(
            self._stub.ListSystemEvents, audit.ListSystemEventsRequest(page_size=SNAPSHOT_ROWS)
        )
        return _text({"events": [to_json(event) for event in reversed(answer.events)]})


def all_topics(peers: Mapping[str, Peer], clock: Clock, log: Logger) -> list[Topic]:
    """Return every topic."""
    kinds: dict[str, Callable[[Peer, Clock, Logger], Topic]] = {
        "data": MarketTopic,
        "portfolio": PortfolioTopic,
        "risk": RiskTopic,
        "execution": OrdersTopic,
        "strategy": SignalsTopic,
        "system": SystemTopic,
    }
    return [kind(peers[name], clock, log) for name, kind in kinds.items()]
