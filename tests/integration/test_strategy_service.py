"""The strategy service as a whole: real gRPC, real PostgreSQL, peers played by the test.

The peers speak the real contract over unix sockets; they stand for what other tests prove of
the services themselves, and misbehave on request.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from decimal import Decimal

import grpc
import pytest
from grpc_status import rpc_status
from pi5.api.common.v1 import options_pb2, stream_pb2
from pi5.api.data.v1 import data_service_pb2 as data_pb
from pi5.api.data.v1 import data_service_pb2_grpc as data_rpc
from pi5.api.execution.v1 import execution_pb2
from pi5.api.execution.v1 import execution_service_pb2 as execution_pb
from pi5.api.execution.v1 import execution_service_pb2_grpc as execution_rpc
from pi5.api.portfolio.v1 import portfolio_service_pb2 as portfolio_pb
from pi5.api.portfolio.v1 import portfolio_service_pb2_grpc as portfolio_rpc
from pi5.api.strategy.v1 import strategy_pb2
from pi5.api.strategy.v1 import strategy_service_pb2 as pb
from pi5.api.strategy.v1 import strategy_service_pb2_grpc as rpc
from pi5.domain.errors import NotFound
from pi5.domain.market import Bar, Timeframe
from pi5.kit.clock import SystemClock
from pi5.kit.faults import reason_of
from pi5.kit.guard import Guard
from pi5.kit.home import Home
from pi5.kit.lifecycle import Context
from pi5.kit.log import get_logger
from pi5.kit.server import GrpcServer
from pi5.kit.settings import DatabaseSettings, ServiceSettings, Settings, StrategySettings
from pi5.kit.tokens import ServiceToken, TokenIssuer, load_or_create_key
from pi5.kit.wire.market import MarketEvents, batch_to
from pi5.kit.wire.times import timestamp
from pi5.strategy.main import start

pytestmark = pytest.mark.integration
DAY_NS = 86_400_000_000_000
FIRST_DAY = 10_000
PLUG_IN = """
from pi5.strategy.api import Parameter, Strategy

class Steps(Strategy):
    name = "steps"
    description = "Buys at 20, closes at 5, raises at 13."
    level = Parameter(20, minimum=1, description="Where to buy.")

    @property
    def warm_up(self):
        return 1

    def on_bar(self, context, bar):
        if bar.close == self.level:
            context.buy("twenty", confidence=0.5, inputs={"close": 20.0})
        elif bar.close == 5:
            context.close("five")
        elif bar.close == 13:
            raise RuntimeError("thirteen")
"""


def bar(day: int, close: int) -> Bar:
    price = Decimal(close)
    time_ns = (FIRST_DAY + day) * DAY_NS
    return Bar("ACME", Timeframe.D1, time_ns, price, price, price, price, Decimal(1))


class Data(data_rpc.MarketDataServiceServicer):
    def __init__(self) -> None:
        self.stored: list[Bar] = []
        self.epoch = "one"
        self._sent: list[Bar] = []  # bar n has sequence n + 1
        self._grown = asyncio.Event()

    def push(self, *bars: Bar) -> None:
        self._sent.extend(bars)
        self._grown.set()

    async def GetInstrument(self, request, context):
        if request.symbol != "ACME":
            raise NotFound("UNKNOWN_SYMBOL", f"there is no instrument {request.symbol}")
        return data_pb.GetInstrumentResponse(instrument={"symbol": "ACME"})

    async def ListBars(self, request, context):
        end_ns = request.end_time.seconds * 10**9 or 2**62
        found = [item for item in self.stored if item.time_ns < end_ns][-request.page_size :]
        return data_pb.ListBarsResponse(
            bars=[
                {
                    "symbol": item.symbol, "timeframe": 8, "time": timestamp(item.time_ns),
                    "open": str(item.open), "high": str(item.high), "low": str(item.low),
                    "close": str(item.close), "volume": "1",
                }
                for item in found
            ]
        )  # fmt: skip

    async def StreamMarketData(self, request, context):
        """As the real one: a snapshot with its number first, or what came after the resumed one."""
        position = len(self._sent)
        if request.resume.epoch == self.epoch:
            position = request.resume.after_sequence
        else:
            snapshot = batch_to(MarketEvents(), position, self.epoch)
            yield data_pb.StreamMarketDataResponse(batch=snapshot)
        while True:
            while position < len(self._sent):
                position += 1
                events = MarketEvents(bars=[self._sent[position - 1]])
                batch = batch_to(events, position, self.epoch)
                yield data_pb.StreamMarketDataResponse(batch=batch)
            self._grown.clear()
            await self._grown.wait()


class Execution(execution_rpc.ExecutionServiceServicer):
    """Answers as told: order, refuse, hang or break."""

    def __init__(self) -> None:
        self.manner = "order"
        self.signals: list = []
        self.log: asyncio.Queue = asyncio.Queue()
        self.resumed_after: list[int] = []

    async def SubmitSignals(self, requests, context):
        async for request in requests:
            self.signals.append(request.signal)
            answer = execution_pb.SubmitSignalsResponse(signal_id=request.signal.id)
            if self.manner == "break":
                await context.abort(grpc.StatusCode.UNAVAILABLE, "gone")
            elif self.manner == "refuse":
                answer.reject_code = "MAX_EXPOSURE"
                answer.reject_reason = "0.95 is over 0.90"
                yield answer
            elif self.manner == "order":
                answer.order.id = str(uuid.uuid4())
                answer.decision_id = str(uuid.uuid4())
                yield answer

    async def StreamOrderEvents(self, request, context):
        self.resumed_after.append(request.resume.after_sequence)
        yield execution_pb.StreamOrderEventsResponse(heartbeat=stream_pb2.Heartbeat())
        while True:
            event = await self.log.get()
            batch = execution_pb.OrderEventBatch(events=[event])
            yield execution_pb.StreamOrderEventsResponse(batch=batch)


class Portfolio(portfolio_rpc.PortfolioServiceServicer):
    def __init__(self) -> None:
        self.held = "0"

    async def StreamPortfolio(self, request, context):
        while True:
            snapshot = portfolio_pb.PortfolioSnapshot(
                summary={"account": "main", "currency": "USD", "equity": "1", "cash": "1"},
                positions=[{"strategy_id": "one", "symbol": "ACME", "qty": self.held}],
            )
            yield portfolio_pb.StreamPortfolioResponse(snapshot=snapshot)
            await asyncio.sleep(0.05)

    async def ListAttribution(self, request, context):
        rows = [
            {"name": "one", "realized_pnl": "7", "unrealized_pnl": "-1", "fees": "0.5"},
            {"name": "other", "realized_pnl": "99"},
        ]
        return portfolio_pb.ListAttributionResponse(rows=rows)

    async def ListClosedTrades(self, request, context):
        if request.page_token:
            return portfolio_pb.ListClosedTradesResponse(trades=[{"pnl": "-2"}])
        return portfolio_pb.ListClosedTradesResponse(trades=[{"pnl": "8"}], next_page_token="x")


class System:
    """The service under test, its peers, and a client."""

    def __init__(self, home: Home, database: str) -> None:
        home.create()
        self.home, self.clock = home, SystemClock()
        self.issuer = TokenIssuer(load_or_create_key(home), self.clock)
        self.settings = Settings(
            database=DatabaseSettings(url=database),
            strategy=StrategySettings(instances=(), max_restarts=1, call_timeout_ms=500),
            services={"strategy": ServiceSettings(port=0)},
        )
        self.data, self.execution, self.portfolio = Data(), Execution(), Portfolio()

    @contextlib.asynccontextmanager
    async def peers(self) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            for name, add, servicer in (
                ("data", data_rpc.add_MarketDataServiceServicer_to_server, self.data),
                ("execution", execution_rpc.add_ExecutionServiceServicer_to_server, self.execution),
                ("portfolio", portfolio_rpc.add_PortfolioServiceServicer_to_server, self.portfolio),
            ):
                server = GrpcServer([(add, servicer)], [], Guard(self.issuer, get_logger(name)))
                await server.start(self.home.socket(name), -1)
                stack.push_async_callback(server.stop, 0)
            yield

    @contextlib.asynccontextmanager
    async def service(self) -> AsyncIterator[rpc.StrategyServiceStub]:
        async with contextlib.AsyncExitStack() as stack:
            context = Context(
                service="strategy", home=self.home, settings=self.settings, clock=self.clock,
                log=get_logger("strategy"), issuer=self.issuer,
                token=ServiceToken(self.issuer, self.clock, "strategy"),
                stopping=asyncio.Event(), _stack=stack,
            )  # fmt: skip
            stack.push_async_callback(context.cancel_tasks)
            async with start(context):
                target = f"unix:{self.home.socket('strategy')}"
                token = self.issuer.mint("ada", options_pb2.ROLE_TRADER, 600)
                self.metadata = (("authorization", f"Bearer {token}"),)
                async with grpc.aio.insecure_channel(target) as channel:
                    yield rpc.StrategyServiceStub(channel)
                await context.cancel_tasks()
            assert context.failure is None, context.failure

    async def call(self, method, request):
        return await method(request, metadata=self.metadata, timeout=10)


@pytest.fixture
async def system(home: Home, database: str) -> AsyncIterator[System]:
    made = System(home, database)
    (home.strategies / "steps.py").write_text(PLUG_IN, encoding="utf-8")
    async with made.peers():
        yield made


async def until(condition, timeout_s: float = 10.0):
    """Wait until an async condition gives something true; return it."""
    async with asyncio.timeout(timeout_s):
        while True:
            found = await condition()
            if found:
                return found
            await asyncio.sleep(0.02)


async def create_and_start(system: System, stub, **changes) -> None:
    request = pb.CreateStrategyRequest(
        id="one", type="steps", symbols=["ACME"], timeframe=8, enabled=True, **changes
    )
    await system.call(stub.CreateStrategy, request)
    await system.call(stub.StartStrategy, pb.StartStrategyRequest(id="one"))
    await until(lambda: in_state(system, stub, strategy_pb2.STRATEGY_STATE_RUNNING))


async def in_state(system: System, stub, state) -> bool:
    found = await system.call(stub.GetStrategy, pb.GetStrategyRequest(id="one"))
    return found.strategy.state == state


async def records(system: System, stub) -> list:
    return list((await system.call(stub.ListSignals, pb.ListSignalsRequest())).signals)


async def ended(system: System, stub, count: int = 1) -> list:
    found = await records(system, stub)
    done = [r for r in found if r.outcome != strategy_pb2.SIGNAL_OUTCOME_PENDING]
    return found if len(done) >= count else []


async def refusal(call) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code().name, reason_of(rpc_status.from_call(caught.value))


async def test_a_bar_becomes_a_signal_with_a_stored_outcome(system: System) -> None:
    """Bar in, signal out over the stream to execution, its order stored beside it."""
    system.data.stored = [bar(1, 10), bar(2, 20)]
    async with system.service() as stub:
        await create_and_start(system, stub)
        system.data.push(bar(3, 20))
        (record,) = await until(lambda: ended(system, stub))
        assert record.outcome == strategy_pb2.SIGNAL_OUTCOME_ORDERED
        assert record.order_id
        assert record.decision_id
        assert record.signal.reason == "twenty"
        assert record.signal.inputs["close"] == 20.0
        (sent,) = system.execution.signals
        assert sent == record.signal, "what was stored is what was sent; history gave no signal"
        found = await system.call(stub.GetStrategy, pb.GetStrategyRequest(id="one"))
        assert found.strategy.signal_count == 1
        assert found.strategy.last_event_at.seconds * 10**9 == bar(4, 0).time_ns


async def test_a_refusal_is_stored_with_its_code(system: System) -> None:
    """Why there is no order can be read from the signal."""
    system.execution.manner = "refuse"
    async with system.service() as stub:
        await create_and_start(system, stub)
        system.data.push(bar(1, 20))
        (record,) = await until(lambda: ended(system, stub))
        assert record.outcome == strategy_pb2.SIGNAL_OUTCOME_REFUSED
        assert (record.reject_code, record.reject_reason) == ("MAX_EXPOSURE", "0.95 is over 0.90")


async def test_a_broken_stream_fails_the_signal_and_the_order_log_overrides(
    system: System,
) -> None:
    """It is not sent again; if execution had taken it all the same, its event says so."""
    system.execution.manner = "break"
    async with system.service() as stub:
        await create_and_start(system, stub)
        system.data.push(bar(1, 20))
        (record,) = await until(lambda: ended(system, stub))
        assert record.outcome == strategy_pb2.SIGNAL_OUTCOME_FAILED
        assert record.reject_code == "EXECUTION_UNAVAILABLE"
        order = {"id": str(uuid.uuid4()), "signal_id": record.signal.id}
        kind = execution_pb2.ORDER_EVENT_TYPE_FILL
        system.execution.log.put_nowait({"sequence": 7, "type": kind, "order": order})

        async def ordered():
            (found,) = await records(system, stub)
            return found.order_id == order["id"]

        await until(ordered)
        assert len(system.execution.signals) == 1
        figures = await system.call(
            stub.GetStrategyPerformance, pb.GetStrategyPerformanceRequest(id="one")
        )
        assert figures.performance.filled_orders == 1
    async with system.service():
        await asyncio.sleep(0.3)
        assert system.execution.resumed_after[-1] == 7, "the log goes on where it was read to"


async def test_an_exit_whose_order_came_to_nothing_is_given_again(system: System) -> None:
    """An order that the broker canceled unfilled leaves the position; the next bar asks again."""
    async with system.service() as stub:
        await create_and_start(system, stub)
        system.portfolio.held = "3"
        await asyncio.sleep(0.2)
        system.data.push(bar(1, 5))
        (record,) = await until(lambda: ended(system, stub))
        assert record.outcome == strategy_pb2.SIGNAL_OUTCOME_ORDERED
        kind = execution_pb2.ORDER_EVENT_TYPE_CANCELED
        order = {"id": record.order_id, "signal_id": record.signal.id}
        system.execution.log.put_nowait({"sequence": 1, "type": kind, "order": order})
        await asyncio.sleep(0.3)
        system.data.push(bar(2, 10))
        (again, _) = await until(lambda: ended(system, stub, 2))
        assert again.signal.reason == "not carried out before: five"
        assert again.signal.close_only


async def test_a_stream_of_signals_resumes_and_shows_changes(system: System) -> None:
    """Each signal comes, then again with its outcome, with growing sequences."""
    async with system.service() as stub:
        await create_and_start(system, stub)
        request = pb.StreamSignalsRequest(resume={"after_sequence": 0, "epoch": "signals"})
        call = stub.StreamSignals(request, metadata=system.metadata)
        system.data.push(bar(1, 20), bar(2, 20))
        seen = []
        async with asyncio.timeout(10):
            while sum(r.outcome == strategy_pb2.SIGNAL_OUTCOME_ORDERED for r in seen) < 2:
                message = await call.read()
                if message.HasField("signal"):
                    seen.append(message.signal)
        call.cancel()
        sequences = [record.sequence for record in seen]
        assert sequences == sorted(set(sequences))
        assert len({record.signal.id for record in seen}) == 2


async def test_a_strategy_that_raises_is_restarted_then_left_alone(system: System) -> None:
    """Once by itself (the limit here), then it waits for a person; the error is told."""
    async with system.service() as stub:
        await create_and_start(system, stub)
        system.data.push(bar(1, 13))
        await until(lambda: in_state(system, stub, strategy_pb2.STRATEGY_STATE_FAILED))
        await until(lambda: in_state(system, stub, strategy_pb2.STRATEGY_STATE_RUNNING))
        system.data.push(bar(2, 13))
        await until(lambda: in_state(system, stub, strategy_pb2.STRATEGY_STATE_FAILED))
        await asyncio.sleep(0.2)
        found = await system.call(stub.GetStrategy, pb.GetStrategyRequest(id="one"))
        assert found.strategy.restarts == 1
        assert "RuntimeError: thirteen" in found.strategy.last_error
        await system.call(stub.StartStrategy, pb.StartStrategyRequest(id="one"))
        await until(lambda: in_state(system, stub, strategy_pb2.STRATEGY_STATE_RUNNING))


async def test_state_and_parameters_survive_a_restart(system: System) -> None:
    """What ran runs again with what it had; an exit missed meanwhile is made up for."""
    async with system.service() as stub:
        await create_and_start(system, stub, parameters={"level": "30"})
    system.portfolio.held = "3"
    system.data.stored = [bar(1, 30), bar(2, 5), bar(3, 10)]
    async with system.service() as stub:
        await until(lambda: in_state(system, stub, strategy_pb2.STRATEGY_STATE_RUNNING))
        found = await system.call(stub.GetStrategy, pb.GetStrategyRequest(id="one"))
        assert found.strategy.parameters == {"level": "30"}
        system.data.push(bar(4, 10))
        (record,) = await until(lambda: ended(system, stub))
        assert record.signal.close_only
        assert record.signal.reason == "given while not running: five"


async def test_a_replay_far_in_the_past_is_warmed_up_at_its_own_place(system: System) -> None:
    """The store may hold years beyond the replay; only bars before the live one count."""
    system.data.stored = [bar(day, 10) for day in range(1, 50)]
    async with system.service() as stub:
        await create_and_start(system, stub)
        system.data.push(bar(5, 20), bar(6, 10), bar(5, 20))
        found = await until(lambda: ended(system, stub, 2))
        assert {r.signal.event_time.seconds * 10**9 for r in found} == {bar(6, 0).time_ns}


async def test_create_update_and_delete_are_checked(system: System) -> None:
    """Each refusal has its own code; a change of another is not overwritten."""
    async with system.service() as stub:
        good = {"id": "one", "type": "steps", "symbols": ["ACME"], "timeframe": 8}
        for change, expected in [
            ({"id": "Not Good"}, ("INVALID_ARGUMENT", "BAD_STRATEGY_ID")),
            ({"type": "nope"}, ("NOT_FOUND", "UNKNOWN_STRATEGY_TYPE")),
            ({"symbols": ["NOPE"]}, ("NOT_FOUND", "UNKNOWN_SYMBOL")),
            ({"parameters": {"level": "0"}}, ("INVALID_ARGUMENT", "INVALID_PARAMETER")),
            ({"parameters": {"levle": "1"}}, ("INVALID_ARGUMENT", "UNKNOWN_PARAMETER")),
        ]:
            request = pb.CreateStrategyRequest(**{**good, **change})
            assert await refusal(system.call(stub.CreateStrategy, request)) == expected
        again = pb.CreateStrategyRequest(**good, request_id=str(uuid.uuid4()))
        first = await system.call(stub.CreateStrategy, again)
        assert await system.call(stub.CreateStrategy, again) == first
        request = pb.CreateStrategyRequest(**good)
        expected = ("ALREADY_EXISTS", "STRATEGY_EXISTS")
        assert await refusal(system.call(stub.CreateStrategy, request)) == expected

        update = pb.UpdateStrategyRequest(id="one", parameters={"level": "7"}, revision=1)
        answer = await system.call(stub.UpdateStrategy, update)
        assert (answer.strategy.revision, answer.strategy.parameters["level"]) == (2, "7")
        stale = ("FAILED_PRECONDITION", "STALE_REVISION")
        assert await refusal(system.call(stub.UpdateStrategy, update)) == stale

        await system.call(stub.PauseStrategy, pb.PauseStrategyRequest(id="one"))
        delete = pb.DeleteStrategyRequest(id="one")
        running = ("FAILED_PRECONDITION", "STRATEGY_NOT_STOPPED")
        assert await refusal(system.call(stub.DeleteStrategy, delete)) == running
        await system.call(stub.StopStrategy, pb.StopStrategyRequest(id="one"))
        await system.call(stub.DeleteStrategy, delete)
        gone = ("NOT_FOUND", "UNKNOWN_STRATEGY")
        get = pb.GetStrategyRequest(id="one")
        assert await refusal(system.call(stub.GetStrategy, get)) == gone


async def test_types_are_listed_and_reloaded_while_a_strategy_runs(system: System) -> None:
    """A new file appears, a broken one says why, and what runs goes on."""
    async with system.service() as stub:
        await create_and_start(system, stub)
        (system.home.strategies / "broken.py").write_text("def (:", encoding="utf-8")
        reload = pb.ReloadStrategyTypesRequest()
        types = (await system.call(stub.ReloadStrategyTypes, reload)).strategy_types
        found = {item.name: item for item in types}
        assert found["broken"].problem.startswith("line 1")
        assert [p.name for p in found["ma-crossover"].parameters] == ["fast", "slow"]
        level = found["steps"].parameters[0]
        assert (level.default_value, level.minimum, level.maximum) == ("20", "1", "")
        system.data.push(bar(1, 20))
        await until(lambda: ended(system, stub))


async def test_performance_is_put_together_from_portfolio(system: System) -> None:
    """Profit from attribution, win rate and profit factor from all pages of closed trades."""
    async with system.service() as stub:
        await create_and_start(system, stub)
        request = pb.GetStrategyPerformanceRequest(id="one")
        found = (await system.call(stub.GetStrategyPerformance, request)).performance
        assert (found.realized_pnl, found.unrealized_pnl, found.fees) == ("7", "-1", "0.5")
        assert (found.closed_trades, found.win_rate, found.profit_factor) == (2, 0.5, 4.0)
