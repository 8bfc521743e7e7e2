"""Whether a service answers: gRPC health on its socket, and /healthz of the dashboard."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pi5.kit.home import Home
from pi5.kit.settings import Settings

_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Health:
    """`answers`: somebody is there; `ready`: it can do its work."""

    answers: bool
    ready: bool


AWAY = Health(answers=False, ready=False)


async def probe(service: str, home: Home, settings: Settings) -> Health:
    """Ask one service how it is; never raises."""
    if service == "web":
        return await _probe_http(settings)
    return await probe_grpc(f"unix:{home.socket(service)}")


async def probe_grpc(target: str, timeout_s: float = _TIMEOUT_S) -> Health:
    """Ask a gRPC server's health service."""
    async with grpc.aio.insecure_channel(target) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=timeout_s)
        except grpc.aio.AioRpcError:
            return AWAY
    ready = answer.status == health_pb2.HealthCheckResponse.SERVING
    return Health(answers=True, ready=ready)


def web_address(settings: Settings) -> str:
    """Return the address under which this machine itself reaches the dashboard."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104
    return everywhere.get(settings.web.host, settings.web.host)


async def _probe_http(settings: Settings) -> Health:
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            status = await _get_status(settings)
    except (OSError, TimeoutError, ValueError):
        return AWAY
    return Health(answers=True, ready=status == 200)


async def _get_status(settings: Settings) -> int:
    """Return the HTTP status of /healthz."""
    context = None
    if settings.web.tls_certificate:
        # Our own process on this machine: its certificate names the outside, not loopback.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    host = web_address(settings)
    reader, writer = await asyncio.open_connection(host, settings.web.port, ssl=context)
    try:
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        await writer.drain()
        line = await reader.readline()
        return int(line.split()[1]) if line.count(b" ") else 0
    finally:
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            await writer.wait_closed()
