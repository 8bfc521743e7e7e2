"""The bridge in front of real gRPC servers on unix sockets, driven over ASGI or a real port."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from pi5.api.common.v1 import options_pb2
from pi5.kit.clock import SystemClock
from pi5.kit.guard import Guard
from pi5.kit.home import Home
from pi5.kit.lifecycle import Context
from pi5.kit.log import get_logger
from pi5.kit.server import GrpcServer
from pi5.kit.settings import Settings, WebSettings
from pi5.kit.tokens import ServiceToken, TokenIssuer
from pi5_web import serving
from pi5_web.app import Pulse
from pi5_web.main import build_app


class FakeTime(SystemClock):
    """A clock that a test moves; it stands still otherwise."""

    def __init__(self) -> None:
        self.wall_ns = super().now_ns()
        self.steady_ns = super().monotonic_ns()

    def now_ns(self) -> int:
        return self.wall_ns

    def monotonic_ns(self) -> int:
        return self.steady_ns

    def forward(self, seconds: float) -> None:
        self.wall_ns += int(seconds * 1e9)
        self.steady_ns += int(seconds * 1e9)


@dataclass
class Bridge:
    """A running bridge."""

    app: Any
    http: httpx.AsyncClient
    issuer: TokenIssuer
    clock: FakeTime
    context: Context
    port: int = 0

    def bearer(self, role: str = "trader", user: str = "ada", ttl_s: int = 600) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token(role, user, ttl_s)}"}

    def token(self, role: str = "trader", user: str = "ada", ttl_s: int = 600) -> str:
        number = options_pb2.Role.Value(f"ROLE_{role.upper()}")
        return self.issuer.mint(user, number, ttl_s, "session-1")


Services = dict[str, tuple[Callable[..., None], Any]]


@contextlib.asynccontextmanager
async def _running(
    services: Services, address: str = "127.0.0.1", listen: bool = False, **web: Any
) -> AsyncIterator[Bridge]:
    root = Path(tempfile.mkdtemp(prefix="pw-"))
    home = Home(root)
    home.create()
    clock = FakeTime()
    issuer = TokenIssuer(b"k" * 64, clock)
    settings = Settings(web=WebSettings(**{"port": 0, "host": "127.0.0.1", **web}))
    servers = []
    async with contextlib.AsyncExitStack() as stack:
        for name, (add, servicer) in services.items():
            server = GrpcServer([(add, servicer)], [], Guard(issuer, get_logger("test")))
            await server.start(home.socket(name), -1)
            stack.push_async_callback(server.stop, 0)
            servers.append(server)
        context = Context(
            "web", home, settings, clock, get_logger("web"), issuer,
            ServiceToken(issuer, clock, "web"), asyncio.Event(), stack,
        )  # fmt: skip
        app, hub = build_app(context, Pulse(clock))
        stack.push_async_callback(hub.close)
        transport = httpx.ASGITransport(app, client=(address, 5000))
        http = await stack.enter_async_context(
            httpx.AsyncClient(transport=transport, base_url="http://pi5.local")
        )
        bridge = Bridge(app, http, issuer, clock, context)
        if listen:
            listener = serving.listen(settings.web)
            bridge.port = listener.getsockname()[1]
            server = serving.build(app, settings.web)
            task = asyncio.create_task(server.serve(sockets=[listener]))
            try:
                yield bridge
            finally:
                await hub.close()
                server.should_exit = True
                await task
        else:
            yield bridge
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def running() -> Callable[..., contextlib.AbstractAsyncContextManager[Bridge]]:
    """Start a bridge before some services: `async with running({...}) as bridge`."""
    return _running


def error_of(response: httpx.Response) -> tuple[int, str]:
    """Return status and code, after checking the shape."""
    body = response.json()
    assert set(body) == {"code", "message", "request_id", "details"}
    assert body["message"]
    assert body["request_id"] == response.headers["x-request-id"]
    return response.status_code, body["code"]


@pytest.fixture
def refusal() -> Callable[[httpx.Response], tuple[int, str]]:
    """Return status and code of an error in the one shape."""
    return error_of


def as_json(content: Any) -> bytes:
    """Return content as JSON."""
    return msgspec.json.encode(content)
