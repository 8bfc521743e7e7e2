"""Orders through the real process, database and a venue of another process."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from grpc_status import rpc_status
from pi5.api.common.v1 import trading_pb2
from pi5.api.execution.v1 import execution_pb2
from pi5.api.execution.v1 import execution_service_pb2 as pb
from pi5.api.risk.v1 import risk_pb2
from pi5.kit.clock import new_id
from pi5.kit.faults import reason_of
from tests.integration.execution_rig import eventually, execution_rig

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


def reason(error: grpc.aio.AioRpcError) -> str:
    return reason_of(rpc_status.from_call(error))


async def test_an_order_is_sent_filled_and_told(home, database):
    """An order goes to the venue once; its fill is stored, logged and listed."""
    async with execution_rig(home, database) as rig:
        rig.start()
        await rig.ready()
        order = await rig.submit(client_order_id="mine-1")
        assert order.status == execution_pb2.ORDER_STATUS_PENDING_NEW
        filled = await rig.comes_to(order.id, execution_pb2.ORDER_STATUS_FILLED)
        assert (filled.filled_qty, filled.filled_avg_price, filled.fees) == ("10", "100", "0.01")
        assert filled.broker_order_id == "V1"
        events = await rig.events()
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        kinds = [event.type for event in events]
        assert kinds[0] == execution_pb2.ORDER_EVENT_TYPE_PENDING_NEW
        assert kinds[-1] == execution_pb2.ORDER_EVENT_TYPE_FILL
        assert events[0].decision.id == order.decision_id
        await rig.check_books()


async def test_a_repeated_order_is_the_first_one(home, database):
    """Same client id and terms: the first order, also after a restart; other terms: a conflict."""
    async with execution_rig(home, database) as rig:
        rig.start()
        await rig.ready()
        at_once = await asyncio.gather(*(rig.submit(client_order_id="mine") for _ in range(8)))
        assert len({order.id for order in at_once}) == 1
        rig.process.kill()
        await rig.died()
        rig.start()
        await rig.ready()
        assert (await rig.submit(client_order_id="mine")).id == at_once[0].id
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await rig.submit(client_order_id="mine", qty="11")
        assert caught.value.code() is grpc.StatusCode.ALREADY_EXISTS
        assert reason(caught.value) == "CLIENT_ORDER_ID_REUSED"
        await rig.check_books()


async def test_risk_is_the_gate(home, database):
    """What risk refuses is a rejected order that never left; without risk nothing leaves."""
    async with execution_rig(home, database) as rig:
        rig.start()
        await rig.ready()
        refused = await rig.submit(client_order_id="no", qty="666")
        assert refused.status == execution_pb2.ORDER_STATUS_REJECTED
        assert refused.reject_code == "POSITION_LIMIT"
        rig.peers.answer_delay_s = 5.0
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await rig.submit(client_order_id="late")
        assert reason(caught.value) == "RISK_UNAVAILABLE"
        assert rig.ledger("taken") == []


async def test_a_halt_cancels_and_nothing_leaves_after_it(home, database):
    """When risk halts, working orders are canceled and an approved order is held back."""
    async with execution_rig(home, database) as rig:
        rig.control(fill="none")
        rig.start()
        await rig.ready()
        working = await rig.submit(client_order_id="works")
        await rig.comes_to(working.id, execution_pb2.ORDER_STATUS_ACCEPTED)
        rig.peers.set_mode(risk_pb2.TRADING_MODE_HALTED)
        await rig.comes_to(working.id, execution_pb2.ORDER_STATUS_CANCELED)
        held = await rig.submit(client_order_id="held")
        held = await rig.comes_to(held.id, execution_pb2.ORDER_STATUS_REJECTED)
        assert held.reject_code == "HALTED"
        assert [entry["client_order_id"] for entry in rig.ledger("taken")] == ["works"]


async def test_what_this_release_does_not_trade_is_refused(home, database):
    """A stop order and a bracket are refused with a stable code, never changed into another."""
    async with execution_rig(home, database) as rig:
        rig.start()
        await rig.ready()
        for changes in (
            {"type": trading_pb2.ORDER_TYPE_STOP, "stop_price": "90"},
            {"order_class": trading_pb2.ORDER_CLASS_BRACKET},
            {"trail_price": "1"},
            {"extended_hours": True},
        ):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await rig.submit(**changes)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert reason(caught.value) == "ORDER_TYPE_NOT_SUPPORTED"
        assert rig.ledger("taken") == []


async def test_signals_over_one_stream(home, database):
    """Signals are answered over one stream; the same signal twice makes one order."""
    async with execution_rig(home, database, simulated=True) as rig:
        rig.start()
        await rig.ready()
        call = rig.stub.SubmitSignals(metadata=rig.metadata)
        signal = trading_pb2.Signal(
            id=new_id(), strategy_id="trend", symbol="ACME", side=trading_pb2.SIDE_BUY,
            strength=1.0, confidence=1.0, reference_price="100",
        )  # fmt: skip
        for _ in range(2):
            await call.write(pb.SubmitSignalsRequest(signal=signal))
        first, second = [await call.read() for _ in range(2)]
        assert first.order.id == second.order.id
        assert first.order.signal_id == signal.id
        filled = await rig.comes_to(first.order.id, execution_pb2.ORDER_STATUS_FILLED)
        assert (filled.filled_qty, filled.filled_avg_price) == ("5", "101")
        signal.symbol = "NOPE"
        signal.id = new_id()
        await call.write(pb.SubmitSignalsRequest(signal=signal))
        answer = await call.read()
        assert (answer.failed, answer.reject_code) == (True, "UNKNOWN_SYMBOL")
        call.cancel()


async def test_paper_orders_survive_a_kill(home, database):
    """A resting paper order works on after kill -9 and is filled when the market comes to it."""
    async with execution_rig(home, database, simulated=True) as rig:
        rig.start()
        await rig.ready()
        order = await rig.submit(client_order_id="rest", limit_price="90")
        await rig.comes_to(order.id, execution_pb2.ORDER_STATUS_ACCEPTED)
        rig.process.kill()
        await rig.died()
        rig.start()
        await rig.ready()
        assert (await rig.order(order.id)).status == execution_pb2.ORDER_STATUS_ACCEPTED
        rig.peers.quote = (88, 89)
        filled = await rig.comes_to(order.id, execution_pb2.ORDER_STATUS_FILLED)
        assert filled.filled_avg_price == "90"


async def test_a_lost_database_ends_the_session_not_the_process(home, database):
    """When the sender's connection is cut, execution stops taking orders, recovers, goes on."""
    async with execution_rig(home, database) as rig:
        rig.start()
        await rig.ready()
        first = await rig.submit(client_order_id="before")
        await rig.comes_to(first.id, execution_pb2.ORDER_STATUS_FILLED)
        await rig.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'pi5-execution'"
        )

        async def taken_again():
            try:
                return await rig.submit(client_order_id="after")
            except grpc.aio.AioRpcError as error:
                assert error.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL}
                return None

        second = await eventually(taken_again, 15, rig.log)
        await rig.comes_to(second.id, execution_pb2.ORDER_STATUS_FILLED)
        epochs = await rig.fetch("SELECT epoch FROM stream_head")
        assert epochs[0]["epoch"] == 2
        assert rig.process.poll() is None
        await rig.check_books()
