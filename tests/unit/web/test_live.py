"""Live data over a real WebSocket: snapshot, updates, resume, heartbeats, and who must go."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest
import websockets
from pi5.api.data.v1 import data_service_pb2 as data_pb
from pi5.api.data.v1 import data_service_pb2_grpc as data_rpc
from pi5.api.execution.v1 import execution_service_pb2 as orders_pb
from pi5.api.execution.v1 import execution_service_pb2_grpc as orders_rpc
from pi5.api.portfolio.v1 import portfolio_service_pb2 as portfolio_pb
from pi5.api.portfolio.v1 import portfolio_service_pb2_grpc as portfolio_rpc
from pi5_web.live import hub as hub_module
from pi5_web.live import source as source_module


class Feeder:
    """Hands what a test puts in to the stream that is open."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue = asyncio.Queue()
        self.opened: list = []
        self.ended = asyncio.Event()

    async def stream(self, request):
        self.opened.append(request)
        try:
            while True:
                yield await self.queue.get()
        finally:
            self.ended.set()


class Portfolio(portfolio_rpc.PortfolioServiceServicer):
    def __init__(self, feeder: Feeder) -> None:
        self.feeder = feeder

    async def StreamPortfolio(self, request, context):
        async for message in self.feeder.stream(request):
            yield message


class Orders(orders_rpc.ExecutionServiceServicer):
    def __init__(self, feeder: Feeder) -> None:
        self.feeder = feeder
        self.listed = asyncio.Event()
        self.listed.set()

    async def StreamOrderEvents(self, request, context):
        yield orders_pb.StreamOrderEventsResponse(heartbeat={"last_sequence": 10})
        async for message in self.feeder.stream(request):
            yield message

    async def ListOrders(self, request, context):
        await self.listed.wait()
        return orders_pb.ListOrdersResponse(orders=[{"id": "o1", "status": 2}])

    async def ListFills(self, request, context):
        return orders_pb.ListFillsResponse(fills=[{"execution_id": "f1"}])


class Data(data_rpc.MarketDataServiceServicer):
    def __init__(self, feeder: Feeder) -> None:
        self.feeder = feeder

    async def ListQuotes(self, request, context):
        return data_pb.ListQuotesResponse(quotes=[{"symbol": "A"}, {"symbol": "B"}])

    async def StreamMarketData(self, request, context):
        yield data_pb.StreamMarketDataResponse(heartbeat={})
        async for message in self.feeder.stream(request):
            yield message


def services(feeder: Feeder) -> dict[str, Any]:
    return {
        "portfolio": (portfolio_rpc.add_PortfolioServiceServicer_to_server, Portfolio(feeder)),
        "execution": (orders_rpc.add_ExecutionServiceServicer_to_server, Orders(feeder)),
        "data": (data_rpc.add_MarketDataServiceServicer_to_server, Data(feeder)),
    }


def snapshot(equity: str) -> portfolio_pb.StreamPortfolioResponse:
    return portfolio_pb.StreamPortfolioResponse(
        snapshot={"summary": {"equity": equity}, "positions": [{"symbol": "ACME", "qty": "2"}]}
    )


def fill(sequence: int) -> orders_pb.StreamOrderEventsResponse:
    return orders_pb.StreamOrderEventsResponse(batch={"events": [{"sequence": sequence}]})


def quotes(symbol: str, bid: int) -> data_pb.StreamMarketDataResponse:
    columns = {
        "symbol_index": [0],
        "bid_price": [bid],
        "bid_size": [1],
        "ask_price": [bid + 1],
        "ask_size": [1],
        "time_unix_ns": [1],
    }
    return data_pb.StreamMarketDataResponse(
        batch={"symbols": [symbol], "price_scale": 2, "quotes": columns}
    )


class Socket:
    """A client that keeps JSON and forgets nothing."""

    def __init__(self, connection) -> None:
        self.connection = connection

    async def say(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def next(self, *kinds: str) -> dict:
        while True:
            message = json.loads(await asyncio.wait_for(self.connection.recv(), 8))
            if message["type"] in kinds:
                return message

    async def closed(self) -> int:
        with contextlib.suppress(websockets.ConnectionClosed):
            await self.read_to_the_end()
        return self.connection.close_code

    async def read_to_the_end(self) -> None:
        while True:
            await asyncio.wait_for(self.connection.recv(), 12)


def connect(bridge, path: str = "/ws", token: str | None = "", **headers: str):
    """Open a WebSocket with a bearer token; None for none."""
    if token is not None:
        headers["authorization"] = f"Bearer {token or bridge.token('viewer')}"
    return websockets.connect(
        f"ws://127.0.0.1:{bridge.port}{path}", additional_headers=headers, max_size=2**24
    )


async def test_a_state_begins_with_a_snapshot_then_numbered_updates(running) -> None:
    """Portfolio and positions come from one stream, each numbered without gaps."""
    feeder = Feeder()
    async with running(services(feeder), listen=True) as bridge, connect(bridge) as connection:
        socket = Socket(connection)
        feeder.queue.put_nowait(snapshot("100"))
        await socket.say(action="subscribe", channel="portfolio")
        first = await socket.next("snapshot")
        feeder.queue.put_nowait(snapshot("101"))
        feeder.queue.put_nowait(snapshot("102"))
        updates = [await socket.next("update") for _ in range(2)]
        await socket.say(action="subscribe", channel="positions")
        positions = await socket.next("snapshot")
    assert first["channel"] == "portfolio"
    assert first["data"]["summary"]["equity"] == "100"
    assert [u["seq"] for u in updates] == [first["seq"] + 1, first["seq"] + 2]
    assert {u["epoch"] for u in updates} == {first["epoch"]}
    assert updates[1]["data"]["summary"]["equity"] == "102"
    assert positions["data"]["positions"][0]["qty"] == "2"
    assert len(feeder.opened) == 1


async def test_a_log_loses_nothing_between_snapshot_and_updates(running) -> None:
    """Events that come while the snapshot is being asked for follow behind it."""
    feeder = Feeder()
    made = services(feeder)
    orders = made["execution"][1]
    async with running(made, listen=True) as bridge, connect(bridge) as connection:
        socket = Socket(connection)
        orders.listed.clear()
        await socket.say(action="subscribe", channel="orders")
        subscribed = await socket.next("subscribed")
        feeder.queue.put_nowait(fill(11))
        feeder.queue.put_nowait(fill(12))
        await asyncio.sleep(0.2)
        orders.listed.set()
        first = await socket.next("snapshot")
        updates = [await socket.next("update") for _ in range(2)]
    assert first["seq"] == subscribed["seq"]
    assert first["data"]["orders"][0]["status"] == "accepted"
    assert first["data"]["fills"][0]["execution_id"] == "f1"
    assert [u["seq"] for u in updates] == [first["seq"] + 1, first["seq"] + 2]
    assert [u["data"]["events"][0]["sequence"] for u in updates] == [11, 12]


async def test_a_client_resumes_where_it_stopped(running) -> None:
    """With its sequence and epoch a client gets what it missed, and no snapshot."""
    feeder = Feeder()
    async with running(services(feeder), listen=True) as bridge:
        async with connect(bridge) as connection:
            socket = Socket(connection)
            await socket.say(action="subscribe", channel="orders")
            first = await socket.next("snapshot")
        async with connect(bridge) as witness, connect(bridge) as connection:
            await Socket(witness).say(action="subscribe", channel="orders")
            await Socket(witness).next("snapshot")
            feeder.queue.put_nowait(fill(11))
            feeder.queue.put_nowait(fill(12))
            await Socket(witness).next("update")
            await Socket(witness).next("update")
            socket = Socket(connection)
            resume = {"after_seq": first["seq"], "epoch": first["epoch"]}
            await socket.say(action="subscribe", channel="orders", **resume)
            missed = [await socket.next("snapshot", "update") for _ in range(2)]
            await socket.say(action="subscribe", channel="orders", after_seq=1, epoch="another")
            anew = await socket.next("snapshot", "update")
    assert [m["type"] for m in missed] == ["update", "update"]
    assert [m["data"]["events"][0]["sequence"] for m in missed] == [11, 12]
    assert anew["type"] == "snapshot"


async def test_a_broken_stream_goes_on_where_it_was(running, monkeypatch) -> None:
    """The bridge itself resumes the log, so a restart of execution loses no event."""
    feeder = Feeder()
    made = services(feeder)
    async with running(made, listen=True) as bridge, connect(bridge) as connection:
        socket = Socket(connection)
        await socket.say(action="subscribe", channel="orders")
        await socket.next("snapshot")
        feeder.queue.put_nowait(fill(11))
        await socket.next("update")
        feeder.queue.put_nowait("not a message")  # breaks the stream
        feeder.queue.put_nowait(fill(12))
        update = await socket.next("update")
    assert update["data"]["events"][0]["sequence"] == 12
    assert not feeder.opened[0].HasField("resume")
    assert feeder.opened[1].resume.after_sequence == 11


async def test_symbols_narrow_market_data_with_a_numbering_of_their_own(running) -> None:
    """A view of some symbols has no gaps because of others."""
    feeder = Feeder()
    async with (
        running(services(feeder), listen=True) as bridge,
        connect(bridge) as all_of_it,
        connect(bridge) as only_b,
    ):
        everything, narrow = Socket(all_of_it), Socket(only_b)
        await everything.say(action="subscribe", channel="market_data")
        await narrow.say(action="subscribe", channel="market_data", symbols=["B"])
        first = await everything.next("snapshot")
        own = await narrow.next("snapshot")
        for symbol in ("A", "A", "B"):
            feeder.queue.put_nowait(quotes(symbol, 1234))
        seen = [await everything.next("update") for _ in range(3)]
        mine = await narrow.next("update")
    assert {q["symbol"] for q in first["data"]["quotes"]} == {"A", "B"}
    assert [q["symbol"] for q in own["data"]["quotes"]] == ["B"]
    assert [m["seq"] for m in seen] == [1, 2, 3]
    assert (mine["seq"], mine["data"]["quotes"][0]["bid_price"]) == (1, "12.34")


async def test_heartbeats_carry_the_newest_sequence(running, monkeypatch) -> None:
    """Silence can be told from death, and a missed update from silence."""
    monkeypatch.setattr(hub_module, "HEARTBEAT_S", 0.1)
    feeder = Feeder()
    async with running(services(feeder), listen=True) as bridge, connect(bridge) as connection:
        socket = Socket(connection)
        alone = await socket.next("heartbeat")
        await socket.say(action="subscribe", channel="orders")
        await socket.next("snapshot")
        feeder.queue.put_nowait(fill(11))
        update = await socket.next("update")
        beat = await socket.next("heartbeat")
        await socket.say(action="ping")
        pong = await socket.next("pong")
    assert "channel" not in alone
    assert (beat["channel"], beat["seq"]) == ("orders", update["seq"])
    assert pong["ts"]


async def test_the_stream_ends_when_nobody_listens(running, monkeypatch) -> None:
    """A topic costs nothing while nobody looks."""
    monkeypatch.setattr(source_module, "LINGER_S", 0.05)
    feeder = Feeder()
    async with running(services(feeder), listen=True) as bridge:
        async with connect(bridge) as connection:
            await Socket(connection).say(action="subscribe", channel="orders")
            await Socket(connection).next("snapshot")
            assert not feeder.ended.is_set()
        await asyncio.wait_for(feeder.ended.wait(), 5)


async def test_a_service_that_is_away_is_named(running, monkeypatch) -> None:
    """A subscriber is told at once that the source does not answer."""
    monkeypatch.setattr(source_module, "FIRST_WITHIN_S", 0.2)
    async with running({}, listen=True) as bridge, connect(bridge) as connection:
        await Socket(connection).say(action="subscribe", channel="risk")
        error = await Socket(connection).next("error")
    assert (error["channel"], error["data"]["code"]) == ("risk", "SERVICE_UNAVAILABLE")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('{"action":"subscribe","channel":"weather"}', "UNKNOWN_CHANNEL"),
        ('{"action":"dance"}', "UNKNOWN_ACTION"),
        ('{"action":"subscribe","channel":"orders","symbols":["A"]}', "NO_SYMBOLS_HERE"),
        ('{"action":7}', "BAD_MESSAGE"),
        ("not json", "BAD_MESSAGE"),
    ],
)
async def test_nonsense_is_answered_and_the_socket_stays(running, message, code) -> None:
    """A wrong message gets an error with a code; the next right one is obeyed."""
    async with running(services(Feeder()), listen=True) as bridge, connect(bridge) as connection:
        await connection.send(message)
        error = await Socket(connection).next("error")
        await Socket(connection).say(action="ping")
        await Socket(connection).next("pong")
    assert error["data"]["code"] == code


async def test_aliases_subscribe_by_themselves(running) -> None:
    """/ws/orders is /ws with the subscription made."""
    async with (
        running(services(Feeder()), listen=True) as bridge,
        connect(bridge, "/ws/orders") as connection,
    ):
        assert (await Socket(connection).next("snapshot"))["channel"] == "orders"


async def test_a_token_may_come_in_the_first_message_but_not_in_the_address(running) -> None:
    """What stands in an address ends up in logs, so it opens nothing."""
    async with running(services(Feeder()), listen=True) as bridge:
        token = bridge.token("viewer")
        async with connect(bridge, token=None) as connection:
            socket = Socket(connection)
            await socket.say(action="auth", token=token)
            assert (await socket.next("authenticated"))["ts"]
        async with connect(bridge, f"/ws?token={token}", token=None) as connection:
            await Socket(connection).say(action="subscribe", channel="orders")
            assert await Socket(connection).closed() == 4401


async def test_who_says_nothing_wrong_or_late_is_sent_away(running, monkeypatch) -> None:
    """No token, a bad one, an expired one: 4401; a foreign page is not even let in."""
    monkeypatch.setattr(hub_module, "AUTH_WITHIN_S", 0.2)
    async with running(services(Feeder()), listen=True) as bridge:
        async with connect(bridge, token=None) as silent:
            assert await Socket(silent).closed() == 4401
        for bad in ("rubbish", bridge.token(ttl_s=-1)):
            async with connect(bridge, token=bad) as connection:
                assert await Socket(connection).closed() == 4401
        with pytest.raises(websockets.InvalidStatus):
            async with connect(bridge, origin="http://evil.example"):
                pass
        own = f"http://127.0.0.1:{bridge.port}"
        cookie = f"pi5_access={bridge.token('viewer')}"
        async with connect(bridge, token=None, origin=own, cookie=cookie) as connection:
            await Socket(connection).say(action="ping")
            await Socket(connection).next("pong")


async def test_a_socket_ends_with_its_token_unless_renewed(running) -> None:
    """An open socket does not outlive the right to it; a fresh token prolongs it."""
    async with running(services(Feeder()), listen=True) as bridge:
        async with connect(bridge, token=bridge.token("viewer", ttl_s=1)) as connection:
            assert await Socket(connection).closed() == 4401
        async with connect(bridge, token=bridge.token("viewer", ttl_s=1)) as connection:
            socket = Socket(connection)
            await socket.say(action="auth", token=bridge.token("viewer"))
            await asyncio.sleep(1.5)
            await socket.say(action="ping")
            await socket.next("pong")
        async with connect(bridge, token=bridge.token("viewer")) as connection:
            await Socket(connection).say(action="auth", token=bridge.token(user="bob"))
            assert await Socket(connection).closed() == 1008


async def test_one_user_may_open_so_many_sockets(running, monkeypatch) -> None:
    """One user cannot take all places."""
    monkeypatch.setattr(hub_module, "CLIENTS_OF_USER_MAX", 2)
    async with running(services(Feeder()), listen=True) as bridge:
        async with connect(bridge) as first, connect(bridge) as second:
            for connection in (first, second):
                await Socket(connection).say(action="ping")
                await Socket(connection).next("pong")
            async with connect(bridge) as third:
                assert await Socket(third).closed() == 1008
        async with connect(bridge) as after:
            await Socket(after).say(action="ping")
            await Socket(after).next("pong")


async def test_a_flood_of_commands_ends_the_socket(running, monkeypatch) -> None:
    """Commands are limited as calls are."""
    async with running(services(Feeder()), listen=True) as bridge, connect(bridge) as connection:
        for _ in range(hub_module.COMMANDS_PER_MINUTE + 5):
            await connection.send('{"action":"ping"}')
        assert await Socket(connection).closed() == 4029


async def test_a_stop_says_so_to_every_client(running) -> None:
    """When the bridge stops, sockets close with 1012, so clients know to come back."""
    async with running(services(Feeder()), listen=True) as bridge:
        connection = await connect(bridge)
        await Socket(connection).say(action="ping")
        await Socket(connection).next("pong")
    assert await Socket(connection).closed() == 1012
