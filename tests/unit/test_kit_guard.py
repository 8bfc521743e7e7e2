"""The guard in front of every method, driven through a real server on a unix socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from pi5.api.common.v1 import options_pb2, trading_pb2
from pi5.api.execution.v1 import execution_service_pb2 as pb
from pi5.api.execution.v1 import execution_service_pb2_grpc as rpc
from pi5.domain.errors import NotFound
from pi5.kit.clock import SystemClock
from pi5.kit.guard import Guard, current_caller
from pi5.kit.log import get_logger
from pi5.kit.server import GrpcServer
from pi5.kit.tokens import TokenIssuer

NAME = "pi5.api.execution.v1.ExecutionService"


class Servicer(rpc.ExecutionServiceServicer):
    async def SubmitOrder(self, request, context):
        return pb.SubmitOrderResponse(order={"symbol": current_caller.get().subject})

    async def GetOrder(self, request, context):
        raise NotFound("UNKNOWN_ORDER", f"there is no order {request.id}")

    async def ListBrokers(self, request, context):
        raise ZeroDivisionError("secret inside")

    async def StreamOrderEvents(self, request, context):
        yield pb.StreamOrderEventsResponse(heartbeat={"last_sequence": 7})
        raise NotFound("GONE", "the log is gone")


@contextlib.asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[rpc.ExecutionServiceStub, TokenIssuer]]:
    issuer = TokenIssuer(b"k" * 64, SystemClock())
    server = GrpcServer(
        [(rpc.add_ExecutionServiceServicer_to_server, Servicer())],
        [NAME],
        Guard(issuer, get_logger("test")),
    )
    await server.start(folder / "s.sock", -1)
    async with grpc.aio.insecure_channel(f"unix:{folder / 's.sock'}") as channel:
        yield rpc.ExecutionServiceStub(channel), issuer
    await server.stop(0)


def bearer(issuer: TokenIssuer, role: int, ttl_s: int = 60) -> tuple[tuple[str, str]]:
    return (("authorization", "Bearer " + issuer.mint("ada", role, ttl_s)),)


def reason(error: grpc.aio.AioRpcError) -> str:
    info = error_details_pb2.ErrorInfo()
    rpc_status.from_call(error).details[0].Unpack(info)
    return info.reason


def order(**fields: object) -> pb.SubmitOrderRequest:
    return pb.SubmitOrderRequest(order=trading_pb2.OrderTerms(symbol="ACME", **fields))


async def refusal(call) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code().name, reason(caught.value)


async def test_a_trader_may_trade_and_the_method_sees_who_calls(tmp_path: Path) -> None:
    """A token with the needed role reaches the method, which knows the caller."""
    async with running(tmp_path) as (stub, issuer):
        answer = await stub.SubmitOrder(
            order(qty="1"), metadata=bearer(issuer, options_pb2.ROLE_TRADER)
        )
        assert answer.order.symbol == "ada"


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ((), ("UNAUTHENTICATED", "TOKEN_MISSING")),
        ((("authorization", "Bearer nonsense"),), ("UNAUTHENTICATED", "TOKEN_INVALID")),
    ],
)
async def test_no_or_a_wrong_token_is_refused(tmp_path: Path, metadata, expected) -> None:
    """Without a valid token nothing but public methods answer."""
    async with running(tmp_path) as (stub, _):
        assert await refusal(stub.SubmitOrder(order(qty="1"), metadata=metadata)) == expected


async def test_expired_tokens_and_low_roles_are_refused(tmp_path: Path) -> None:
    """A viewer may not trade, and a token ends when it says so."""
    async with running(tmp_path) as (stub, issuer):
        low = bearer(issuer, options_pb2.ROLE_VIEWER)
        assert await refusal(stub.SubmitOrder(order(qty="1"), metadata=low)) == (
            "PERMISSION_DENIED",
            "ROLE_TOO_LOW",
        )
        late = bearer(issuer, options_pb2.ROLE_ADMIN, ttl_s=-1)
        assert await refusal(stub.SubmitOrder(order(qty="1"), metadata=late)) == (
            "UNAUTHENTICATED",
            "TOKEN_EXPIRED",
        )


@pytest.mark.parametrize(
    ("request_message", "code"),
    [
        (order(qty="NaN"), "NOT_A_DECIMAL"),
        (order(qty="1e5"), "NOT_A_DECIMAL"),
        (order(qty="1", side=77), "UNKNOWN_ENUM_VALUE"),
        (pb.SubmitOrderRequest(), "MISSING_FIELD"),
    ],
)
async def test_requests_are_held_against_the_contract(
    tmp_path: Path, request_message, code
) -> None:
    """Required fields, decimals and enum values are checked before a method runs."""
    async with running(tmp_path) as (stub, issuer):
        trader = bearer(issuer, options_pb2.ROLE_TRADER)
        assert await refusal(stub.SubmitOrder(request_message, metadata=trader)) == (
            "INVALID_ARGUMENT",
            code,
        )


async def test_faults_become_rich_statuses_and_surprises_stay_inside(tmp_path: Path) -> None:
    """A fault carries its code; an unforeseen exception does not leak its text."""
    async with running(tmp_path) as (stub, issuer):
        viewer = bearer(issuer, options_pb2.ROLE_VIEWER)
        assert await refusal(stub.GetOrder(pb.GetOrderRequest(id="x"), metadata=viewer)) == (
            "NOT_FOUND",
            "UNKNOWN_ORDER",
        )
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ListBrokers(pb.ListBrokersRequest(), metadata=viewer)
        assert caught.value.code() is grpc.StatusCode.INTERNAL
        assert "secret" not in caught.value.details()


async def test_planned_methods_answer_unimplemented(tmp_path: Path) -> None:
    """A method that the contract marks as planned says so."""
    async with running(tmp_path) as (stub, issuer):
        trader = bearer(issuer, options_pb2.ROLE_TRADER)
        call = stub.FlattenAll(pb.FlattenAllRequest(), metadata=trader)
        assert await refusal(call) == ("UNIMPLEMENTED", "PLANNED")


async def test_streams_are_guarded_and_end_with_the_fault(tmp_path: Path) -> None:
    """A stream yields, then ends with the fault's code; without a token it does not begin."""
    async with running(tmp_path) as (stub, issuer):
        viewer = bearer(issuer, options_pb2.ROLE_VIEWER)
        call = stub.StreamOrderEvents(pb.StreamOrderEventsRequest(), metadata=viewer)
        first = await call.read()
        assert first.heartbeat.last_sequence == 7
        assert await refusal(call.read()) == ("NOT_FOUND", "GONE")
        closed = stub.StreamOrderEvents(pb.StreamOrderEventsRequest())
        assert await refusal(asyncio.wait_for(closed.read(), 5)) == (
            "UNAUTHENTICATED",
            "TOKEN_MISSING",
        )
