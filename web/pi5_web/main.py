"""Wiring of the bridge: channels to all services, the application, the HTTP server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

from pi5.kit.lifecycle import Context
from pi5.kit.settings import GRPC_SERVICES
from starlette.types import ASGIApp

from pi5_web import serving
from pi5_web.api import Api
from pi5_web.app import App, Pulse
from pi5_web.edge import Edge
from pi5_web.live.hub import Hub
from pi5_web.live.topics import all_topics
from pi5_web.routes import RouteTable, contract_routes
from pi5_web.static import StaticFiles

_BEAT_S = 1.0


def build_app(context: Context, pulse: Pulse) -> tuple[ASGIApp, Hub]:
    """Return the application and its live hub."""
    web = context.settings.web
    peers = {name: context.peer(name) for name in GRPC_SERVICES}
    table = RouteTable(contract_routes())
    api = Api(table, peers, context.issuer, web, context.clock)
    hub = Hub(all_topics(peers, context.clock, context.log), context.issuer, web, context.clock)
    app = App(api, hub, StaticFiles(), pulse, context.issuer, context.settings)
    return Edge(app, web, context.clock, context.log), hub


@contextlib.asynccontextmanager
async def start(context: Context) -> AsyncIterator[None]:
    """Serve HTTP and WebSocket until the process is told to stop."""
    pulse = Pulse(context.clock)
    app, hub = build_app(context, pulse)
    server = serving.build(app, context.settings.web)
    listener = serving.listen(context.settings.web)
    context.spawn(_beat(pulse), "pulse")
    task = context.spawn(_serve(context, server, listener), "http")
    try:
        yield
    finally:
        await hub.close()
        server.should_exit = True
        await asyncio.gather(task, return_exceptions=True)
        listener.close()


async def _serve(context: Context, server: serving.Server, listener: socket.socket) -> None:
    await server.serve(sockets=[listener])
    if not context.stopping.is_set():
        raise RuntimeError("the HTTP server ended by itself")


async def _beat(pulse: Pulse) -> None:
    while True:
        pulse.beat()
        await asyncio.sleep(_BEAT_S)
