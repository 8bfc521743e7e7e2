"""Calls from the command line to the services' unix sockets, with a token of the key's owner."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from pi5.api.common.v1 import options_pb2
from pi5.cli._here import Here
from pi5.domain.errors import Fault, Unavailable
from pi5.kit.client import target_of
from pi5.kit.clock import SystemClock
from pi5.kit.tokens import TokenIssuer, load_or_create_key

TIMEOUT_S = 15.0
_TTL_S = 300
_OPTIONS = [
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
    ("grpc.enable_http_proxy", 0),
]
Stub = TypeVar("Stub")
Request = TypeVar("Request")
Response = TypeVar("Response")
Metadata = tuple[tuple[str, str], ...]


def person() -> str:
    """Return who is at the keyboard, as the audit log will name them."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a user without a name
        return "cli"


def mint(here: Here, role: options_pb2.Role.ValueType, ttl_s: int) -> str:
    """Return a token: whoever can read the key file may have one."""
    issuer = TokenIssuer(load_or_create_key(here.home), SystemClock())
    return issuer.mint(person(), role, ttl_s)


class Calls(Generic[Stub]):
    """Calls of one service, one after the other; failures become faults."""

    def __init__(
        self, service: str, stub: Stub, runner: asyncio.Runner, metadata: Metadata
    ) -> None:
        self.stub = stub
        self._service = service
        self._runner = runner
        self._metadata = metadata

    def call(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[Request, Response],
        request: Request,
        timeout_s: float = TIMEOUT_S,
    ) -> Response:
        """Return the answer of a method of `stub`.

        Raises:
            Unavailable: SERVICE_AWAY or SERVICE_SLOW.
            Fault: what the service answered, with its own code.
        """

        async def run() -> Response:
            return await method(request, timeout=timeout_s, metadata=self._metadata)

        try:
            return self._runner.run(run())
        except grpc.aio.AioRpcError as error:
            raise fault_of(error, self._service) from None


@contextlib.contextmanager
def connected(here: Here, service: str, stub: Callable[[Any], Stub]) -> Iterator[Calls[Stub]]:
    """Yield the calls of a service, made as an admin."""
    metadata = (("authorization", f"Bearer {mint(here, options_pb2.ROLE_ADMIN, _TTL_S)}"),)
    target = target_of(service, here.home, here.settings)

    async def channel_to() -> grpc.aio.Channel:
        return grpc.aio.insecure_channel(target, options=_OPTIONS)

    with asyncio.Runner() as runner:
        channel = runner.run(channel_to())
        try:
            yield Calls(service, stub(channel), runner, metadata)
        finally:
            runner.run(channel.close())


def fault_of(error: grpc.aio.AioRpcError, service: str) -> Fault:
    """Return the fault behind a failed call."""
    for detail in _details(error):
        info = error_details_pb2.ErrorInfo()
        if detail.Is(info.DESCRIPTOR):
            detail.Unpack(info)
            return Fault(info.reason, str(error.details()))
    if error.code() == grpc.StatusCode.UNAVAILABLE:
        return Unavailable(
            "SERVICE_AWAY",
            f"the {service} service does not answer; see `pi5 status`, or start with `pi5 up`",
        )
    if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
        return Unavailable(
            "SERVICE_SLOW", f"the {service} service did not answer within {TIMEOUT_S:g} s"
        )
    return Fault(error.code().name, f"{service}: {error.details()}")


def _details(error: grpc.aio.AioRpcError) -> list[any_pb2.Any]:
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            with contextlib.suppress(DecodeError):
                return list(status_pb2.Status.FromString(_bytes(value)).details)
    return []


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
