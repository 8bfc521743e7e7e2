"""Orders through the real processes and database, to a venue of another process."""

from __future__ import annotations

import asyncio
import os
import signal

import grpc
import pytest
from grpc_status import rpc_status
from pi5.api.common.v1 import trading_pb2
from pi5.api.execution.v1 import execution_pb2
from pi5.api.execution.v1 import execution_service_pb2 as pb
from pi5.api.risk.v1 import risk_service_pb2, risk_service_pb2_grpc
from pi5.kit.clock import new_id
from pi5.kit.faults import reason_of

from tests.integration.execution_rig import eventually, execution_rig

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
LIMIT = {"type": trading_pb2.ORDER_TYPE_LIMIT, "limit_price": "1"}


def reason(error: grpc.aio.AioRpcError) -> str:
    return reason_of(rpc_status.from_call(error))


async def test_an_order_is_sent_filled_and_told(home, database):
    """An order goes to the venue once; its fill is stored, logged and listed."""
    async with execution_rig(home, database) as rig:
        rig.start()
        await rig.judged()
        before = len(await rig.events())
        order = await rig.submit(client_order_id="mine-1")
        assert order.status == execution_pb2.ORDER_STATUS_PENDING_NEW
        filled = await rig.comes_to(order.id, execution_pb2.ORDER_STATUS_FILLED)
        assert (filled.filled_qty, filled.filled_avg_price, filled.fees) == ("2", "100", "0.01")
        assert filled.broker_order_id.startswith("V")
        events = [e for e in await rig.events(before) if e.order.client_order_id == "mine-1"]
        kinds = [event.type for event in events]
        assert kinds[0] == execution_pb2.ORDER_EVENT_TYPE_PENDING_NEW
        assert kinds[-1] == execution_pb2.ORDER_EVENT_TYPE_FILL
        assert events[0].decision.id == order.decision_id
        assert {check.verdict for check in events[0].decision.checks}
        fills = await rig.stub.ListFills(
            pb.ListFillsRequest(order_id=order.id), metadata=rig.metadata
        )
        assert [fill.qty for fill in fills.fills] == ["2"]
        await rig.check_books()


async def test_a_repeated_order_is_the_first_one(home, database):
    """Same client id and terms: the first order, also after a restart; other terms: a conflict."""
    async with execution_rig(home, database) as rig:
        rig.start()
        await rig.judged()
        at_once = await asyncio.gather(*(rig.submit(client_order_id="mine") for _ in range(8)))
        assert len({order.id for order in at_once}) == 1
        rig.process.kill()
        await rig.died()
        rig.start()
        await rig.ready()
        assert (await rig.submit(client_order_id="mine")).id == at_once[0].id
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await rig.submit(client_order_id="mine", qty="3")
        assert caught.value.code() is grpc.StatusCode.ALREADY_EXISTS
        assert reason(caught.value) == "CLIENT_ORDER_ID_REUSED"
        await rig.check_books()


async def test_risk_is_the_gate(home, database):
    """What risk refuses is a rejected order that never left; without its answer nothing leaves."""
    async with execution_rig(home, database) as rig:
        rig.start()
        await rig.judged()
        refused = await rig.submit(client_order_id="too-much", qty="100000")
        assert refused.status == execution_pb2.ORDER_STATUS_REJECTED
        assert refused.reject_code
        os.kill(rig.peers["risk"].pid, signal.SIGSTOP)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await rig.submit(client_order_id="unjudged")
        assert reason(caught.value) == "RISK_UNAVAILABLE"
        os.kill(rig.peers["risk"].pid, signal.SIGCONT)
        taken = {entry["client_order_id"] for entry in rig.ledger("taken")}
        assert not taken & {"too-much", "unjudged"}


async def test_a_halt_cancels_what_works_and_stops_the_rest(home, database):
    """When risk halts, working orders are canceled at the venue and nothing leaves any more."""
    async with execution_rig(home, database) as rig:
        rig.start()
        await rig.judged()
        rig.control(fill="none")
        working = await rig.submit(client_order_id="works", **LIMIT)
        await rig.comes_to(working.id, execution_pb2.ORDER_STATUS_ACCEPTED)
        channel = grpc.aio.insecure_channel(f"unix:{rig.home.socket('risk')}")
        risk = risk_service_pb2_grpc.RiskServiceStub(channel)
        halt = risk_service_pb2.HaltRequest(request_id=new_id(), reason="test")
        await risk.Halt(halt, metadata=rig.metadata, timeout=5.0)
        await channel.close()
        await rig.comes_to(working.id, execution_pb2.ORDER_STATUS_CANCELED)
        after = await rig.persist(client_order_id="after")
        assert after.status == execution_pb2.ORDER_STATUS_REJECTED
        taken = {entry["client_order_id"] for entry in rig.ledger("taken")}
        assert "works" in taken
        assert "after" not in taken


async def test_what_this_release_does_not_trade_is_refused(home, database):
    """A stop order or a bracket is refused with a stable code, never changed into another."""
    async with execution_rig(home, database) as rig:
        rig.start()
        await rig.ready(30)
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
        await rig.judged()
        call = rig.stub.SubmitSignals(metadata=rig.metadata)
        signal_sent = trading_pb2.Signal(
            id=new_id(), strategy_id="trend", symbol="ACME", side=trading_pb2.SIDE_BUY,
            strength=1.0, confidence=1.0, reference_price="100",
        )  # fmt: skip
        for _ in range(2):
            await call.write(pb.SubmitSignalsRequest(signal=signal_sent))
        first, second = [await call.read() for _ in range(2)]
        assert first.order.id, first
        assert first.order.id == second.order.id
        assert first.order.signal_id == signal_sent.id
        signal_sent.symbol = "NOPE"
        signal_sent.id = new_id()
        await call.write(pb.SubmitSignalsRequest(signal=signal_sent))
        answer = await call.read()
        assert (answer.failed, answer.reject_code) == (True, "UNKNOWN_SYMBOL")
        call.cancel()


async def test_paper_orders_survive_a_kill(home, database):
    """A resting paper order is still at the exchange after kill -9, and can be canceled there."""
    async with execution_rig(home, database, simulated=True) as rig:
        rig.start()
        await rig.judged()
        order = await rig.submit(client_order_id="rest", **LIMIT)
        await rig.comes_to(order.id, execution_pb2.ORDER_STATUS_ACCEPTED)
        rig.process.kill()
        await rig.died()
        rig.start()
        await rig.ready()
        assert (await rig.order(order.id)).status == execution_pb2.ORDER_STATUS_ACCEPTED
        request = pb.CancelOrderRequest(id="rest")
        await rig.stub.CancelOrder(request, metadata=rig.metadata, timeout=5.0)
        await rig.comes_to(order.id, execution_pb2.ORDER_STATUS_CANCELED)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await rig.stub.CancelOrder(request, metadata=rig.metadata, timeout=5.0)
        assert reason(caught.value) == "ORDER_CLOSED"
        found = await rig.stub.ListDiscrepancies(
            pb.ListDiscrepanciesRequest(), metadata=rig.metadata
        )
        assert list(found.discrepancies) == []


async def test_a_lost_database_ends_the_session_not_the_process(home, database):
    """When the sender's connection is cut, execution stops taking orders, recovers, goes on."""
    async with execution_rig(home, database) as rig:
        rig.start()
        await rig.judged()
        await rig.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'pi5-execution'"
        )

        async def next_epoch() -> bool:
            return (await rig.fetch("SELECT epoch FROM stream_head"))[0]["epoch"] == 2

        await eventually(next_epoch, 15, rig.log)
        await rig.ready()
        order = await rig.persist(client_order_id="after")
        await rig.comes_to(order.id, execution_pb2.ORDER_STATUS_FILLED)
        assert rig.process.poll() is None
        await rig.check_books()
