"""Channels to the other services, and streams that come back after a break."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import grpc

from pi5.kit.clock import new_rng
from pi5.kit.home import Home
from pi5.kit.log import Logger, correlation_id
from pi5.kit.server import MAX_MESSAGE_BYTES
from pi5.kit.settings import ServiceSettings, Settings
from pi5.kit.tokens import ServiceToken

_OPTIONS = [
    ("grpc.max_receive_message_length", 4 * MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.keepalive_time_ms", 30_000),
]
Metadata = tuple[tuple[str, str], ...]
T = TypeVar("T")


class Peer:
    """Another service: its channel and the metadata a call to it carries.

    Deadlines are given per call (`timeout=`), because a channel-wide default would not reach the
    server's `time_remaining()`.
    """

    def __init__(self, name: str, target: str, token: ServiceToken) -> None:
        self.name = name
        self.channel = grpc.aio.insecure_channel(target, options=_OPTIONS)
        self._token = token

    def metadata(self) -> Metadata:
        """Return authorization and correlation id for one call."""
        identity = correlation_id.get()
        head = (("authorization", self._token.header()),)
        return (*head, ("x-correlation-id", identity)) if identity else head

    async def close(self) -> None:
        """Close the channel."""
        await self.channel.close()


def target_of(service: str, home: Home, settings: Settings) -> str:
    """Return the gRPC target of a service: its configured address, or its socket."""
    configured = settings.services.get(service, ServiceSettings()).address
    return configured or f"unix:{home.socket(service)}"


async def follow(
    open_stream: Callable[[], Any],
    log: Logger,
    name: str,
    silence_s: float = 15.0,
    first_delay_s: float = 0.05,
    last_delay_s: float = 2.0,
) -> AsyncIterator[Any]:
    """Yield the messages of a server stream for ever, opening it again after a break.

    `open_stream` must resume from what the caller has applied. A stream that is silent for longer
    than `silence_s` (servers send heartbeats every 5 s) counts as broken.
    """
    rng = new_rng()
    delay = first_delay_s
    while True:
        call = open_stream()
        try:
            while True:
                message = await asyncio.wait_for(call.read(), silence_s)
                if message is grpc.aio.EOF:
                    break
                delay = first_delay_s
                yield message
        except (grpc.aio.AioRpcError, TimeoutError) as error:
            code = error.code().name if isinstance(error, grpc.aio.AioRpcError) else "SILENT"
            details = error.details() if isinstance(error, grpc.aio.AioRpcError) else ""
            if code in {"OUT_OF_RANGE", "INVALID_ARGUMENT", "PERMISSION_DENIED"}:
                raise
            log.info("stream broke, opening it again", stream=name, code=code, details=details)
        finally:
            call.cancel()
        await asyncio.sleep(delay * (0.5 + rng.random()))
        delay = min(delay * 2, last_delay_s)
