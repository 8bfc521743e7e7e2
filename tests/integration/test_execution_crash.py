"""Nothing is lost and nothing is sent twice: kills at the worst moments, and a hostile venue."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

import grpc
import pytest
from pi5.api.execution.v1 import execution_pb2
from pi5.api.execution.v1 import execution_service_pb2 as pb

from tests.integration.execution_rig import Rig, eventually, execution_rig

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
FAILPOINTS = (
    "before_commit",
    "after_commit_before_send",
    "after_send_before_ack",
    "after_ack_before_commit",
)
HOSTILE: dict[str, dict[str, Any]] = {
    "lost-ack": {"lose_ack": True},
    "connection-dropped-after-taking": {"drop": True},
    "server-error-after-taking": {"internal_error": True},
    "ack-later-than-the-deadline": {"ack_delay_s": 1.0},
    "not-taken": {"refuse_connection": True},
    "taken-after-the-deadline": {"take_delay_s": 0.8, "max_in_flight_ms": 1_500},
    "each-report-three-times": {"duplicate_reports": 3},
    "fill-before-ack": {"report_before_ack": True, "ack_delay_s": 0.2},
    "no-reports": {"silent_reports": True},
    "no-look-up": {"lookup": False, "drop": True},
}
FINAL = {
    execution_pb2.ORDER_STATUS_FILLED,
    execution_pb2.ORDER_STATUS_CANCELED,
    execution_pb2.ORDER_STATUS_REJECTED,
    execution_pb2.ORDER_STATUS_EXPIRED,
}


async def submit_until_dead(rig: Rig, names: list[str]) -> None:
    """Submit orders one after another until the process is gone."""
    assert rig.process is not None
    for name in names:
        while rig.process.poll() is None:
            try:
                await rig.submit(client_order_id=name, within_s=2.0)
                break
            except grpc.aio.AioRpcError:
                await asyncio.sleep(0.1)


async def settle(rig: Rig) -> list[Any]:
    """Wait until every order has ended; return them."""

    async def ended() -> list[Any]:
        request = pb.ListOrdersRequest(page_size=500)
        answer = await rig.stub.ListOrders(request, metadata=rig.metadata, timeout=5.0)
        return list(answer.orders) if all(o.status in FINAL for o in answer.orders) else []

    found: list[Any] = await eventually(ended, 20, rig.log)
    return found


@pytest.mark.parametrize("failpoint", FAILPOINTS)
async def test_kill_at_the_worst_moment(home, database, failpoint):
    """kill -9 at a failpoint, restart, ask for all again: each is at the venue exactly once.

    The venue takes every id as new, so nothing but our own care keeps an order from doubling.
    """
    names = [f"order-{number}" for number in range(12)]
    async with execution_rig(home, database) as rig:
        rig.control(deduplication="NONE", ack_delay_s=0.1)
        rig.start(failpoint=f"{failpoint}:3")
        await submit_until_dead(rig, names)
        assert await rig.died() == -signal.SIGKILL
        rig.start()
        await rig.ready()
        for name in names:  # the caller does not know what became of them
            await rig.persist(client_order_id=name)
        orders = await settle(rig)
        assert {order.client_order_id for order in orders} >= set(names)
        assert any(order.filled_qty == "2" for order in orders)
        await rig.check_books()
        assert await rig.fetch("SELECT 1 FROM intent WHERE settled_at IS NULL") == []


async def test_hostile_venue(home, database):
    """Whatever the venue does with answers and reports, our books become its books."""
    async with execution_rig(home, database) as rig:
        rig.start()
        await rig.judged()
        for name, behaviour in HOSTILE.items():
            rig.control(deduplication="NONE", **behaviour)
            await asyncio.sleep(1.2)  # the next reconciliation learns what the venue promises now
            for number in range(3):
                order = await rig.persist(client_order_id=f"{name}-{number}")
                assert order.broker, (name, order.reject_code)
            await settle(rig)
            await rig.check_books()
        rig.control(reject="NO_SHORT")
        order = await rig.persist(client_order_id="refused")
        order = await rig.comes_to(order.id, execution_pb2.ORDER_STATUS_REJECTED)
        assert order.reject_code == "NO_SHORT"
        brokers = await rig.stub.ListBrokers(pb.ListBrokersRequest(), metadata=rig.metadata)
        assert brokers.brokers[0].breaker == execution_pb2.BREAKER_STATE_CLOSED


async def test_an_order_that_lands_late_is_found(home, database):
    """An order that arrives after its answer timed out stays unknown until it shows up."""
    async with execution_rig(home, database) as rig:
        rig.start()
        await rig.judged()
        rig.control(deduplication="NONE", take_delay_s=1.0, max_in_flight_ms=2_500)
        await asyncio.sleep(1.2)
        order = await rig.persist(client_order_id="late")
        await rig.comes_to(order.id, execution_pb2.ORDER_STATUS_UNKNOWN)
        await rig.comes_to(order.id, execution_pb2.ORDER_STATUS_FILLED)
        await rig.check_books()


async def test_a_failed_question_proves_nothing(home, database):
    """While look-ups fail the order stays unknown, and after a restart nothing new is sent."""
    async with execution_rig(home, database) as rig:
        rig.start()
        await rig.judged()
        rig.control(drop=True, fail_queries=True, silent_reports=True)
        order = await rig.persist(client_order_id="lost")
        await rig.comes_to(order.id, execution_pb2.ORDER_STATUS_UNKNOWN)
        rig.process.kill()
        await rig.died()
        rig.start()

        async def refused() -> bool:
            try:
                await rig.submit(client_order_id="new", within_s=1.0)
            except grpc.aio.AioRpcError as error:
                return "not reconciled" in (error.details() or "")
            raise AssertionError("an order was taken before reconciliation")

        await eventually(refused, 15, rig.log)
        assert (await rig.order(order.id)).status == execution_pb2.ORDER_STATUS_UNKNOWN
        rig.control()
        await rig.ready()
        await rig.comes_to(order.id, execution_pb2.ORDER_STATUS_FILLED)
        await rig.check_books()


async def test_a_sender_that_was_stopped_commits_nothing(home, database):
    """SIGSTOP the sender, let another take over, SIGCONT: the old one's epoch is worth nothing."""
    async with execution_rig(home, database) as rig:
        rig.start()
        await rig.judged()
        assert rig.process is not None
        old, old_channel, old_stub = rig.process, rig.channel, rig.stub
        os.kill(old.pid, signal.SIGSTOP)
        await rig.fetch(  # what a network or a server does to a silent client in the end
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'pi5-execution'"
        )
        socket = rig.home.socket("execution")
        inode = socket.stat().st_ino
        rig.start()

        async def replaced() -> bool:
            return socket.exists() and socket.stat().st_ino != inode

        try:
            await eventually(replaced, 10, rig.log)
            rig.connect()
            await rig.ready()
            os.kill(old.pid, signal.SIGCONT)
            new_stub, rig.stub = rig.stub, old_stub
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await rig.submit(client_order_id="to-the-old-one")
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            rig.stub = new_stub
            order = await rig.persist(client_order_id="to-the-new-one")
            await rig.comes_to(order.id, execution_pb2.ORDER_STATUS_FILLED)
            await asyncio.sleep(1.5)
            heads = await rig.fetch("SELECT epoch FROM stream_head")
            assert heads[0]["epoch"] == 2
            assert old.poll() is None  # it lives on as a standby
            await rig.check_books()
        finally:
            old.kill()
            old.wait()
            await old_channel.close()


async def test_kills_at_random_under_load(home, database):
    """Kill -9 at any time while orders flow from several callers; the books agree afterwards."""
    async with execution_rig(home, database) as rig:
        rig.control(deduplication="NONE", ack_delay_s=0.02, duplicate_reports=2)
        names = [f"order-{number}" for number in range(60)]

        async def caller(mine: list[str]) -> None:
            for name in mine:
                await rig.persist(client_order_id=name)
                await asyncio.sleep(0.1)

        rig.start()
        await rig.judged()
        callers = asyncio.gather(*(caller(names[i::4]) for i in range(4)))
        for delay_s in (0.7, 2.6, 3.1):
            await asyncio.sleep(delay_s)
            rig.process.kill()
            await rig.died()
            rig.start()
        await callers
        await rig.ready()
        orders = await settle(rig)
        assert {order.client_order_id for order in orders} >= set(names)
        await rig.check_books()
