"""The data service as a process: real database, real socket, real market."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from pi5.api.common.v1 import options_pb2, stream_pb2
from pi5.api.data.v1 import data_service_pb2 as pb
from pi5.api.data.v1 import data_service_pb2_grpc as rpc
from pi5.kit import migrate
from pi5.kit.clock import SystemClock
from pi5.kit.home import Home
from pi5.kit.postgres import EmbeddedPostgres
from pi5.kit.tokens import TokenIssuer, load_or_create_key
from pi5.kit.wire.market import events_from

pytestmark = pytest.mark.integration
DAY_1, SECOND_1 = 8, 1
CSV = "time,open,high,low,close,volume\n"


@dataclass
class Service:
    """A running data service and a client of it."""

    stub: Any
    health: Any
    metadata: tuple[tuple[str, str], ...]

    async def call(self, method: str, **fields: Any) -> Any:
        """Call a unary method."""
        request = getattr(pb, f"{method}Request")(**fields)
        return await getattr(self.stub, method)(request, metadata=self.metadata, timeout=20)

    def stream(self, **fields: Any) -> Any:
        """Open the stream of live data."""
        return self.stub.StreamMarketData(
            pb.StreamMarketDataRequest(**fields), metadata=self.metadata
        )

    async def serving(self) -> bool:
        """Tell whether gRPC health says SERVING."""
        try:
            answer = await self.health.Check(health_pb2.HealthCheckRequest(), timeout=1)
        except grpc.aio.AioRpcError:
            return False
        return answer.status == health_pb2.HealthCheckResponse.SERVING


@contextlib.asynccontextmanager
async def running(home: Home, dsn: str, **variables: str) -> AsyncIterator[Service]:
    """Run `pi5.serve data` until the block ends; it must end cleanly."""
    home.create()
    environment = {
        **os.environ,
        "PI5_HOME": str(home.root),
        "PI5_DATABASE_URL": dsn,
        "PI5_SERVICES__DATA__PORT": "0",
        **variables,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pi5.serve", "data", env=environment
    )
    issuer = TokenIssuer(load_or_create_key(home), SystemClock())
    token = issuer.mint("tester", options_pb2.ROLE_TRADER, 600)
    try:
        async with grpc.aio.insecure_channel(
            f"unix:{home.socket('data')}", options=[("grpc.max_reconnect_backoff_ms", 100)]
        ) as channel:
            service = Service(
                rpc.MarketDataServiceStub(channel),
                health_pb2_grpc.HealthStub(channel),
                (("authorization", f"Bearer {token}"),),
            )
            await eventually(service.serving)
            yield service
    finally:
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 10) == 0


async def eventually(condition: Any, within_s: float = 30.0) -> None:
    """Wait until an asynchronous condition holds."""
    async with asyncio.timeout(within_s):
        while not await condition():  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(0.05)


async def refusal(call: Any) -> tuple[str, str, str]:
    """Return code, reason and message of a call that must be refused."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    info = error_details_pb2.ErrorInfo()
    rpc_status.from_call(caught.value).details[0].Unpack(info)
    return caught.value.code().name, info.reason, caught.value.details()


async def until(stream: Any, wanted: Any) -> list[Any]:
    """Read messages until one satisfies `wanted`; return all that were read."""
    messages = []
    async with asyncio.timeout(20):
        async for message in stream:
            messages.append(message)
            if wanted(message):
                return messages
    raise AssertionError("the stream ended")


NO_FEEDS = {"PI5_DATA__SYNTHETIC__ENABLED": "false", "PI5_DATA__REPLAY__ENABLED": "false"}
EMPTY = {**NO_FEEDS, "PI5_DATA__IMPORT_SAMPLES": "false"}


async def test_a_fresh_home_has_a_market_at_once(home: Home, database: str) -> None:
    """Instruments, samples, live quotes, trades, bars, books and providers are there when ready."""
    async with running(home, database) as service:
        listed = await service.call("ListInstruments", page_size=4)
        rest = await service.call("ListInstruments", page_token=listed.next_page_token)
        symbols = [item.symbol for item in [*listed.instruments, *rest.instruments]]
        assert symbols == ["ACME", "GLOBEX", "INITECH", "IXIC", "MSFT", "SPX"]
        spx = (await service.call("GetInstrument", symbol="SPX")).instrument
        assert (spx.venue, spx.tick_size, spx.lot_size) == ("SIM", "0.01", "0.001")

        stream = service.stream(quotes=True, trades=True, bars=True, books=True)
        seen: dict[str, set[str]] = {kind: set() for kind in ("quotes", "trades", "bars", "books")}

        def complete(message: Any) -> bool:
            events = events_from(message.batch)
            for kind in ("quotes", "trades", "bars"):
                seen[kind] |= {event.symbol for event in getattr(events, kind)}
            seen["books"] |= {book.symbol for book in message.batch.books}
            synthetic = {"ACME", "GLOBEX", "INITECH"}
            return (
                seen["quotes"] >= {*synthetic, "SPX", "MSFT"}
                and seen["trades"] >= synthetic
                and seen["bars"] >= {*synthetic, "SPX", "MSFT"}
                and seen["books"] >= synthetic
            )

        messages = await until(stream, complete)
        sequences = [message.batch.sequence for message in messages]
        assert sequences == sorted(set(sequences))
        stream.cancel()

        quotes = (await service.call("ListQuotes")).quotes
        assert [quote.symbol for quote in quotes] == ["ACME", "GLOBEX", "INITECH", "MSFT", "SPX"]
        assert not any(quote.stale for quote in quotes)
        book = (await service.call("GetBook", symbol="ACME", levels=3)).book
        assert len(book.bids) == len(book.asks) == 3
        assert not book.crossed
        recent = (await service.call("ListBars", symbol="ACME", timeframe=SECOND_1)).bars
        assert recent
        assert recent[0].source == "synthetic"
        providers = (await service.call("ListProviders")).providers
        assert [(item.name, item.state, list(item.symbols)) for item in providers] == [
            ("replay", 1, ["MSFT", "SPX"]),
            ("synthetic", 1, ["ACME", "GLOBEX", "INITECH"]),
        ]


async def test_history_is_paged_both_ways_and_streamed_merged(home: Home, database: str) -> None:
    """Pages from either end cover every stored bar once; StreamBars merges symbols by time."""
    async with running(home, database, **NO_FEEDS) as service:
        for newest in (False, True):
            times: list[int] = []
            token = ""
            while True:
                page = await service.call(
                    "ListBars", symbol="MSFT", page_size=2_000, page_token=token, newest=newest
                )
                here = [bar.time.seconds for bar in page.bars]
                assert here == sorted(here)
                times = here + times if newest else times + here
                token = page.next_page_token
                if not token:
                    break
            assert len(times) == 4_746
            assert times == sorted(set(times))
        last = (await service.call("ListBars", symbol="SPX", newest=True, page_size=1)).bars[0]
        assert (last.close, last.volume, last.source) == ("2506.85", "3442870000", "SPX_1d.csv")

        request = pb.StreamBarsRequest(symbols=["SPX", "MSFT", "IXIC"])
        batches = [
            answer.batch
            async for answer in service.stub.StreamBars(request, metadata=service.metadata)
        ]
        assert [len(batch.bars.open) for batch in batches] == [5_000, 5_000, 4_808]
        bars = [bar for batch in batches for bar in events_from(batch).bars]
        keys = [(bar.time_ns, bar.symbol) for bar in bars]
        assert keys == sorted(set(keys))
        microsoft = next(bar for bar in bars if bar.symbol == "MSFT")
        assert [str(microsoft.open), str(microsoft.volume)] == ["26.2660", "92112200.000"]


async def test_an_import_is_exact_idempotent_and_quarantines(home: Home, database: str) -> None:
    """Good rows are stored, bad ones kept with their reason; a repeated id changes nothing."""
    async with running(home, database, **EMPTY) as service:
        text = CSV + "2020-01-01,1,2,1,1.5,7\n2020-01-02,1,2,3,1.5,7\nrubbish\n"
        fields = {
            "symbol": "COIN",
            "timeframe": DAY_1,
            "csv": text,
            "source": "coin.csv",
            "request_id": str(uuid.uuid4()),
        }
        code, reason, _ = await refusal(service.call("ImportBars", **fields))
        assert (code, reason) == ("NOT_FOUND", "UNKNOWN_SYMBOL")
        fields["instrument"] = {"asset_class": 2, "lot_size": "0.001", "tradable": True}
        first = await service.call("ImportBars", **fields)
        assert (first.stored, first.duplicates, first.quarantined) == (1, 0, 2)
        assert [(row.line, row.reason) for row in first.rejected_rows] == [
            (3, "INCONSISTENT_OHLC"),
            (4, "MALFORMED"),
        ]
        assert await service.call("ImportBars", **fields) == first
        changed = {**fields, "csv": text + "2020-01-03,1,2,1,1.5,7\n"}
        code, reason, _ = await refusal(service.call("ImportBars", **changed))
        assert (code, reason) == ("ALREADY_EXISTS", "IDEMPOTENCY_KEY_REUSED")
        again = await service.call("ImportBars", **{**changed, "request_id": ""})
        assert (again.stored, again.duplicates, again.quarantined) == (1, 1, 2)

        findings = (await service.call("ListQualityFindings", symbol="COIN")).findings
        assert [(f.source, f.reason, f.count) for f in findings] == [
            ("coin.csv", "INCONSISTENT_OHLC", 2),
            ("coin.csv", "MALFORMED", 2),
        ]
        page = await service.call("ListQuarantinedRows", page_size=3)
        rest = await service.call("ListQuarantinedRows", page_token=page.next_page_token)
        assert [row.content for row in [*page.rows, *rest.rows]] == [
            "rubbish",
            "2020-01-02,1,2,3,1.5,7",
            "rubbish",
            "2020-01-02,1,2,3,1.5,7",
        ]  # fmt: skip - newest first
        code, reason, _ = await refusal(
            service.call("ImportBars", symbol="COIN", timeframe=DAY_1, csv="a,b\n1,2\n")
        )
        assert (code, reason) == ("INVALID_ARGUMENT", "CSV_MISSING_COLUMNS")


async def test_large_imports_store_every_row_once(home: Home, database: str) -> None:
    """Thousands of rows go in by COPY; sending them again stores nothing."""
    rows = "".join(f"{1990 + n // 372}-{n // 31 % 12 + 1:02}-{n % 28 + 1:02},1,1,1,1,1\n"
                   for n in range(3_720) if n % 31 < 28)  # fmt: skip
    async with running(home, database, **EMPTY) as service:
        fields = {"symbol": "COIN", "timeframe": DAY_1, "csv": CSV + rows, "instrument": {}}
        first = await service.call("ImportBars", **fields)
        second = await service.call("ImportBars", **fields)
        assert first.stored > 1_000
        assert (second.stored, second.duplicates) == (0, first.stored)


async def test_replays_are_started_watched_and_stopped(home: Home, database: str) -> None:
    """A replay plays historic bars with present quotes until it is stopped; it says why not."""
    off = {"PI5_DATA__REPLAY__ENABLED": "false"}
    async with running(home, database, **off) as service:
        stream = service.stream(symbols=["IXIC"], quotes=True, bars=True)
        plan = {"symbols": ["IXIC"], "bars_per_second": 50.0, "request_id": str(uuid.uuid4())}
        replay = (await service.call("StartReplay", **plan)).replay
        assert (await service.call("StartReplay", **plan)).replay.id == replay.id
        messages = await until(stream, lambda m: m.batch.bars.time_unix_ns)
        events = events_from(messages[-1].batch)
        assert events.bars[0].time_ns == 915_408_000 * 10**9  # 1999-01-04
        age_ns = SystemClock().now_ns() - events.quotes[0].time_ns
        assert age_ns < 5 * 10**9

        for symbols, expected in (
            (["IXIC"], ("FAILED_PRECONDITION", "SYMBOL_IS_LIVE")),
            (["ACME"], ("NOT_FOUND", "NO_BARS")),
            (["IXCI"], ("NOT_FOUND", "UNKNOWN_SYMBOL")),
        ):
            assert (await refusal(service.call("StartReplay", symbols=symbols)))[:2] == expected
        code, reason, _ = await refusal(
            service.call("StartReplay", symbols=["SPX"], bars_per_second=-1.0)
        )
        assert (code, reason) == ("INVALID_ARGUMENT", "OUT_OF_BOUNDS")

        stopped = (await service.call("StopReplay", id=replay.id)).replay
        assert not stopped.running
        assert stopped.bars_sent > 0
        (listed,) = (await service.call("ListReplays")).replays
        assert (listed.id, listed.bars_sent) == (replay.id, stopped.bars_sent)
        reason = (await refusal(service.call("StopReplay", id="nonsense")))[1]
        assert reason == "UNKNOWN_REPLAY"
        stream.cancel()


async def test_subscriptions_say_what_became_of_them(home: Home, database: str) -> None:
    """Unknown symbols are named, filters hold, a stream resumes, and nonsense is refused."""
    async with running(home, database) as service:
        stream = service.stream(symbols=["GLOBEX", "NOPE"], quotes=True)
        messages = await until(stream, lambda m: m.batch.sequence > 3)
        statuses = [m.subscription_status for m in messages[:2]]
        assert [(s.topic, s.active, s.reason) for s in statuses] == [
            ("GLOBEX", True, ""),
            ("NOPE", False, "UNKNOWN_SYMBOL"),
        ]
        batches = [m.batch for m in messages[2:]]
        assert {symbol for batch in batches for symbol in batch.symbols} == {"GLOBEX"}
        stream.cancel()

        last = batches[-1]
        resume = stream_pb2.Resume(after_sequence=last.sequence, epoch=last.epoch)
        resumed = service.stream(quotes=True, trades=True, bars=True, resume=resume)
        first = (await until(resumed, lambda m: m.HasField("batch")))[-1].batch
        assert first.sequence > last.sequence
        resumed.cancel()

        ahead = stream_pb2.Resume(after_sequence=10**9, epoch=last.epoch)
        code, reason, _ = await refusal(service.stream(quotes=True, resume=ahead).read())
        assert (code, reason) == ("OUT_OF_RANGE", "SEQUENCE_AHEAD")
        code, reason, _ = await refusal(service.stream(symbols=["ACME"]).read())
        assert (code, reason) == ("INVALID_ARGUMENT", "NOTHING_SELECTED")
        code, reason, said = await refusal(service.call("GetInstrument", symbol="AMCE"))
        assert (code, reason) == ("NOT_FOUND", "UNKNOWN_SYMBOL")
        assert "did you mean ACME?" in said
        assert (await refusal(service.call("GetBook", symbol="SPX")))[1] == "NO_BOOK"
        assert (await refusal(service.call("ListGaps", symbol="SPX")))[:2] == (
            "UNIMPLEMENTED", "PLANNED",
        )  # fmt: skip


async def test_a_stalled_subscriber_does_not_hold_up_the_others(home: Home, database: str) -> None:
    """One who never reads costs the others nothing: they stay within a second of the market."""
    rate = {"PI5_DATA__SYNTHETIC__ORDERS_PER_SECOND": "500"}
    async with running(home, database, **rate) as service:
        stalled = [service.stream(quotes=True, trades=True, bars=True) for _ in range(5)]
        for one in stalled:
            await one.read()
        stream = service.stream(trades=True)
        begin_ns = SystemClock().now_ns()
        messages = await until(
            stream, lambda m: m.batch.trades.time_unix_ns[-1:] > [begin_ns + 3 * 10**9]
        )
        late_ns = SystemClock().now_ns() - messages[-1].batch.trades.time_unix_ns[-1]
        assert late_ns < 10**9
        assert len(messages) >= 20
        for one in [*stalled, stream]:
            one.cancel()


async def test_quotes_flow_on_without_the_database(home: Home) -> None:
    """When the database goes, health says so and live data goes on; it comes back by itself."""
    server = EmbeddedPostgres(home)
    await server.start()
    try:
        await asyncio.to_thread(migrate.main, server.dsn())
        async with running(home, server.dsn()) as service:
            stream = service.stream(trades=True)
            await server.stop()

            async def away() -> bool:
                return not await service.serving()

            await eventually(away)
            code, reason, _ = await refusal(service.call("ListBars", symbol="SPX"))
            assert (code, reason) == ("UNAVAILABLE", "DATABASE_UNREACHABLE")
            now_ns = SystemClock().now_ns()
            await until(stream, lambda m: m.batch.trades.time_unix_ns[-1:] > [now_ns])
            assert len((await service.call("ListQuotes")).quotes) == 5
            stream.cancel()

            await server.start()
            await eventually(service.serving)
            assert (await service.call("ListBars", symbol="SPX", page_size=1)).bars
    finally:
        await server.stop()
